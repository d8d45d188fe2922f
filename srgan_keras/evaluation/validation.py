"""Validation during training: PSNR and pictures of the validation photographs."""

import logging
from collections.abc import Callable, Iterator
from itertools import islice

import keras
import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.data.photograph import Photograph
from srgan_keras.data.registration import WeakRegistration
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.protocol import Sample, Standard

log = logging.getLogger(__name__)

PHOTOGRAPHS = 8  # enough to follow a run; the final measurement uses the whole test split


class Validation:
    """Measures generators on the first few validation photographs, by protocol `standard`.

    Args:
        photographs: the validation split.
        standard: the protocol.
        draw: receives LR, SR and HR of the first photograph, all uint8, and a file name.

    Raises:
        UsageError: a photograph cannot be decoded, or no pair can be aligned.
    """

    def __init__(
        self, photographs: list[Photograph], standard: Standard, draw: Callable[..., None]
    ) -> None:
        self._draw = draw
        self._cases = list(islice(_samples(photographs, standard), PHOTOGRAPHS))
        if not self._cases:
            raise UsageError("no validation photograph can be measured: see the lines above")
        reference = [standard.baseline(standard.reference, case) for case in self._cases]
        self._reference = {f"{standard.reference}_psnr": self._psnr(reference)}

    def of(self, stage: str, generator: keras.Model) -> Callable[[int], dict[str, float]]:
        """Return a function: step -> mean PSNR `inner` of SR and of the reference, in dB.

        The function also draws the first photograph.

        Args:
            stage: prefix of the picture's name.
            generator: LR float32 [N, h, w, 3] in 0..1 -> SR, called in inference mode.
        """

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
        def upscale(lr: tf.Tensor) -> tf.Tensor:
            sr = generator(tf.cast(lr, tf.float32) / 255.0, training=False)
            return tf.cast(tf.round(tf.clip_by_value(sr, 0.0, 1.0) * 255.0), tf.uint8)

        def measure(step: int) -> dict[str, float]:
            results = [upscale(case.lr[None]).numpy()[0] for case in self._cases]
            first = self._cases[0]
            self._draw(first.lr, results[0], first.hr, f"{stage}-{step:07d}.png")
            return {"val_psnr": self._psnr(results)} | self._reference

        return measure

    def _psnr(self, results: list[np.ndarray]) -> float:
        pairs = zip(self._cases, results, strict=True)
        values = [metrics.psnr(case.hr, sr, case.regions["inner"]) for case, sr in pairs]
        finite = [value for value in values if np.isfinite(value)]
        return float(np.mean(finite)) if finite else np.nan  # at scale 1 all may be clean


def _samples(photographs: list[Photograph], standard: Standard) -> Iterator[Sample]:
    """Prepare one photograph after the other, except for pairs that cannot be aligned."""
    for photograph in photographs:
        try:
            yield standard.prepare(photograph)
        except WeakRegistration as reason:
            log.warning("%s is skipped: %s", photograph.id, reason)
