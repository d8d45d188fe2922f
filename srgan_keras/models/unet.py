"""Segmentation networks: U-Net (Ronneberger et al. 2015) and ResU-Net (Zhang et al. 2018)."""

from typing import Any, Literal

import keras
from keras import layers, ops

from srgan_keras.models.layers import BATCH_NORM, Affine, register

Kind = Literal["unet", "resunet"]


@register
class CropLike(keras.layers.Layer):
    """Crops [N, H, W, C] at the right and the bottom to the sides of a second tensor.

    Halving rounds odd sides up, so that a doubled side may be a pixel too large.
    """

    def call(self, inputs: list[Any]) -> Any:  # noqa: ANN401
        """Return the first tensor at the second's height and width."""
        x, like = inputs
        shape = ops.shape(like)
        return x[:, : shape[1], : shape[2]]

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        """Return the shape after cropping."""
        (n, _, _, c), (_, h, w, _) = shapes
        return n, h, w, c


def build_unet(kind: Kind, classes: int, depth: int = 3, width: int = 16) -> keras.Model:
    """Build a segmenter: image [N, H, W, 3] float32 in 0..1 -> logits [N, H, W, classes] float32.

    Any H and W of at least 1; convolutions are padded, so the logits have the image's sides. Each
    class has its own sigmoid: lesions may overlap. The paper of ResU-Net has batch normalisation;
    U-Net is older, and its batch normalisation is our addition.

    Args:
        kind: `unet`: two convolutions a level, max pooling, up-convolutions. `resunet`:
            pre-activated residual units, strided instead of pooled, nearest-neighbour upsampling.
        classes: number of masks.
        depth: times the sides are halved.
        width: filters at full size; doubled at each level down.
    """
    image = keras.Input((None, None, 3), dtype="float32", name="image")
    x = Affine((2.0,) * 3, (-1.0,) * 3, name="to_symmetric")(image)
    build = _resunet if kind == "resunet" else _unet
    x = build(x, depth, width)
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name=kind)


def _unet(x: keras.KerasTensor, depth: int, width: int) -> keras.KerasTensor:
    def level(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        for i in (1, 2):
            x = _conv(filters, f"{name}_conv{i}", use_bias=False)(x)
            x = layers.BatchNormalization(**BATCH_NORM, name=f"{name}_bn{i}")(x)
            x = layers.ReLU(name=f"{name}_act{i}")(x)
        return x

    skips = []
    for i in range(depth):
        x = level(x, width * 2**i, f"down{i}")
        skips.append(x)
        x = layers.MaxPooling2D(padding="same", name=f"down{i}_pool")(x)
    x = level(x, width * 2**depth, "bridge")
    for i in reversed(range(depth)):
        filters = width * 2**i
        x = layers.Conv2DTranspose(
            filters, 2, 2, kernel_initializer="he_normal", name=f"up{i}_double"
        )(x)
        x = _joined(x, skips[i], f"up{i}")
        x = level(x, filters, f"up{i}")
    return x


def _resunet(x: keras.KerasTensor, depth: int, width: int) -> keras.KerasTensor:
    def active(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        x = layers.BatchNormalization(**BATCH_NORM, name=f"{name}_bn")(x)
        return layers.ReLU(name=f"{name}_act")(x)

    def unit(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
        h = _conv(filters, f"{name}_conv1", stride)(active(x, f"{name}_1"))
        h = _conv(filters, f"{name}_conv2")(active(h, f"{name}_2"))
        shortcut = layers.Conv2D(filters, 1, stride, padding="same", name=f"{name}_shortcut")(x)
        return layers.Add(name=f"{name}_add")([h, shortcut])

    # the first unit starts with a bare convolution
    h = _conv(width, "down0_conv1")(x)
    h = _conv(width, "down0_conv2")(active(h, "down0_2"))
    shortcut = layers.Conv2D(width, 1, name="down0_shortcut")(x)
    x = layers.Add(name="down0_add")([h, shortcut])
    skips = []
    for i in range(1, depth + 1):
        skips.append(x)
        x = unit(x, width * 2**i, 2, f"down{i}")
    for i in reversed(range(depth)):
        x = layers.UpSampling2D(name=f"up{i}_double")(x)
        x = unit(_joined(x, skips[i], f"up{i}"), width * 2**i, 1, f"up{i}")
    return active(x, "last")


def _conv(
    filters: int,
    name: str,
    stride: int = 1,
    use_bias: bool = True,
) -> layers.Layer:
    return layers.Conv2D(
        filters,
        3,
        stride,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )


def _joined(x: keras.KerasTensor, skip: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = CropLike(name=f"{name}_crop")([x, skip])
    return layers.Concatenate(name=f"{name}_join")([skip, x])
