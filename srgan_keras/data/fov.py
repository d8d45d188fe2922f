"""The field of view (FOV) of a fundus photograph: its mask, the crop to it, the working size."""

import cv2
import numpy as np

from srgan_keras.data import surround
from srgan_keras.errors import UsageError

FOV_MASK_VERSION = 1
"""The default version; every result names the version of its masks."""

_MASK_SIDE = 512  # px, long side of the image in which the mask is found
_DARKEST = 10  # grey level, least threshold


def fov_mask(image: np.ndarray, version: int = FOV_MASK_VERSION) -> np.ndarray:
    """Find the field of view.

    Version 1, at 512 px: largest channel of each pixel, median filter of 5 px, threshold at a
    quarter of Otsu's (10 at least), largest connected component, its convex hull.
    Version 2 measures from the grey level of a surround that is not black. The corners give the
    level, if three of them agree.
    Version 3 is version 2 of the frame without its outer black lines. A black border around a
    photograph moves the threshold of versions 1 and 2, but not that of version 3.
    Version 4 is version 3 with a bright page around the photograph made black.

    Args:
        image: uint8 RGB [H, W, 3].
        version: 1, 2, 3 or 4.

    Returns:
        bool [H, W]; all False if nothing is brighter than the threshold.

    Raises:
        UsageError: the image is a strip that vanishes at 512 px.
    """
    height, width = image.shape[:2]
    if version == 4:
        return fov_mask(surround.without_page(image), version=3)
    if version == 3:
        whole, lit = np.zeros((height, width), bool), _lit(image)
        if image[lit].size:
            whole[lit] = fov_mask(image[lit], version=2)
        return whole
    mask = _small_mask(image, version)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) > 0


def frame_problem(image: np.ndarray, version: int = FOV_MASK_VERSION) -> str | None:
    """Return why a frame has no single field of view that `fov_mask` finds, or None if it has.

    Args:
        image: uint8 RGB [H, W, 3].
        version: of the mask.
    """
    if version < 4 and surround.page(image) is not None:
        height, width = image.shape[:2]
        mask = fov_mask(image, version)
        corners = mask[:: max(1, height - 1), :: max(1, width - 1)]
        if np.count_nonzero(corners) > 1:
            return "bright page around the retina, which version 4 of the FOV mask finds"
    return "several fields of view" if surround.has_two_retinas(image) else None


