"""Operators that make an LR photograph from an HR one, each with a name and a version.

Each computes in float; `degrade` rounds once, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from srgan_keras.data import clinical as faults
from srgan_keras.errors import UsageError
from srgan_keras.models.bicubic import bicubic_downsample

GAUSSIAN_SIGMA = 0.4  # LR px: 1.6 HR px at x4


@dataclass(frozen=True)
class Operator:
    """A degradation.

    Attributes:
        version: changes when the results of `function` change.
        function: (HR float32 [N, H, W, 3] in 0..255, scale) -> LR float32 [N, H/scale, W/scale, 3]
            before rounding. A random one takes (HR, scale, seed, index).
        random: whether it draws random numbers, which depend on (seed, index) alone.
    """

    version: int
    function: Callable[..., tf.Tensor]
    random: bool = False


def cv2_linear(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Reduce bilinearly without antialiasing, as cv2.resize does by default."""
    size = tf.shape(hr)[1:3] // scale
    return tf.image.resize(hr, size, method="bilinear", antialias=False)


def area(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Reduce by the mean of scale x scale blocks, as cv2's INTER_AREA and a coarser sensor do."""
    return tf.nn.avg_pool2d(hr, scale, scale, "VALID")


def gaussian(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Blur with a Gaussian of 0.4 LR px, then sample the middle of each block."""
    taps = (np.arange(3 * scale) - (3 * scale - 1) / 2) / (GAUSSIAN_SIGMA * scale)
    line = np.exp(-(taps**2) / 2)
    line /= line.sum()
    kernel = np.einsum("i,j,cd->ijcd", line, line, np.eye(3)).astype(np.float32)
    hr = tf.pad(hr, [[0, 0], [scale, scale], [scale, scale], [0, 0]], "SYMMETRIC")
    return tf.nn.conv2d(hr, kernel, scale, "VALID")


def clinical(hr: tf.Tensor, scale: int, seed: int, index: tf.Tensor) -> tf.Tensor:
    """Reduce bicubically, then add the faults of `srgan_keras.data.clinical`."""

    def spoil(lr: np.ndarray, index: np.ndarray) -> np.ndarray:
        pairs = zip(lr, index, strict=True)
        return np.stack([faults.clinical(image, seed, int(i)) for image, i in pairs])

    lr = bicubic_downsample(hr, scale)
    return tf.ensure_shape(tf.numpy_function(spoil, [lr, index], tf.float32), lr.shape)


DEGRADATIONS = {
    "bicubic": Operator(version=1, function=bicubic_downsample),
    "cv2_linear": Operator(version=1, function=cv2_linear),
    "area": Operator(version=1, function=area),
    "gaussian": Operator(version=1, function=gaussian),
    "clinical": Operator(version=1, function=clinical, random=True),
}


def degrade(
    hr: tf.Tensor, name: str, scale: int, seed: int = 0, index: tf.Tensor | None = None
) -> tf.Tensor:
    """Make LR photographs, rounded half up to 8 bit.

    Args:
        hr: uint8 [N, H, W, 3], H and W multiples of `scale`.
        name: a key of DEGRADATIONS.
        scale: HR side over LR side.
        seed: of the random numbers, 0 or more.
        index: int64 [N], each photograph's own number, 0 or more; None numbers them from 0.

    Returns:
        uint8 [N, H / scale, W / scale, 3].

    Raises:
        UsageError: no degradation has that name.
    """
    if name not in DEGRADATIONS:
        raise UsageError(f"no degradation {name!r}: choose one of {', '.join(DEGRADATIONS)}")
    operator, draw = DEGRADATIONS[name], ()
    if operator.random:
        draw = seed, tf.range(tf.shape(hr, tf.int64)[0]) if index is None else index
    lr = operator.function(tf.cast(hr, tf.float32), scale, *draw)
    # half up, as rounding.to_uint8; tf.round would round halves to even
    return tf.cast(tf.clip_by_value(tf.floor(lr + 0.5), 0, 255), tf.uint8)
