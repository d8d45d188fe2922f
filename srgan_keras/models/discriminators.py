"""The discriminators of Eq. (2). Each returns logits [N, 1], float32; losses apply the sigmoid.

`vgg19` follows the paper's text: a VGG-19 trunk with extra convolutions. The trunk's frozen part is
computed once an image, for the content loss too. It belongs to `vgg19.build_features`; the part
here is trained on its feature map. `srgan` and `dcgan` are trained on the image itself.
"""

import keras
from keras import layers

from srgan_keras.config import Discriminator, Vgg
from srgan_keras.models.layers import BATCH_NORM, LEAKY_SLOPE, Affine, PixelShuffle
from srgan_keras.models.vgg19 import build_features, layer_index, preprocess


def build_discriminator(
    config: Discriminator, patch: int, base: keras.Model | None = None
) -> keras.Model:
    """Build the trained part of D.

    Args:
        config: kind and widths.
        patch: side of an HR patch in px; only `dcgan` depends on it.
        base: VGG-19 without top: the trained layers of `vgg19` start from its weights.

    Returns:
        Model `discriminator`: image float32 [N, H, W, 3] in 0..1 -> logit float32 [N, 1]. For
        `vgg19` the input is the feature map of `trunk_cut`.
    """
    if config.kind == "vgg19":
        return _vgg19_head(config, base)
    if config.kind == "srgan":
        return _srgan(config)
    return _dcgan(patch)


def trunk_cut(config: Discriminator, base: keras.Model) -> str | None:
    """Return the layer where the frozen part of a `vgg19` discriminator ends, None without one."""
    if config.kind != "vgg19" or config.frozen_blocks == 0:
        return None
    frozen_end = f"block{config.frozen_blocks}_pool"
    ends = (config.trunk_layer, frozen_end)
    return min(ends, key=lambda name: layer_index(base, name))


def whole(trained: keras.Model, config: Discriminator, base: keras.Model) -> keras.Model:
    """Join the frozen trunk and the trained part: image [N, H, W, 3] in 0..1 -> logit [N, 1].

    The trunk's input is preprocessed as VGG-19's own (`caffe`).
    """
    cut = trunk_cut(config, base)
    if cut is None:
        return trained
    trunk = build_features(base, Vgg(), {"trunk": cut})
    logit = trained(trunk.output["trunk"])
    return keras.Model(trunk.input, logit, name="discriminator_whole")


def _vgg19_head(config: Discriminator, base: keras.Model) -> keras.Model:
    cut = trunk_cut(config, base)
    if cut is None:
        x = inputs = keras.Input((None, None, 3), dtype="float32", name="image")
        x = preprocess(x, "caffe")
        first = 1
    else:
        first = layer_index(base, cut) + 1
        x = inputs = keras.Input((None, None, base.get_layer(cut).output.shape[-1]), name="trunk")
    for layer in base.layers[first : layer_index(base, config.trunk_layer) + 1]:
        # the layer that is copied may have been frozen for the content loss
        own = type(layer).from_config(layer.get_config() | {"trainable": True})
        x = own(x)
        own.set_weights(layer.get_weights())  # ImageNet's, trained further
    channels = x.shape[-1]
    # raw feature maps reach hundreds, which would saturate D before its first step
    x = Affine((config.feature_scale,) * channels, (0.0,) * channels, name="feature_scale")(x)
    for i in (1, 2):
        if config.pixel_shuffles:
            x = layers.Conv2D(4 * config.filters, 3, padding="same", name=f"extra{i}_conv")(x)
            x = PixelShuffle(2, name=f"extra{i}_shuffle")(x)
        else:
            x = layers.Conv2D(config.filters, 3, padding="same", name=f"extra{i}_conv")(x)
        x = layers.LeakyReLU(LEAKY_SLOPE, name=f"extra{i}_act")(x)
    return _dense_end(inputs, x, config.dense_units)


def _srgan(config: Discriminator) -> keras.Model:
    """Ledig et al. 2017, Figure 4; global pooling instead of flattening, so any patch size."""
    inputs = keras.Input((None, None, 3), dtype="float32", name="image")
    x = Affine((2.0,) * 3, (-1.0,) * 3, name="symmetric")(inputs)
    for i, (filters, stride) in enumerate(
        [(64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)], 1
    ):
        x = _conv(x, f"conv{i}", filters, 3, stride, batch_norm=i > 1)
    return _dense_end(inputs, x, config.dense_units)


def _dcgan(patch: int) -> keras.Model:
    """Build the discriminator of the published code: 48,153,921 trainable weights at 384 px."""
    inputs = keras.Input((patch, patch, 3), dtype="float32", name="image")
    x = Affine((2.0,) * 3, (-1.0,) * 3, name="symmetric")(inputs)
    for i, filters in enumerate((64, 128, 256, 512, 1024, 2048), 1):
        x = _conv(x, f"conv{i}", filters, 4, 2, batch_norm=i > 1)
    x = _conv(x, "conv7", 1024, 1, 1)
    x = _conv(x, "conv8", 512, 1, 1, act=False)
    h = _conv(x, "conv9", 128, 1, 1)
    h = _conv(h, "conv10", 128, 3, 1)
    h = _conv(h, "conv11", 512, 3, 1, act=False)
    x = layers.Add(name="add")([x, h])
    x = layers.LeakyReLU(LEAKY_SLOPE, name="add_act")(x)
    x = layers.Flatten(name="flatten")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(inputs, logit, name="discriminator")


def _conv(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    kernel: int,
    stride: int,
    batch_norm: bool = True,
    act: bool = True,
) -> keras.KerasTensor:
    use_bias = not batch_norm
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=use_bias, name=name)(x)
    if batch_norm:
        x = layers.BatchNormalization(**BATCH_NORM, name=f"{name}_bn")(x)
    return layers.LeakyReLU(LEAKY_SLOPE, name=f"{name}_act")(x) if act else x


def _dense_end(inputs: keras.KerasTensor, x: keras.KerasTensor, units: int) -> keras.Model:
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(units, name="dense")(x)
    x = layers.LeakyReLU(LEAKY_SLOPE, name="dense_act")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(inputs, logit, name="discriminator")
