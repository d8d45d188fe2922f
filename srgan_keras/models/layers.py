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
class ICNR(keras.initializers.Initializer):
    """Makes the s*s sub-kernels before a PixelShuffle equal (Aitken et al. 2017).

    The network then starts as nearest-neighbour enlargement, without a checkerboard.
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
