"""The mean and the spread of a model's 8-fold self-ensemble."""

import numpy as np

from srgan_keras.evaluation.protocol import Method
from srgan_keras.inference.ensemble import self_ensemble


class SelfEnsembled:
    """A model whose SR is the mean of its self-ensemble, at eight times the cost.

    Attributes:
        name: the model's name and a + (Lim et al. 2017, EDSR+).
    """

    def __init__(self, model: Method) -> None:
        self._model, self.name = model, f"{model.name}+"
        self.scale, self.degradation = model.scale, model.degradation
        self.info = getattr(model, "info", {})

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [scale h, scale w, 3], rounded."""
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""
        return mean_and_deviation(self._model, image)[0]


def mean_and_deviation(model: Method, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute both over the eight orientations of uint8 [h, w, 3].

    Returns:
        Two arrays, float32 [scale h, scale w, 3] in 0..1.
    """

    def network(images: np.ndarray) -> np.ndarray:
        return model.upscale_float(images[0])[np.newaxis]

    mean, deviation = self_ensemble(network, image[np.newaxis])
    return mean[0], deviation[0]
