"""The generator of Eq. (1): residual blocks in LR space, then upsampling to HR space."""

import keras
from keras import layers

from srgan_keras.config import Generator
from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.layers import (
    BATCH_NORM,
    ICNR,
    Affine,
    BlockConv2D,
    CropToScale,
    PixelShuffle,
    PixelUnshuffle,
    activation,
)

WIDE = 8
"""Side in LR px of the squares that the wide view sees as one position."""
SYMMETRIC = ((0.5,) * 3, (0.5,) * 3)  # mean and deviation that map 0..1 to -1..1


def build_generator(
    config: Generator,
    scale: int,
    mean: tuple[float, ...] = SYMMETRIC[0],
    std: tuple[float, ...] = SYMMETRIC[1],
) -> keras.Model:
    """Build G: LR [N, h, w, 3] float32 in 0..1 -> SR [N, scale*h, scale*w, 3] float32.

    The output is nominally in 0..1 and not clipped. Eq. (7)'s normalisation and its inverse are
    part of the network. Normalisation `symmetric` does not use `mean` and `std`.

    Args:
        config: architecture.
        scale: a power of two. At 1, SR has the size of LR, and the bicubic skip is the identity.
        mean: of the training photographs, per channel, in 0..1, for Eq. (7).
        std: standard deviation of the same.
    """
    if config.normalisation == "symmetric":
        mean, std = SYMMETRIC
    fold = config.fold(scale)

    given = keras.Input((None, None, 3), dtype="float32", name="lr")
    lr = _even_light(given, config, mean, std) if config.wide_blocks else given
    x = Affine(*_standardise(mean, std), name="standardise")(lr)
    x = PixelUnshuffle(fold, name="unshuffle")(x) if fold > 1 else x
    x = layers.Conv2D(
        config.filters,
        config.head_kernel,
        padding="same",
        kernel_initializer="he_normal",
        name="head_conv",
    )(x)
    x = activation(config.activation, "head_act")(x)
    x = _upsample(_body(x, config), config, scale * fold)
    x = CropToScale(scale, name="crop")([x, lr]) if fold > 1 else x
    if config.bicubic_skip:
        x = Affine(std, (0.0,) * 3, name="unstandardise")(x)
        skip = BicubicUpsampling(scale, name="bicubic")(lr) if scale > 1 else lr
        x = layers.Add(dtype="float32", name="bicubic_add")([x, skip])
    else:
        x = Affine(std, mean, name="unstandardise")(x)
    return keras.Model(given, x, name="generator")


def _even_light(
    lr: keras.KerasTensor, config: Generator, mean: tuple[float, ...], std: tuple[float, ...]
) -> keras.KerasTensor:
    """Return lr x (1 + gain) + offset, with smooth fields that a wide view predicts.

    Haze and falloff of light change slowly over the frame. The branch sees WIDE x WIDE px as one
    position, so its blocks look far. It starts as the identity.
    """
    x = Affine(*_standardise(mean, std), name="wide_standardise")(lr)
    x = PixelUnshuffle(WIDE, name="wide_unshuffle")(x)
    x = layers.Conv2D(config.filters, 3, padding="same", name="wide_head_conv")(x)
    x = activation(config.activation, "wide_head_act")(x)
    for i in range(1, config.wide_blocks + 1):
        x = _residual_block(x, config, f"wide{i}")
    fields = []
    for name in ("gain", "offset"):
        field = layers.Conv2D(
            3, 3, padding="same", kernel_initializer="zeros", name=f"wide_{name}_conv"
        )(x)
        field = BicubicUpsampling(WIDE, name=f"wide_{name}")(field)
        fields.append(CropToScale(1, dtype="float32", name=f"wide_{name}_crop")([field, lr]))
    gained = layers.Multiply(dtype="float32", name="wide_multiply")([lr, fields[0]])
    return layers.Add(dtype="float32", name="wide_add")([lr, gained, fields[1]])


def _body(x: keras.KerasTensor, config: Generator) -> keras.KerasTensor:
    """Apply the residual blocks, F(x) = x + H(x) of Eq. (6), and the skip around them all."""
    head = x
    for i in range(1, config.blocks + 1):
        x = _residual_block(x, config, f"block{i}")
    x = _conv_bn(x, config, "body")
    return layers.Add(name="body_add")([x, head])


def _residual_block(x: keras.KerasTensor, config: Generator, name: str) -> keras.KerasTensor:
    h = _conv_bn(x, config, f"{name}_1")
    h = activation(config.activation, f"{name}_act")(h)
    # without batch normalisation, small residuals keep the sum from growing with depth
    h = _conv_bn(h, config, f"{name}_2", gain=0.1)
    return layers.Add(name=f"{name}_add")([x, h])


def _conv_bn(
    x: keras.KerasTensor, config: Generator, name: str, gain: float = 1.0
) -> keras.KerasTensor:
    # a bias before batch normalisation would be subtracted again
    x = layers.Conv2D(
        config.filters,
        3,
        padding="same",
        use_bias=not config.batch_norm,
        kernel_initializer=keras.initializers.VarianceScaling(2.0 * gain**2),
        name=f"{name}_conv",
    )(x)
    if config.batch_norm:
        x = layers.BatchNormalization(**BATCH_NORM, name=f"{name}_bn")(x)
    return x


def _upsample(x: keras.KerasTensor, config: Generator, scale: int) -> keras.KerasTensor:
    """Go from features at 1 / scale of SR's size to an image at SR size."""
    if config.upsampling == "direct" and scale > 1:
        return PixelShuffle(scale, name="up_shuffle")(_tail(x, config, scale))
    for i in range(1, scale.bit_length()):
        x = layers.Conv2D(
            4 * config.upsample_filters,
            3,
            padding="same",
            kernel_initializer=ICNR(2),
            name=f"up{i}_conv",
        )(x)
        x = PixelShuffle(2, name=f"up{i}_shuffle")(x)
        x = activation(config.activation, f"up{i}_act")(x)
    return _tail(x, config, 1, shuffled=scale > 1)


def _tail(
    x: keras.KerasTensor, config: Generator, shuffle: int, shuffled: bool = False
) -> keras.KerasTensor:
    # BlockConv2D needs even sides: those after a PixelShuffle
    convolution = BlockConv2D if shuffled else layers.Conv2D
    return convolution(
        3 * shuffle**2,
        config.tail_kernel,
        padding="same",
        activation=config.output,
        # small at first: training starts near bicubic, or near the mean colour
        kernel_initializer=ICNR(shuffle, gain=0.1),
        name="tail_conv",
    )(x)


def _standardise(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scale and offset of Eq. (7), (x - mean) / std."""
    pairs = list(zip(mean, std, strict=True))
    return tuple(1 / s for _, s in pairs), tuple(-m / s for m, s in pairs)
