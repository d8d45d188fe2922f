"""Bicubic interpolation at integer scales as fixed convolutions.

Keys' cubic with a = -0.5 and symmetric borders: MATLAB's `imresize` up to the border. XLA and every
export format take a convolution, but not TensorFlow's ResizeBicubic. The kernels are dense over all
channels: on a CPU they are up to three times as fast as depthwise or separable ones. On a GPU that
multiplies in TF32 the result is good to a tenth of a grey level. Every backend of Keras takes this
module, which does not import TensorFlow.

R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on
Acoustics, Speech, and Signal Processing 29(6), 1981.
"""

from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras import ops


def bicubic_downsample(x: Any, scale: int) -> Any:  # noqa: ANN401
    """Reduce an image, antialiased: the kernel is widened by the scale.

    Args:
        x: [N, H, W, C], any float type and range; H and W multiples of `scale`, H, W >= scale.
        scale: HR side over LR side.

    Returns:
        float32 [N, H / scale, W / scale, C], not clipped.

    Raises:
        ValueError: a side is not a multiple of the scale.
    """
    if any(side is not None and (side % scale or side == 0) for side in x.shape[1:3]):
        raise ValueError(f"sides {x.shape[1:3]} must be multiples of the scale {scale}")
    x = _pad(ops.cast(x, "float32"), 3 * scale // 2)
    kernel = _down_kernel(scale, x.shape[-1])
    return ops.conv(x, kernel, scale, "valid", "channels_last")


def bicubic_upsample(x: Any, scale: int) -> Any:  # noqa: ANN401
    """Upscale an image: one 5x5 kernel for each of the scale^2 phases, then depth to space.

    Args:
        x: [N, H, W, C], any float type and range; one pixel is enough.
        scale: HR side over LR side.

    Returns:
        float32 [N, scale * H, scale * W, C], not clipped.
    """
    x = _pad(ops.cast(x, "float32"), 2)
    x = ops.conv(x, _up_kernel(scale, x.shape[-1]), 1, "valid", "channels_last")
    return ops.depth_to_space(x, scale, "channels_last") if scale > 1 else x


@keras.saving.register_keras_serializable("srgan_keras")
class BicubicUpsampling(keras.layers.Layer):
    """Upscales images [N, H, W, C] bicubically to [N, scale * H, scale * W, C].

    Computes and returns float32 whatever the policy: half precision would lose grey levels.
    """

    def __init__(self, scale: int, **kwargs: object) -> None:
        super().__init__(**kwargs | {"dtype": "float32"})
        self.scale = scale

    def call(self, inputs: Any) -> Any:  # noqa: ANN401
        """Return the upscaled images."""
        return bicubic_upsample(inputs, self.scale)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Return the shape after upscaling."""
        n, h, w, c = shape
        return n, h and h * self.scale, w and w * self.scale, c

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return super().get_config() | {"scale": self.scale}


def keys_cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, Eq. (15) of the paper above, at distances `x` in px."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@lru_cache
def _down_kernel(scale: int, channels: int) -> np.ndarray:
    """Weights [T, T, C, C]; T = 4 scale taps, one less where the scale is odd."""
    taps = 4 * scale - scale % 2
    line = keys_cubic((np.arange(taps) - (taps - 1) / 2) / scale) / scale
    weights = np.einsum("i,j,cd->ijcd", line, line, np.eye(channels))
    return weights.astype(np.float32)


@lru_cache
def _up_kernel(scale: int, channels: int) -> np.ndarray:
    """Weights [5, 5, C, scale^2 C] in the channel order of depth_to_space: phase, then channel."""
    phases = (np.arange(scale) + 0.5) / scale - 0.5
    lines = keys_cubic(phases[:, None] - np.arange(-2, 3))  # [phase, tap]
    weights = np.einsum("pi,qj,cd->ijcpqd", lines, lines, np.eye(channels))
    return weights.reshape(5, 5, channels, scale**2 * channels).astype(np.float32)


def _pad(x: Any, width: int) -> Any:  # noqa: ANN401
    """Mirror `width` pixels over each border, the border pixel included; sides >= width / 2."""
    large = all(side is not None and side >= width for side in x.shape[1:3])
    if large and keras.backend.backend() != "torch":  # where Keras repeats the border pixel
        return ops.pad(x, [[0, 0], [width, width], [width, width], [0, 0]], "symmetric")
    # MirrorPad refuses an image smaller than the padding; gathering can mirror again. Without a
    # remainder, which tf2onnx gets wrong below 0.
    for axis in (1, 2):
        size = ops.shape(x)[axis]
        index = ops.arange(-width, size + width, dtype="int32")
        for _ in range(2):
            index = ops.where(index < 0, -1 - index, index)
            index = ops.where(index >= size, 2 * size - 1 - index, index)
        x = ops.take(x, index, axis=axis)
    return x
