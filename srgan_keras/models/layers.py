"""Layers and initialisers that Keras does not have, registered so that saved models load."""

from typing import Any

import keras
from keras import ops

LEAKY_SLOPE = 0.2
BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5, "synchronized": True}

register = keras.saving.register_keras_serializable("srgan_keras")


@register
class PixelShuffle(keras.layers.Layer):
    """Rearranges channels into space: [N, H, W, s*s*C] -> [N, s*H, s*W, C] (Shi et al. 2016)."""

    def __init__(self, scale: int = 2, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:  # noqa: ANN401
        """Shuffle; channel (i*s+j)*C+c goes to channel c at sub-position (i, j)."""
        return ops.depth_to_space(x, self.scale)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Return the shape after shuffling."""
        n, h, w, c = shape
        s = self.scale
        return n, h and h * s, w and w * s, c // s**2

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


@register
class PixelUnshuffle(keras.layers.Layer):
    """Rearranges space into channels: [N, H, W, C] -> [N, ceil(H / s), ceil(W / s), s*s*C].

    The inverse of `PixelShuffle`. If a side is not a multiple of s, the layer first repeats the
    last row or column.
    """

    def __init__(self, scale: int = 4, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:  # noqa: ANN401
        """Unshuffle; sub-position (i, j) of channel c goes to channel (i*s+j)*C+c."""
        s = self.scale
        # without a negative number: tf2onnx divides those in another way
        height, width = ((side + s - 1) // s * s for side in ops.shape(x)[1:3])
        x = ops.concatenate([x, *[x[:, -1:]] * (s - 1)], axis=1)[:, :height]
        x = ops.concatenate([x, *[x[:, :, -1:]] * (s - 1)], axis=2)[:, :, :width]
        return ops.space_to_depth(x, s)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Return the shape after unshuffling."""
        n, h, w, c = shape
        s = self.scale
        return n, h and -(-h // s), w and -(-w // s), c * s**2

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


@register
class CropToScale(keras.layers.Layer):
    """Crops SR [N, H, W, C] to `scale` times the size of LR [N, h, w, D]; takes [SR, LR]."""

    def __init__(self, scale: int, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: list[Any]) -> Any:  # noqa: ANN401
        """Return SR without the rows and columns that `PixelUnshuffle` added."""
        sr, lr = inputs
        height, width = (self.scale * side for side in ops.shape(lr)[1:3])
        return sr[:, :height, :width]

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        """Return the shape after cropping."""
        (n, _, _, c), (_, h, w, _) = shapes
        return n, h and h * self.scale, w and w * self.scale, c

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


@register
class BlockConv2D(keras.layers.Conv2D):
    """`Conv2D` of stride 1, odd kernel and same padding on images of even sides, for few filters.

    Three filters leave most lanes of a processor idle. This layer computes the same sums for the
    four pixels of a 2x2 block at once, with a kernel on blocks that it makes from its own kernel.
    For 9x9 from 64 channels to 3, a CPU computes it and its gradient more than twice as fast.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(filters, kernel_size, **kwargs | {"padding": "same"})

    def call(self, x: Any) -> Any:  # noqa: ANN401
        """Convolve [N, H, W, C] to [N, H, W, filters]; H and W are even."""
        blocks = ops.conv(ops.space_to_depth(x, 2), self._block_kernel(), padding="same")
        y = ops.depth_to_space(blocks, 2)
        y = y + ops.cast(self.bias, y.dtype) if self.use_bias else y
        return self.activation(y)

    def _block_kernel(self) -> Any:  # noqa: ANN401
        """Return the kernel [b, b, 4 C, 4 filters] on 2x2 blocks: one shifted copy a pixel."""
        kernel = ops.convert_to_tensor(self.kernel)
        taps, _, channels, filters = kernel.shape
        before = -(-(taps // 2) // 2)  # blocks that the kernel reaches to the left
        side = 2 * before + 1
        lead = 2 * before - taps // 2
        shifted = []
        for i in (0, 1):
            for j in (0, 1):
                rows, columns = ((lead + k, 2 * side - taps - lead - k) for k in (i, j))
                shifted.append(ops.pad(kernel, (rows, columns, (0, 0), (0, 0))))
        kernel = ops.reshape(
            ops.concatenate(shifted, -1), (side, 2, side, 2, channels, 4 * filters)
        )
        kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
        return ops.reshape(kernel, (side, side, 4 * channels, 4 * filters))


@register
class ICNR(keras.initializers.Initializer):
    """Makes the s*s sub-kernels before a PixelShuffle equal (Aitken et al. 2017).

    The network then starts as nearest-neighbour upsampling, without a checkerboard.
    """

    def __init__(self, scale: int = 2, gain: float = 1.0) -> None:
        self.scale = scale
        self.gain = gain

    def __call__(self, shape: tuple, dtype: Any = None, **_: Any) -> Any:  # noqa: ANN401
        """Return a kernel [kh, kw, C_in, s*s*C]."""
        kernel = keras.initializers.HeNormal()(
            (*shape[:-1], shape[-1] // self.scale**2), dtype=dtype
        )
        return self.gain * ops.tile(kernel, (1, 1, 1, self.scale**2))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"scale": self.scale, "gain": self.gain}


@register
class Affine(keras.layers.Layer):
    """x * scale + offset per channel, in float32: Eq. (7), its inverse, VGG-19's preprocessing.

    Args:
        scale: one factor a channel.
        offset: one summand a channel, added after scaling.
        reverse: reverse the order of the channels first (RGB -> BGR).
    """

    def __init__(
        self,
        scale: tuple[float, ...],
        offset: tuple[float, ...],
        reverse: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.scale = tuple(map(float, scale))
        self.offset = tuple(map(float, offset))
        self.reverse = reverse

    def call(self, x: Any) -> Any:  # noqa: ANN401
        """Map [..., C] to [..., C]."""
        x = ops.flip(x, axis=-1) if self.reverse else x
        return x * ops.convert_to_tensor(self.scale, x.dtype) + ops.convert_to_tensor(
            self.offset, x.dtype
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "scale": self.scale,
            "offset": self.offset,
            "reverse": self.reverse,
        }


def activation(kind: str, name: str | None = None) -> keras.layers.Layer:
    """Return the layer for `leaky_relu` (slope 0.2) or `relu`."""
    if kind == "leaky_relu":
        return keras.layers.LeakyReLU(LEAKY_SLOPE, name=name)
    return keras.layers.ReLU(name=name)
