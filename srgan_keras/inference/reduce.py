"""Results of any size: SR, reduced by area to the long side that is asked for."""

from dataclasses import replace

import cv2
import numpy as np

from srgan_keras.data.image_file import ImageFile


def side_of(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the size of SR after its reduction.

    Args:
        height: of SR in px.
        width: of SR in px.
        long_side: its new long side. 0, or one that is larger: SR is not reduced.
    """
    longest = max(height, width)
    if not 0 < long_side < longest:
        return height, width
    return tuple(max(1, round(side * long_side / longest)) for side in (height, width))


def reduced(image: ImageFile, lr: ImageFile, scale: int, long_side: int) -> ImageFile:
    """Reduce SR, or a picture as high as it, and give it the density of its pixels.

    Args:
        image: SR, or SR and another beside it.
        lr: the image that it was made from; its header goes with the result.
        scale: SR side over LR side.
        long_side: see `side_of`.
    """
    height, width = (side * scale for side in lr.colour.shape[:2])
    new_height, new_width = side_of(height, width, long_side)
    density = lr.density
    if density is not None:
        shares = scale * new_width / width, scale * new_height / height
        density = density[0] * shares[0], density[1] * shares[1]
    image = replace(image, density=density, header=lr.header)
    if (new_height, new_width) == (height, width):
        return image
    beside = image.colour.shape[1] // width
    size = new_width * beside, new_height

    def smaller(levels: np.ndarray) -> np.ndarray:
        return cv2.resize(levels, size, interpolation=cv2.INTER_AREA)

    alpha = None if image.alpha is None else smaller(image.alpha)
    return replace(image, colour=smaller(image.colour), alpha=alpha)
