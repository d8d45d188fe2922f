"""A trained segmentation network on whole photographs, and the vessels that it finds in a pair."""

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import yaml

from srgan_keras.errors import UsageError
from srgan_keras.metrics.masks import false_regions, found, levels, overlap
from srgan_keras.models.unet import build_unet

WEIGHTS = "segmenter.weights.h5"
"""File of a training's folder."""

VESSEL_METRICS = ("vessel_dice", "false_vessels_per_megapixel")


class Predictor:
    """A trained network on whole photographs: uint8 RGB [H, W, 3] -> uint16 [H, W, C].

    Args:
        network: image [N, H, W, 3] float32 in 0..1 -> logits [N, H, W, C].
        depth: times it halves the sides. Photographs are padded to a multiple of 2^depth: before
            an odd side a strided convolution lies elsewhere than before the even ones of training.
    """

    def __init__(self, network: keras.Model, depth: int) -> None:
        self.multiple = 2**depth
        spec = tf.TensorSpec((1, None, None, 3))
        call = tf.function(lambda x: tf.sigmoid(network(x, training=False)), input_signature=[spec])
        self._call = call

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities of each class, see `metrics.masks.levels`."""
        height, width = image.shape[:2]
        missing = [(0, -side % self.multiple) for side in (height, width)]
        padded = np.pad(image, (*missing, (0, 0)), mode="edge")
        floats = padded[np.newaxis].astype(np.float32) / 255
        return levels(self._call(tf.constant(floats)).numpy()[0, :height, :width])


def load_segmenter(folder: Path) -> Predictor:
    """Load a vessel segmenter that `downstream segmentation` trained: OUT/trainings/NAME.

    Raises:
        UsageError: the folder holds no finished training of vessels.
    """
    try:
        plan = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        finished = json.loads((folder / "run.json").read_text(encoding="utf-8"))["finished"]
        task, kind, depth, width = (plan[key] for key in ("task", "network", "depth", "width"))
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        raise UsageError(
            f"{folder} is no training of a segmenter: give trainings/NAME of "
            "`srgan-keras downstream segmentation`"
        ) from None
    if task != "vessels":
        raise UsageError(f"{folder} segments {task}: give a segmenter of vessels")
    if not finished:
        raise UsageError(f"the training in {folder} is not finished: resume it first")
    network = build_unet(kind, 1, depth, width)
    network.load_weights(folder / WEIGHTS)
    return Predictor(network, depth)


class VesselReference:
    """The vessels that a segmenter finds in a good photograph.

    Args:
        predict: the segmenter.
        image: the good photograph, uint8 RGB [H, W, 3].
        mask: bool [H, W], where vessels count.
    """

    def __init__(self, predict: Predictor, image: np.ndarray, mask: np.ndarray) -> None:
        self._predict, self._mask = predict, mask
        self._vessels = self._find(image)

    def compare(self, other: np.ndarray) -> dict[str, float]:
        """Return the metrics of `VESSEL_METRICS` of a registered frame, uint8 RGB [H, W, 3].

        `vessel_dice` is the Dice coefficient of the two masks. A false vessel is a connected region
        of the other mask that lies nowhere within 3 px of this one. Counts are per megapixel that
        is farther than 3 px from the vessels of the good photograph.
        """
        vessels = self._find(other)
        false = false_regions(vessels, self._vessels, self._vessels, self._mask)
        dice = overlap(self._vessels[self._mask], vessels[self._mask])["dice"]
        return dict(zip(VESSEL_METRICS, (dice, false), strict=True))

    def _find(self, image: np.ndarray) -> np.ndarray:
        return found(self._predict(image)[..., 0]) & self._mask
