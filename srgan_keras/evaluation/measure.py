"""Measure the baselines and the models on one photograph."""

from collections.abc import Iterator, Sequence

import numpy as np

from srgan_keras.evaluation.observer import Observer, Result, tell
from srgan_keras.evaluation.protocol import Author, Method, Standard, Values


def measure(
    protocol: Standard | Author,
    image: np.ndarray,
    models: dict[str, Method],
    mask: np.ndarray | None = None,
    observers: Sequence[Observer] = (),
) -> Iterator[tuple[str, str, Values]]:
    """Measure the baselines and the models on one photograph.

    Args:
        protocol: how to make LR and compare SR with HR.
        image: uint8 RGB [H, W, 3].
        models: by name.
        mask: field of view of a preprocessed photograph, bool [H, W].
        observers: receive each result, and the parts of the work.

    Yields:
        (name, region, values): the name is a baseline or a key of `models`.

    Raises:
        UsageError: the photograph is too small.
    """
    sample = protocol.sample(image, mask)
    tell(observers, "done", "LR and regions")
    for name in (*protocol.baselines, *models):
        if name in models:
            sr = protocol.upscale(models[name], sample)
        else:
            sr = protocol.baseline(name, sample)
        tell(observers, "done", name if name in models else "baselines")
        result = Result(protocol, sample, name, sr, protocol.compare(sample, sr))
        tell(observers, "done", "metrics")
        tell(observers, "measured", result)
        for region, values in result.values.items():
            yield name, region, values
