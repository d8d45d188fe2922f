"""The metric vgg_distance, by VGG-19 with the weights of ImageNet."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.config import Vgg
from srgan_keras.evaluation.observer import Observer, Result
from srgan_keras.evaluation.protocol import Sample
from srgan_keras.models.vgg19 import build_features, build_vgg19

STRIDE = 4  # px of the image for one of the feature map
HALO = 24  # px, no less than the radius of the receptive field
STRIP_PIXELS = 2**20  # of a photograph at once: its feature maps take half a GB

Features = Callable[[np.ndarray], np.ndarray]
"""uint8 RGB [H, W, 3] -> feature map float32 [h, w, C]."""


class VggDistance(Observer):
    """Adds vgg_distance to the values of the full frame.

    Args:
        features: for example `vgg_features`.
    """

    def __init__(self, features: Features) -> None:
        self._features = features
        self._sample: Sample | None = None

    def measured(self, result: Result) -> str:
        """Compare the features of SR with those of HR."""
        if result.sample is not self._sample:
            self._sample, self._expected = result.sample, self._features(result.sample.hr)
        distance = metrics.vgg_distance(self._expected, self._features(result.sr))
        result.values["full"]["vgg_distance"] = distance
        return "VGG-19"


def vgg_features(weights: str = "bundled") -> Features:
    """Load the network that vgg_distance compares features of; it sees large images in strips.

    Args:
        weights: see `build_vgg19`.

    Raises:
        UsageError: a file is missing or holds something else.
    """
    base, _ = build_vgg19(weights, [metrics.VGG_LAYER])
    network = build_features(base, Vgg(feature_scale=1.0), {"content": metrics.VGG_LAYER})

    def part(image: np.ndarray) -> np.ndarray:
        levels = tf.constant(image[None], tf.float32) / 255
        return network(levels, training=False)["content"].numpy()[0]

    def features(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        rows = max(HALO, STRIP_PIXELS // width // STRIDE * STRIDE)
        strips = []
        for top in range(0, height, rows):
            start = max(0, top - HALO)
            first = (top - start) // STRIDE
            strip = part(image[start : top + rows + HALO])
            strips.append(strip[first : first + rows // STRIDE])
        return np.concatenate(strips)

    return features
