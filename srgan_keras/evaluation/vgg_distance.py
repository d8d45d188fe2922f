"""The metric vgg_distance, which needs the ImageNet weights of VGG-19."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.config import Vgg
from srgan_keras.evaluation.observer import Observer, Result
from srgan_keras.evaluation.protocol import Sample
from srgan_keras.models.vgg19 import build_features, build_vgg19

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


def vgg_features(weights: Path) -> Features:
    """Load the network that vgg_distance compares features of.

    Args:
        weights: ImageNet weights of VGG-19, a file for include_top=False.

    Raises:
        UsageError: the file is missing or holds something else.
    """
    base, _ = build_vgg19(str(weights))
    network = build_features(base, Vgg(feature_scale=1.0), {"content": metrics.VGG_LAYER})

    def features(image: np.ndarray) -> np.ndarray:
        levels = tf.constant(image[None], tf.float32) / 255
        return network(levels, training=False)["content"].numpy()[0]

    return features
