"""Degradation `clinical`, version 2: a photograph taken badly, as a function of (seed, index).

Faults of the frame come first, then those of the sensor in physical order: defocus, motion,
reduction, noise, JPEG. Each has its own probability and range in `config.Clinical`, and a share of
the photographs stays clean.
"""

import numpy as np

from srgan_keras.config import Clinical
from srgan_keras.data import frame_faults, sensor_faults
from srgan_keras.data.draws import Draws
from srgan_keras.data.window import Window


def degrade(
    image: np.ndarray,
    settings: Clinical,
    scale: int,
    seed: int,
    index: int,
    window: Window | None = None,
) -> np.ndarray:
    """Spoil and reduce a photograph or a crop of one.

    A crop of the degraded frame equals the degraded crop if the crop's corner is a multiple of
    `scale`. Only pixels near the border differ: those within reach of blur, kernel or JPEG block.

    Args:
        image: RGB [H, W, 3] in 0..255, H and W multiples of `scale`.
        settings: probabilities and ranges.
        scale: HR side over LR side, 1 or more.
        seed: 0 or more, of the run.
        index: 0 or more, of the photograph.
        window: where the crop lies; None: the image is the whole frame.

    Returns:
        float32 [H / scale, W / scale, 3], not rounded, not clipped.
    """
    height, width = image.shape[:2]
    window = window or Window(height, width)
    draws = Draws(seed, index, settings.strength)
    hr = image.astype(np.float32)
    if draws.of("clean", settings.clean_share):
        return sensor_faults.reduce(hr, scale, "bicubic")
    place = window.coordinates(height, width)
    hr = 255 * frame_faults.spoil(hr / 255, place, settings, draws)
    hr = sensor_faults.optics(hr, max(window.frame_height, window.frame_width), settings, draws)
    kernel = draws.generator("kernel").choice(settings.kernels)
    lr = sensor_faults.reduce(hr, scale, kernel)
    return sensor_faults.sensor(lr, (window.top // scale, window.left // scale), settings, draws)
