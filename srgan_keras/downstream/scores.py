"""How well a mask is found, inside the field of view; one class of one photograph at a time.

Precision, recall, Dice and IoU are of probabilities of at least 0.5. Where the truth is empty,
recall and AUPR are NaN, and precision too where nothing was found; Dice and IoU are then 1, or 0
where something was found. Where nothing was found of what there is, precision is 0. NaN enters no
mean, and `evaluation.statistics.summary` counts it.
"""

import math

import cv2
import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

LEVELS = 1 << 16
"""Probabilities are kept as round(65535 p): what differs by less is a tie."""
WIDTHS = {"thin": (0, 3), "medium": (3, 6), "wide": (6, math.inf)}
"""Vessel widths in working px: above the first, up to the second."""
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


def false_lesions(mask: np.ndarray, on_hr: np.ndarray, truth: np.ndarray, fov: np.ndarray) -> float:
    """Return lesions found here, but neither on HR nor by people, a megapixel of healthy retina.

    A lesion is a connected region, 8 neighbours; at most `NEAR` px away counts as the same.
    """
    square = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    known = cv2.dilate((truth | on_hr).astype(np.uint8), square) > 0
    healthy = fov & ~(cv2.dilate(truth.astype(np.uint8), square) > 0)
    if not healthy.any():
        return math.nan
    labels, count = ndimage.label(mask & fov, np.ones((3, 3)))
    return (count - len(np.unique(labels[known & (labels > 0)]))) / healthy.sum() * 1e6


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
