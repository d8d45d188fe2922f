"""Faults of focus, sensor and file, measured at the photograph's own size: see docs/assess.md."""

import cv2
import numpy as np
from skimage.measure import blur_effect

BLOCK = 8
"""px; side of a JPEG block."""

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_FEWEST = 20  # px of a line inside the field of view


def blur(green: np.ndarray) -> float:
    """Return the blur of a green channel [H, W], 0 (sharp) to 1: how little more blur changes it.

    scikit-image's `blur_effect` with a window of 5 px. F. Crete et al., "The blur effect:
    perception and estimation with a new no-reference perceptual blur metric", SPIE 6492, 2007.
    Noise counts as sharpness.
    """
    return float(blur_effect(green, h_size=5))


def noise(middle: np.ndarray) -> float:
    """Return the noise of uint8 RGB [H, W, 3] in grey levels, the mean over red and green.

    The median of |N * image| / (6 x 0.6745), with N = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], which
    annuls smooth content and edges. J. Immerkaer, "Fast noise variance estimation", Computer Vision
    and Image Understanding 64(2), 1996; with the median instead of the mean.
    """
    found = [
        np.median(np.abs(cv2.filter2D(middle[..., i].astype(np.float32), -1, _LAPLACIAN)))
        for i in (0, 1)
    ]
    return float(np.mean(found) / (6 * 0.6745))


def blocks(image: np.ndarray, inside: np.ndarray, middle: np.ndarray) -> float:
    """Return the steps at the borders of JPEG blocks, beside the fine detail that is left.

    d is the absolute difference of neighbouring lines of luma, less the mean of the two next ones.
    A grid of 8 px has eight possible places. The largest mean of d among them, less the median,
    counts, summed over both directions. It is divided by the mean fine detail + 0.3 grey levels.

    Z. Wang, H. R. Sheikh, A. C. Bovik, "No-reference perceptual quality assessment of JPEG
    compressed images", ICIP 2002.

    Args:
        image: uint8 RGB [H, W, 3].
        inside: where it counts, bool [H, W].
        middle: the middle of `image`, for the fine detail.
    """
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steps = _step(luma, inside) + _step(luma.T, inside.T)
    green = middle[..., 1].astype(np.float32)
    detail = np.sqrt(np.pi / 2) / 6 * np.abs(cv2.filter2D(green, -1, _LAPLACIAN)).mean()
    return float(steps / (detail + 0.3))


def _step(luma: np.ndarray, inside: np.ndarray) -> float:
    """Return the largest mean step between columns 8 px apart, less the median of the others."""
    change = np.abs(np.diff(luma, axis=1))
    step = np.where(inside[:, 2:-1], change[:, 1:-1] - (change[:, :-2] + change[:, 2:]) / 2, 0)
    count = inside[:, 2:-1].sum(axis=0)
    used = count > _FEWEST
    column = step.sum(axis=0) / np.maximum(count, 1)
    phases = [column[i::BLOCK][used[i::BLOCK]] for i in range(BLOCK)]
    means = [phase.mean() if phase.size else 0.0 for phase in phases]
    return float(np.max(means) - np.median(means))