def cropped_to_fov(
    image: np.ndarray, long_side: int, version: int = FOV_MASK_VERSION
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """Find the field of view, crop to its box, scale down to a long side in px; 0 keeps the size.

    The result equals `scale_to_long_side(*crop_to_fov(image, fov_mask(image)), long_side)`. For
    versions 1 and 2 it saves the mask of the frame's size: it numbers that mask's rows and columns
    instead.

    Returns:
        image, mask, and the box in px of the frame: left, top, width, height. If there is no field
        of view, the box is 0, 0, 0, 0, and the image is the whole frame.

    Raises:
        UsageError: the image is a strip that vanishes at this size.
    """
    if version > 2:
        mask = fov_mask(image, version)
        box = cv2.boundingRect(mask.view(np.uint8))
        return *scale_to_long_side(*crop_to_fov(image, mask), long_side), box
    small = _small_mask(image, version)
    lines, box = [], []
    for axis in (0, 1):
        sides = np.arange(small.shape[axis], dtype=np.int32)[:, None]
        line = cv2.resize(sides, (1, image.shape[axis]), interpolation=cv2.INTER_NEAREST)
        (inside,) = np.nonzero(small.any(axis=1 - axis)[line[:, 0]])
        start, size = (int(inside[0]), int(np.ptp(inside)) + 1) if inside.size else (0, 0)
        lines.append(line[start : start + size] if size else line)
        box.append((start, size))
    (top, height), (left, width) = box
    if width:
        image = image[top : top + height, left : left + width]
    factor = min(1, long_side / max(image.shape[:2])) if long_side else 1
    image = _reduce(image, long_side, cv2.INTER_AREA) if long_side else image
    rows, columns = (
        cv2.resize(line, None, fx=1, fy=factor, interpolation=cv2.INTER_NEAREST)[:, 0]
        for line in lines
    )
    mask = small.view(bool).take(rows, axis=0).take(columns, axis=1)
    return image, mask, (left, top, width, height)


def _lit(image: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns between the first and the last that have a bright pixel."""
    bright = image.max(axis=2) > _DARKEST
    ends = [np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(e[0], e[-1] + 1) if e.size else slice(0) for e in ends)
    return rows, columns


def _small_mask(image: np.ndarray, version: int) -> np.ndarray:
    """Return the mask at 512 px, uint8, 0 or 1."""
    small = _reduce(image, _MASK_SIDE, cv2.INTER_AREA)
    channels = cv2.split(small)  # NumPy's maximum along the last axis is slow
    grey = cv2.medianBlur(cv2.max(cv2.max(*channels[:2]), channels[2]), 5)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    level = _surround(grey, otsu) if version == 2 else 0.0
    bright = grey > level + max(_DARKEST, (otsu - level) / 4)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        bright.astype(np.uint8), connectivity=8
    )
    mask = np.zeros_like(grey)
    if count > 1:
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        component = (labels == largest).astype(np.uint8)
        (outline,), _ = cv2.findContours(component, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.fillConvexPoly(mask, cv2.convexHull(outline), 1)
    return mask


def _surround(grey: np.ndarray, otsu: float) -> float:
    """Return the grey level around the retina; 0 if the corners do not show it."""
    side = 8
    ends = (slice(None, side), slice(-side, None))
    corners = np.sort([np.median(grey[rows, columns]) for rows in ends for columns in ends])
    level = float(corners[1])
    return level if corners[2] - corners[0] <= 6 and level < otsu else 0.0


def crop_to_fov(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crop image [H, W, 3] and mask [H, W] to the mask's tight box; an empty mask crops nothing."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if width == 0:
        return image, mask
    box = slice(top, top + height), slice(left, left + width)
    return image[box], mask[box]


def scale_to_long_side(
    image: np.ndarray, mask: np.ndarray, long_side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scale image and mask down to a long side in px, never up; 0 keeps their size.

    INTER_AREA scales the image, INTER_NEAREST the mask.

    Raises:
        UsageError: the image is a strip that vanishes at this size.
    """
    if long_side == 0:
        return image, mask
    small = _reduce(mask.astype(np.uint8), long_side, cv2.INTER_NEAREST)
    return _reduce(image, long_side, cv2.INTER_AREA), small > 0


def erode_inner(mask: np.ndarray) -> np.ndarray:
    """Return region `inner`: the mask [H, W] without its edge.

    A 3x3 square erodes it max(3, int(0.04 x long side)) times. Pixels outside the frame count as
    outside the mask.
    """
    times = max(3, int(0.04 * max(mask.shape)))
    eroded = cv2.erode(
        mask.astype(np.uint8),
        np.ones((3, 3), np.uint8),
        iterations=times,
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return eroded > 0


def shrink(image: np.ndarray, long_side: int) -> np.ndarray:
    """Scale an image down to a long side, never up, for display: it halves first, which is fast.

    Each halving rounds to 8 bit, so measurements and training do not use this.
    """
    while max(image.shape[:2]) >= 2 * long_side and min(image.shape[:2]) > 1:
        height, width = (side // 2 for side in image.shape[:2])
        even = image[: 2 * height, : 2 * width]
        image = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    factor = min(1, long_side / max(image.shape[:2]))
    height, width = (max(1, round(factor * side)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _reduce(image: np.ndarray, long_side: int, interpolation: int) -> np.ndarray:
    """Scale down to a long side, never up."""
    height, width = image.shape[:2]
    factor = long_side / max(height, width)
    if factor >= 1:
        return image
    if min(height, width) * factor < 1:
        raise UsageError(
            f"{width} x {height} px is no photograph: it vanishes at {long_side} px; remove it"
        )
    # by factor, not by size: the rounding of the sides must not stretch the image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)
