"""The surround of the retina in a frame: black, a glow, a page, or a second retina."""

import cv2
import numpy as np

_SIDE = 256  # px, long side of the images that are looked at
_CORNER = 4  # px of these
_ALIKE = 6  # grey levels between corners of one colour
_FLAT = 3.0  # grey levels, largest deviation inside such a corner
_BRIGHT = 64  # grey level: a glow around the retina is darker than a page
_APART = 3  # grey levels over the noise of the surround
_FULL = 0.92  # of the frame: a glow, since two circles leave more of it dark
_NECK = 1.2  # radii of the largest circle that belong to its retina
_CONVEX = 0.96  # share of its hull that one retina fills; two that touch fill 0.88
_SECOND = 0.5  # radius of the circle of a second retina, over that of the first


def colour(image: np.ndarray) -> np.ndarray | None:
    """Return the colour that at least three corners share, uint8 [3]; None if no three do.

    Args:
        image: uint8 RGB [H, W, 3].
    """
    ends = (slice(None, _CORNER), slice(-_CORNER, None))
    corners = [_small(image)[rows, columns].reshape(-1, 3) for rows in ends for columns in ends]
    flat = [np.median(c, axis=0) for c in corners if (np.std(c, axis=0) <= _FLAT).all()]
    for one in flat:
        alike = [other for other in flat if np.abs(one - other).max() <= _ALIKE]
        if len(alike) >= 3:
            return np.median(alike, axis=0).astype(np.uint8)
    return None


def page(image: np.ndarray) -> np.ndarray | None:
    """Return the colour of the page that a photograph, uint8 RGB [H, W, 3], is on, or None."""
    found, small = colour(image), _small(image).astype(np.int16)
    if found is None or found.max() < _BRIGHT or np.ptp(found) > _BRIGHT:
        return None
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    alike = np.abs(edge - found).max(axis=1) <= 2 * _ALIKE
    return found if alike.mean() >= 0.5 else None  # a retina without surround has shades


def apart(image: np.ndarray) -> np.ndarray:
    """Find what differs from the surround, however dim it is.

    Args:
        image: uint8 RGB [H, W, 3].

    Returns:
        bool [h, w] at 256 px. Without a surround of one colour, what differs from black; without
        any, everything.
    """
    difference = _difference(image)
    ends = (slice(None, 2 * _CORNER), slice(-2 * _CORNER, None))
    corners = sorted(int(difference[rows, columns].max()) for rows in ends for columns in ends)
    level = corners[1]  # noise and glow reach more than one corner
    return difference > (level + _APART if level < _BRIGHT else -1)


def without_page(image: np.ndarray) -> np.ndarray:
    """Return the image with the page around the largest figure black; without a page, as it is.

    Args:
        image: uint8 RGB [H, W, 3].
    """
    if page(image) is None:
        return image
    difference = _difference(image)
    otsu, _ = cv2.threshold(difference, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    figure = _largest(difference > otsu / 4)
    size = image.shape[1::-1]
    inside = cv2.resize(figure.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.where(inside[..., np.newaxis] > 0, image, np.uint8(0))


def has_two_retinas(image: np.ndarray) -> bool:
    """Tell whether a frame, uint8 RGB [H, W, 3], shows a second field of view, however dim.

    The largest circle in what differs from the surround is taken away. The rest of one retina
    is thin, even if the frame cuts it off.
    """
    lit = apart(image).astype(np.uint8)
    outlines, _ = cv2.findContours(lit, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(lit, outlines, -1, 1, cv2.FILLED)
    if lit.mean() > _FULL:
        return False
    _, parts = cv2.connectedComponents(lit)
    radius, first = _circle(lit)
    cv2.circle(lit, first, round(_NECK * radius), 0, cv2.FILLED)
    second_radius, second = _circle(lit)
    if second_radius <= max(_SECOND * radius, 4):
        return False
    part = parts[first[::-1]]
    return part != parts[second[::-1]] or not _is_convex(parts == part)


def _is_convex(mask: np.ndarray) -> bool:
    """Tell whether a connected part, bool [h, w], almost fills its convex hull."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    return np.count_nonzero(mask) > _CONVEX * cv2.contourArea(cv2.convexHull(points))


def _circle(lit: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Return radius and centre of the largest circle in it."""
    framed = cv2.copyMakeBorder(lit, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    _, radius, _, centre = cv2.minMaxLoc(distance[1:-1, 1:-1])
    return radius, centre


def _small(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    factor = min(1, _SIDE / max(height, width))
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _difference(image: np.ndarray) -> np.ndarray:
    """Return the largest difference of the channels from the surround, uint8 [h, w]."""
    small, around = _small(image), colour(image)
    if around is None or (around.max() >= _BRIGHT and page(image) is None):
        around = np.zeros(3, np.uint8)
    return cv2.medianBlur(cv2.absdiff(small, np.broadcast_to(around, small.shape)).max(axis=2), 5)


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected part, its holes filled, bool [h, w]."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled > 0
