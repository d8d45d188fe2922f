from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from srgan_keras.config import PRESETS, Generator
from srgan_keras.configure import load
from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.generator import build_generator
from srgan_keras.models.layers import CropToScale, PixelShuffle, PixelUnshuffle
from srgan_keras.models.receptive_field import bytes_per_pixel, fold, receptive_radius


def reach_of_gradient(model: keras.Model, scale: int) -> int:
    """Farthest LR pixel along the middle with a gradient from an SR pixel, over all phases.

    A network with a fold has phases in each row of a square.

    With positive weights and inputs nothing cancels and no ReLU is closed; with small ones no
    sigmoid is saturated.
    """
    model.set_weights([0.1 * np.abs(weight) + 0.01 for weight in model.get_weights()])
    side = 72
    middle = side // 2
    x = tf.ones((1, side, side, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = model(x, training=False)
        pixels = [
            tf.reduce_sum(y[0, scale * middle + p, scale * middle])
            for p in range(scale * fold(model))
        ]
    farthest = 0
    for p, pixel in enumerate(pixels):
        rows = np.flatnonzero(np.abs(tape.gradient(pixel, x)[0]).sum((1, 2)))
        farthest = max(farthest, *np.abs(rows - middle - p // scale))
    return farthest


def conv(kernel: int, filters: int = 3, **options: int) -> layers.Layer:
    return layers.Conv2D(filters, kernel, padding="same", **options)


def sequence(*steps: layers.Layer) -> keras.Model:
    inputs = x = keras.Input((None, None, 3))
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("bicubic_skip", [False, True])
@pytest.mark.parametrize("upsampling", ["direct", "steps"])
def test_equals_the_reach_of_the_gradient(scale: int, bicubic_skip: bool, upsampling: str):
    config = Generator(
        blocks=2, filters=4, upsample_filters=4, head_kernel=5, tail_kernel=9, activation="relu",
        bicubic_skip=bicubic_skip, batch_norm=True, normalisation="symmetric",
        upsampling=upsampling,
    )  # fmt: skip
    model = build_generator(config, scale)
    assert receptive_radius(model, scale) == reach_of_gradient(model, scale)
    if scale == 2:  # head, two blocks, body, then the tail in LR px, or one convolution and it
        assert receptive_radius(model, 2) == 2 + 4 + 1 + (4 if upsampling == "direct" else 1 + 2)


@pytest.mark.parametrize(
    ("options", "radius"),
    [
        ({}, 1 + 4 + 1 + 1),  # head, two blocks, body, tail
        ({"head_kernel": 9, "tail_kernel": 5}, 7 + 3 + 1),
    ],
    ids=str,
)
def test_each_option_of_the_generator_counts(options: dict, radius: int):
    config = Generator(2, 4, upsample_filters=4, activation="relu", bicubic_skip=False)
    model = build_generator(replace(config, **options), 2)
    assert receptive_radius(model, 2) == radius == reach_of_gradient(model, 2)


@pytest.mark.parametrize("upsampling", ["direct", "steps"])
@pytest.mark.parametrize(("scale", "unshuffle"), [(1, None), (1, 1), (1, 2), (2, 4)])
def test_a_fold_widens_the_view(scale: int, unshuffle: int | None, upsampling: str):
    config = Generator(1, 4, upsampling, upsample_filters=4, activation="relu", unshuffle=unshuffle)
    model = build_generator(config, scale)
    side = config.fold(scale)
    assert fold(model) == side
    assert receptive_radius(model, scale) == reach_of_gradient(model, scale)
    if upsampling == "direct":  # head, block, body and tail, then the rest of the square
        assert receptive_radius(model, scale) == 5 * side + side - 1


@pytest.mark.parametrize(
    ("model", "scale", "radius"),
    [
        (sequence(conv(1)), 1, 0),
        (sequence(layers.Conv2D(3, 1)), 1, 0),
        (sequence(conv(4)), 1, 2),
        (sequence(conv(3, dilation_rate=2)), 1, 2),
        (sequence(layers.Rescaling(2.0), layers.PReLU(shared_axes=[1, 2]), conv(3)), 1, 1),
        (sequence(BicubicUpsampling(4)), 4, 2),
        (sequence(conv(1, 12), PixelShuffle(2), conv(3)), 2, 1),
        (sequence(conv(1, 12), PixelShuffle(2), conv(5)), 2, 1),
        (sequence(conv(1, 12), PixelShuffle(2), conv(7)), 2, 2),
    ],
)
def test_known_radii(model: keras.Model, scale: int, radius: int):
    assert receptive_radius(model, scale) == radius


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_one(preset: str):
    config = load(preset)
    radius = receptive_radius(build_generator(config.generator, 4), 4)
    assert radius >= 2 * config.generator.blocks


def test_a_model_as_a_layer_counts():
    inner = sequence(conv(3))
    inputs = keras.Input((None, None, 3))
    assert receptive_radius(keras.Model(inputs, inner(inner(inputs))), 1) == 2


@pytest.mark.parametrize(
    "layer",
    [
        layers.UpSampling2D(2),
        layers.AveragePooling2D(3, 1, "same"),
        conv(3, strides=2),
    ],
)
def test_a_layer_of_unknown_reach_is_refused(layer: layers.Layer):
    with pytest.raises(ValueError, match="no receptive field is known"):
        receptive_radius(sequence(layer), 1)


def test_an_enlarged_layer_takes_more_memory():
    # 3 channels of 4 bytes before, as many at twice the side after
    assert bytes_per_pixel(sequence(BicubicUpsampling(2))) == 12 + 4 * 12
    assert bytes_per_pixel(sequence(conv(9))) == 12 + 12


def test_a_layer_that_sees_the_whole_image_is_refused():
    inputs = keras.Input((None, None, 3))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    with pytest.raises(ValueError, match="GlobalAveragePooling2D"):
        receptive_radius(keras.Model(inputs, layers.Add()([inputs, mean])), 1)


def test_folded_features_take_less_memory():
    inputs = keras.Input((None, None, 3))
    x = PixelUnshuffle(2)(inputs)  # 12 channels of 4 bytes at a quarter of the pixels
    model = keras.Model(inputs, CropToScale(1)([PixelShuffle(2)(conv(1, 12)(x)), inputs]))
    assert bytes_per_pixel(model) == 12 + 12 + 12
