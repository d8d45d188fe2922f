"""How well a mask is found, inside the field of view; one class of one photograph at a time.

Precision, recall, Dice and IoU are of probabilities of at least 0.5. Where the truth is empty,
recall and AUPR are NaN, and precision too where nothing was found; Dice and IoU are then 1, or 0
where something was found. Where nothing was found of what there is, precision is 0. NaN enters no
mean, and `evaluation.statistics.summary` counts it.
"""

import math

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from srgan_keras.metrics.masks import LEVELS, found, overlap

WIDTHS = {"thin": (0, 3), "medium": (3, 6), "wide": (6, math.inf)}
"""Vessel widths in working px: above the first, up to the second."""


def histogram(truth: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return how many pixels of either kind have each level, int64 [2, LEVELS]: 0 not, 1 truth."""
    return np.stack([np.bincount(score[truth == kind], minlength=LEVELS) for kind in (False, True)])


def curve(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall at each threshold that occurs, from the highest down."""
    used = counts.sum(0)[::-1] > 0
    negative, positive = (np.cumsum(c[::-1])[used] for c in counts)
    return positive / (positive + negative), positive / max(1, int(counts[1].sum()))


def aupr(counts: np.ndarray) -> float:
    """Average precision, sum (R_n - R_n-1) P_n, of a histogram or of the sum of several."""
    if not counts[1].any():
        return math.nan
    precision, recall = curve(counts)
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def sensitivity_by_width(truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the share of vessel pixels found, by the width of the vessel that they belong to.

    A vessel is as wide as twice the distance from its centre line to its edge less one, so that an
    even width counts as the odd one below. A pixel belongs to the nearest centre line.
    """
    result = dict.fromkeys((f"sensitivity_{name}" for name in WIDTHS), math.nan)
    if not truth.any():
        return result
    inside = ndimage.distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
    nearest = ndimage.distance_transform_edt(
        ~skeletonize(truth), return_distances=False, return_indices=True
    )
    width = (2 * inside - 1)[tuple(nearest)]
    for name, (low, high) in WIDTHS.items():
        part = truth & (width > low) & (width <= high)
        if part.any():
            result[f"sensitivity_{name}"] = float(mask[part].mean())
    return result


def score(
    name: str, task: str, truth: np.ndarray, probability: np.ndarray, fov: np.ndarray
) -> dict[str, float]:
    """Return every metric of one class, named `NAME_METRIC`.

    Args:
        name: of the class.
        task: vessels are also measured by width.
        truth: bool [H, W].
        probability: uint16 [H, W], see `levels`.
        fov: bool [H, W].
    """
    mask = found(probability)
    values = overlap(truth[fov], mask[fov])
    values["aupr"] = aupr(histogram(truth[fov], probability[fov]))
    if task == "vessels":
        values |= sensitivity_by_width(truth & fov, mask)
    return {f"{name}_{metric}": value for metric, value in values.items()}
