"""Measure the baselines and the models on one photograph."""

from collections.abc import Iterator, Sequence

from srgan_keras.evaluation.observer import Observer, Result, tell
from srgan_keras.evaluation.protocol import Author, Method, Sample, Standard, Values


def measure(
    protocol: Standard | Author,
    sample: Sample,
    models: dict[str, Method],
    observers: Sequence[Observer] = (),
) -> Iterator[tuple[str, str, Values]]:
    """Measure the baselines and the models on one photograph.

    Args:
        protocol: how to compare SR with HR.
        sample: the photograph, prepared by the protocol.
        models: by name.
        observers: receive each result, and the parts of the work.

    Yields:
        (name, region, values): the name is a baseline or a key of `models`.
    """
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
