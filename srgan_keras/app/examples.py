"""The examples of the page: phantoms, which are drawn and show nobody's eye."""

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np

from srgan_keras.config import DegradationName
from srgan_keras.data.degradations import degrade
from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.encode import encode
from srgan_keras.phantoms.phantom import phantom

_SIDE = 1024  # px, before the degradation
_THUMBNAIL = 128  # px


class Example(NamedTuple):
    """A phantom, and how it loses detail.

    Attributes:
        title: what the page calls it.
        seed: of the phantom.
        scale: by which it is reduced.
        degradation: by which it is spoiled.
    """

    title: str
    seed: int
    scale: int
    degradation: DegradationName


EXAMPLES = (
    Example("Small", 3, 4, "bicubic"),
    Example("Lesions", 12, 4, "bicubic"),
    Example("Spoiled", 7, 1, "clinical"),
)


@lru_cache
def photograph(number: int) -> ImageFile:
    """Return an example, which is drawn on its first use."""
    _, seed, scale, degradation = EXAMPLES[number]
    hr = phantom(seed, _SIDE).image[np.newaxis]
    return ImageFile(degrade(hr, degradation, scale, seed=seed).numpy()[0])


def thumbnail(number: int) -> bytes:
    """Return a small picture of an example as PNG."""
    buffer = BytesIO()
    colour = photograph(number).colour
    small = cv2.resize(colour, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    encode(buffer, ImageFile(small), "png")
    return buffer.getvalue()
