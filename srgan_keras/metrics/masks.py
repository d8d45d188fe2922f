"""Agreement of a segmenter's mask with another: overlap, and regions that only one of them has."""

import math

import cv2
import numpy as np
from scipy import ndimage

LEVELS = 1 << 16
"""Probabilities are kept as round(65535 p): what differs by less is a tie."""
NEAR = 3
"""px; found as near as this to something is found at it."""


def levels(probability: np.ndarray) -> np.ndarray:
    """Return probabilities in 0..1 as uint16."""
    return np.rint(probability * (LEVELS - 1)).astype(np.uint16)


def found(score: np.ndarray) -> np.ndarray:
    """Return where uint16 `score` says a probability of at least 0.5."""
    return score >= LEVELS // 2


def overlap(truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return precision, recall, dice and iou of two bool arrays of one shape."""
    both, t, m = (int(np.count_nonzero(x)) for x in (truth & mask, truth, mask))
    if t:
        precision, recall = both / m if m else 0.0, both / t
    else:
        precision, recall = 0.0 if m else math.nan, math.nan
    return {
        "precision": precision,
        "recall": recall,
        "dice": 2 * both / (t + m) if t + m else 1.0,
        "iou": both / (t + m - both) if t + m else 1.0,
    }


def false_regions(mask: np.ndarray, known: np.ndarray, truth: np.ndarray, fov: np.ndarray) -> float:
    """Return regions of a mask that nothing known explains, a megapixel of the rest.

    A region is connected, 8 neighbours; at most `NEAR` px away counts as the same. The rest is the
    field of view away from the truth.

    Args:
        mask: what is found, bool [H, W].
        known: what is no error beside the truth, the same.
        truth: what exists, the same.
        fov: the field of view, the same.
    """
    square = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    explained = cv2.dilate((truth | known).astype(np.uint8), square) > 0
    rest = fov & ~(cv2.dilate(truth.astype(np.uint8), square) > 0)
    if not rest.any():
        return math.nan
    labels, count = ndimage.label(mask & fov, np.ones((3, 3)))
    return (count - len(np.unique(labels[explained & (labels > 0)]))) / rest.sum() * 1e6
