"""The faults of a poor camera on a photograph at LR size, drawn for each photograph.

Version 1: four faults in random order, each of random strength down to none.

The noise follows A. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for
single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008. The random order follows
K. Zhang et al., "Designing a practical degradation model for deep blind image super-resolution",
ICCV 2021.
"""

import cv2
import numpy as np

from srgan_keras.rounding import to_uint8

DEFOCUS = 1.0  # LR px, largest standard deviation of the Gaussian
FALLOFF = 0.4  # largest share of the light that the farthest corner loses
READ_NOISE = 4.0  # grey levels, largest standard deviation in the dark
SHOT_NOISE = 0.3  # largest variance a grey level of signal
JPEG_QUALITY = (60, 95)

_STREAM = 1  # apart from the one that crops are drawn from


def clinical(lr: np.ndarray, seed: int, index: int) -> np.ndarray:
    """Add the faults to a photograph; a function of its pixels and of (seed, index) alone.

    Args:
        lr: float32 RGB [h, w, 3] in 0..255.
        seed: 0 or more, of the run.
        index: 0 or more, of the photograph.

    Returns:
        float32 [h, w, 3] before rounding.
    """
    rng = np.random.default_rng((seed, index, _STREAM))
    faults = (_defocus, _falloff, _noise, _jpeg)
    for position in rng.permutation(len(faults)):
        lr = faults[position](lr, rng)
    return lr


def _defocus(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = max(rng.uniform(0, DEFOCUS), 1e-3)  # OpenCV takes 0 for a size of its own choice
    side = 2 * int(np.ceil(3 * DEFOCUS)) + 1
    return cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def _falloff(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darken with the squared distance from the brightest point, which is in the middle half."""
    height, width = image.shape[:2]
    top, left = rng.uniform(0.25, 0.75, 2) * (height, width)
    squared = (np.arange(height)[:, None] - top) ** 2 + (np.arange(width) - left) ** 2
    gain = 1 - rng.uniform(0, FALLOFF) * squared / max(squared.max(), 1e-9)
    return image * gain.astype(np.float32)[..., None]


def _noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    read, shot = rng.uniform(0, READ_NOISE), rng.uniform(0, SHOT_NOISE)
    sigma = np.sqrt(read**2 + shot * np.maximum(image, 0))
    return image + sigma * rng.standard_normal(image.shape, np.float32)


def _jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(*JPEG_QUALITY, endpoint=True))
    _, data = cv2.imencode(".jpg", to_uint8(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB).astype(np.float32)
