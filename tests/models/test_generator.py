from dataclasses import replace

import keras
import numpy as np
import pytest

from srgan_keras.config import Generator
from srgan_keras.configure import load
from srgan_keras.models.generator import build_generator
from srgan_keras.models.layers import ICNR, PixelShuffle
from srgan_keras.models.receptive_field import receptive_radius

SMALL = Generator(blocks=2, filters=8)
STEPS = Generator(2, 8, "steps", 4, True, bicubic_skip=False)
MEAN, STD = (0.5, 0.3, 0.1), (0.25, 0.15, 0.1)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_author_has_the_weights_of_the_published_code():
    model = build_generator(load("author").generator, 4)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 1_518_147
    assert len(model.trainable_weights) == 107
    assert model.get_layer("tail_conv").activation is keras.activations.tanh
    assert len(layers_of(model, keras.layers.ReLU)) == 1 + 16 + 2


def test_paper_is_built_as_its_text_says():
    model = build_generator(load("paper").generator, 4, MEAN, STD)
    assert model.get_layer("head_conv").kernel_size == (9, 9)
    assert model.get_layer("tail_conv").kernel_size == (9, 9)
    assert len(layers_of(model, PixelShuffle)) == 2
    assert len(layers_of(model, keras.layers.BatchNormalization)) == 2 * 16 + 1
    assert len(layers_of(model, keras.layers.Add)) == 16 + 1
    slopes = {layer.negative_slope for layer in layers_of(model, keras.layers.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("config", [SMALL, STEPS])
def test_any_size_goes_in_and_scale_times_it_comes_out(scale, config):
    model = build_generator(config, scale, MEAN, STD)
    out = model(np.zeros((2, 5, 9, 3), np.float32))
    assert out.shape == (2, 5 * scale, 9 * scale, 3)
    assert out.dtype == "float32"
    assert (PixelShuffle(2).compute_output_shape((None, None, 7, 12))) == (None, None, 14, 3)


def test_normalisation_is_inside_and_undone():
    """With all-zero convolutions the output is the mean colour, or the bicubic enlargement."""
    x = np.random.default_rng(0).random((1, 6, 6, 3), np.float32)
    plain = build_generator(Generator(1, 4, bicubic_skip=False), 4, MEAN, STD)
    skip = build_generator(Generator(1, 4), 4, MEAN, STD)
    for model in (plain, skip):
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_allclose(plain(x)[0, 3, 3], MEAN, rtol=1e-6)
    from srgan_keras.models.bicubic import bicubic_upsample

    np.testing.assert_allclose(skip(x), bicubic_upsample(x, 4), atol=1e-6)
    standard = keras.Model(plain.input, plain.get_layer("standardise").output)
    np.testing.assert_allclose(standard(x), (x - MEAN) / np.array(STD), rtol=1e-4, atol=1e-5)


def test_icnr_starts_without_a_checkerboard():
    kernel = ICNR(2)((3, 3, 5, 16))
    x = np.random.default_rng(0).random((1, 8, 8, 5), np.float32)
    out = np.array(PixelShuffle(2)(keras.ops.conv(x, kernel, padding="same")))
    np.testing.assert_allclose(out[:, ::2, ::2], out[:, 1::2, 1::2], atol=1e-6)
    np.testing.assert_allclose(out[:, ::2, ::2], out[:, ::2, 1::2], atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("config", [SMALL, STEPS])
def test_a_saved_generator_comes_back_the_same(policy, config, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = build_generator(config, 2, MEAN, STD)
    x = np.random.default_rng(0).random((1, 7, 6, 3), np.float32)
    assert model(x).dtype == "float32", "the image is a float32 island"
    model.save(tmp_path / "g.keras")
    again = keras.models.load_model(tmp_path / "g.keras")
    np.testing.assert_array_equal(model(x), again(x))


@pytest.mark.parametrize("upsampling", ["direct", "steps"])
@pytest.mark.parametrize(("scale", "unshuffle"), [(1, None), (1, 1), (1, 2), (2, 4)])
def test_unshuffling_keeps_the_size_whatever_the_sides(upsampling, scale, unshuffle, tmp_path):
    config = Generator(blocks=1, filters=4, upsampling=upsampling, unshuffle=unshuffle)
    g = build_generator(config, scale)
    g.save(tmp_path / "g.keras")
    loaded = keras.models.load_model(tmp_path / "g.keras")
    for sides in ((16, 24), (13, 18), (1, 3)):
        lr = np.random.default_rng(0).random((2, *sides, 3), np.float32)
        sr = g(lr).numpy()
        assert sr.shape == (2, scale * sides[0], scale * sides[1], 3)
        np.testing.assert_array_equal(loaded(lr), sr)
    assert ("bicubic" in [layer.name for layer in g.layers]) == (scale > 1)


def test_at_scale_1_the_blocks_are_at_a_quarter_of_the_size():
    g = build_generator(Generator(blocks=2, filters=4), 1)
    features = keras.Model(g.input, g.get_layer("body_add").output)
    assert features(np.zeros((1, 64, 32, 3), np.float32)).shape == (1, 16, 8, 4)


def test_at_scale_1_a_generator_without_a_difference_is_the_identity():
    g = build_generator(Generator(blocks=1, filters=4), 1)
    g.get_layer("tail_conv").set_weights([0 * w for w in g.get_layer("tail_conv").get_weights()])
    lr = np.random.default_rng(0).random((1, 9, 10, 3), np.float32)
    np.testing.assert_allclose(g(lr), lr, atol=1e-7)


def test_the_wide_view_starts_as_the_identity_and_reaches_far():
    keras.utils.set_random_seed(0)
    plain = build_generator(SMALL, 4, MEAN, STD)
    wide = build_generator(replace(SMALL, wide_blocks=2), 4, MEAN, STD)
    for layer in plain.layers:
        wide.get_layer(layer.name).set_weights(layer.get_weights())
    x = np.random.default_rng(0).random((1, 21, 34, 3), np.float32)
    np.testing.assert_array_equal(wide(x), plain(x))
    assert receptive_radius(wide, 4) > receptive_radius(plain, 4) + 8 * 2 * 2
    gain, offset = (wide.get_layer(f"wide_{name}_conv") for name in ("gain", "offset"))
    gain.bias.assign([0.5, 0, 0])
    offset.bias.assign([0.1, 0, 0])
    evened = x * (1.5, 1, 1) + (0.1, 0, 0)
    np.testing.assert_allclose(wide(x), plain(evened.astype(np.float32)), atol=1e-6)
