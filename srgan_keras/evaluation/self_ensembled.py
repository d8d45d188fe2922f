"""Models by the mean and the spread of their 8-fold self-ensemble."""

import numpy as np

from srgan_keras.evaluation.protocol import Upscaler
from srgan_keras.inference.ensemble import self_ensemble


class SelfEnsembled:
    """A model whose SR is the mean of its self-ensemble, at eight times the work.

    Attributes:
        name: the model's with a + (Lim et al. 2017, EDSR+); all else is the model's.
    """

    def __init__(self, model: Upscaler) -> None:
        self._model, self.name = model, f"{model.name}+"
        self.scale, self.degradation = model.scale, model.degradation
        self.info = getattr(model, "info", {})

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Enlarge uint8 [h, w, 3] to uint8 [scale h, scale w, 3], rounded."""
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Enlarge uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""
        return mean_and_deviation(self._model, image)[0]


def mean_and_deviation(model: Upscaler, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both over the eight orientations of uint8 [h, w, 3], float32 of 0..1 at SR's size."""

    def network(images: np.ndarray) -> np.ndarray:
        return model.upscale_float(images[0])[np.newaxis]

    mean, deviation = self_ensemble(network, image[np.newaxis])
    return mean[0], deviation[0]
