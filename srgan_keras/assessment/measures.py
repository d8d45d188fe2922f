"""All measures of one photograph."""

from dataclasses import dataclass

import cv2
import numpy as np

from srgan_keras.assessment import pixels
from srgan_keras.assessment.frame import Frame, dust, vessels
from srgan_keras.data import fov

FULL, DARK = 254, 15
"""Grey levels: a channel from which a pixel is saturated; the largest up to which it is dark."""

_LEAST_SIDE = 64  # px; a smaller field of view shows nothing that can be measured
_LEAST_SHARE = 0.05  # of the frame
_MOST_SIDE = 1024  # px; a larger part of a photograph would only cost memory


@dataclass(frozen=True)
class Measures:
    """The values of one photograph, in the order of the table's columns.

    Attributes:
        width: of the file, px.
        height: the same.
        fov: long side of the field of view, px; 0: none is found, and all that follows is NaN.
        contrast: local contrast of green, median: the overall quality, larger is better.
        blur: 0 (sharp) to 1.
        noise: standard deviation, grey levels.
        falloff: ln(light in the middle / on the darkest side).
        shadow: ln(median / darkest light).
        halo: ln(light at the edge / further in).
        veil: light where there should be none, beside the contrast that is left.
        dust: darkness of the darkest round spot.
        red_green: ln(red / green), median.
        green_blue: ln(green / blue), median.
        level: mean of the largest channel, grey levels.
        saturated: share of pixels with a channel of `FULL` or more.
        dark: share of pixels with all channels up to `DARK`.
        blocks: steps between JPEG blocks, beside fine detail.
    """

    width: int
    height: int
    fov: int = 0
    contrast: float = np.nan
    blur: float = np.nan
    noise: float = np.nan
    falloff: float = np.nan
    shadow: float = np.nan
    halo: float = np.nan
    veil: float = np.nan
    dust: float = np.nan
    red_green: float = np.nan
    green_blue: float = np.nan
    level: float = np.nan
    saturated: float = np.nan
    dark: float = np.nan
    blocks: float = np.nan


def measure(image: np.ndarray) -> Measures:
    """Measure a photograph, uint8 RGB [H, W, 3].

    Raises:
        UsageError: it is a strip that vanishes at 512 px.
    """
    height, width = image.shape[:2]
    mask = fov.fov_mask(image)
    inside = fov.erode_inner(mask)
    box = cv2.boundingRect(inside.astype(np.uint8))
    if min(box[2:]) < _LEAST_SIDE or mask.mean() < _LEAST_SHARE:
        return Measures(width, height)
    middle = np.ascontiguousarray(image[_middle(box, 0.6)])
    most = _middle(box, 1.0)
    blocks = pixels.blocks(image[most], inside[most], middle)
    image, mask = fov.crop_to_fov(image, mask)
    frame = Frame(image, mask)
    largest = image.max(axis=2)[mask]
    red_green, green_blue = frame.colour()
    low = max(frame.contrast(5), 1e-3)
    seen = max(vessels(image, mask), 1e-3)
    return Measures(
        width,
        height,
        fov=max(mask.shape),
        contrast=frame.contrast(50),
        blur=pixels.blur(middle[..., 1]),
        noise=pixels.noise(middle),
        falloff=frame.falloff(),
        shadow=frame.shadow(),
        halo=frame.halo(),
        veil=0.3 * np.log(frame.dark_level() + 1e-3) - np.log(low) - np.log(seen),
        dust=dust(image, mask),
        red_green=red_green,
        green_blue=green_blue,
        level=float(largest.mean()),
        saturated=float((largest >= FULL).mean()),
        dark=float((largest <= DARK).mean()),
        blocks=blocks,
    )


def _middle(box: tuple[int, int, int, int], share: float) -> tuple[slice, slice]:
    """Return the middle of a box (left, top, width, height), a share of each side."""
    left, top, width, height = box
    sides = []
    for start, side in ((top, height), (left, width)):
        margin = max(round(side * (1 - share) / 2), (side - _MOST_SIDE) // 2)
        sides.append(slice(start + margin, start + side - margin))
    return sides[0], sides[1]
