"""How an LR photograph is made from an HR one: operators by name and version.

Each computes in float; `degrade` rounds once, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from srgan_keras.config import UsageError
from srgan_keras.models.bicubic import bicubic_downsample


@dataclass(frozen=True)
class Operator:
    """A degradation.

    Attributes:
        version: changes with every change of what `function` computes.
        function: (HR float32 [N, H, W, 3] in 0..255, scale) -> LR float32 [N, H/scale, W/scale, 3]
            before rounding.
    """

    version: int
    function: Callable[[tf.Tensor, int], tf.Tensor]


def cv2_linear(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Reduce as cv2.resize does by default: bilinear without antialiasing."""
    size = tf.shape(hr)[1:3] // scale
    return tf.image.resize(hr, size, method="bilinear", antialias=False)


DEGRADATIONS = {
    "bicubic": Operator(version=1, function=bicubic_downsample),
    "cv2_linear": Operator(version=1, function=cv2_linear),
}


def degrade(hr: tf.Tensor, name: str, scale: int) -> tf.Tensor:
    """Make LR photographs, rounded half up to 8 bit.

    Args:
        hr: uint8 [N, H, W, 3], H and W multiples of `scale`.
        name: a key of DEGRADATIONS.
        scale: HR side over LR side.

    Returns:
        uint8 [N, H / scale, W / scale, 3].

    Raises:
        UsageError: there is no degradation of that name.
    """
    if name not in DEGRADATIONS:
        raise UsageError(f"no degradation {name!r}: choose one of {', '.join(DEGRADATIONS)}")
    lr = DEGRADATIONS[name].function(tf.cast(hr, tf.float32), scale)
    # half up, as OpenCV and MATLAB do it; tf.round would round halves to even
    return tf.cast(tf.clip_by_value(tf.floor(lr + 0.5), 0, 255), tf.uint8)
