from dataclasses import replace

import keras
import numpy as np
import pytest

from srgan_keras.config import Generator
from srgan_keras.configure import load
from srgan_keras.models.generator import generator
from srgan_keras.models.layers import ICNR, PixelShuffle

SMALL = Generator(blocks=2, filters=8)
STEPS = Generator(2, 8, "steps", 4, True, bicubic_skip=False)
RESIZE = Generator(2, 8, "resize", 4, channel_attention=True, dilation=2)
MEAN, STD = (0.5, 0.3, 0.1), (0.25, 0.15, 0.1)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_author_has_the_weights_of_the_published_code():
    model = generator(load("author").generator, 4)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 1_518_147
    assert len(model.trainable_weights) == 107
    assert model.get_layer("tail_conv").activation is keras.activations.tanh
    assert len(layers_of(model, keras.layers.ReLU)) == 1 + 16 + 2


def test_paper_is_built_as_its_text_says():
    model = generator(load("paper").generator, 4, MEAN, STD)
    assert model.get_layer("head_conv").kernel_size == (9, 9)
    assert model.get_layer("tail_conv").kernel_size == (9, 9)
    assert len(layers_of(model, PixelShuffle)) == 2
    assert len(layers_of(model, keras.layers.BatchNormalization)) == 2 * 16 + 1
    assert len(layers_of(model, keras.layers.Add)) == 16 + 1
    slopes = {layer.negative_slope for layer in layers_of(model, keras.layers.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("config", [SMALL, STEPS, RESIZE])
def test_any_size_goes_in_and_scale_times_it_comes_out(scale, config):
    model = generator(config, scale, MEAN, STD)
    out = model(np.zeros((2, 5, 9, 3), np.float32))
    assert out.shape == (2, 5 * scale, 9 * scale, 3)
    assert out.dtype == "float32"
    assert (PixelShuffle(2).compute_output_shape((None, None, 7, 12))) == (None, None, 14, 3)


def test_normalisation_is_inside_and_undone():
    """With all-zero convolutions the output is the mean colour, or the bicubic enlargement."""
    x = np.random.default_rng(0).random((1, 6, 6, 3), np.float32)
    plain = generator(Generator(1, 4, bicubic_skip=False), 4, MEAN, STD)
    skip = generator(Generator(1, 4), 4, MEAN, STD)
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


def test_resize_enlarges_without_shuffling():
    model = generator(RESIZE, 4)
    assert not layers_of(model, PixelShuffle)
    assert len(layers_of(model, keras.layers.UpSampling2D)) == 2
    assert model.get_layer("up2_conv").filters == 4


def test_every_second_block_is_dilated_and_no_weight_is_added():
    plain, dilated = (generator(Generator(4, 8, dilation=d), 4) for d in (1, 3))
    rates = [layer.dilation_rate[0] for layer in layers_of(dilated, keras.layers.Conv2D)]
    assert rates == [1, *(1, 1, 3, 1) * 2, 1, 1]
    assert plain.count_params() == dilated.count_params()


def test_attention_weighs_channels_by_their_neighbourhoods_mean(rng):
    config = Generator(1, 8, bicubic_skip=False)
    plain, attentive = generator(config, 2), generator(replace(config, channel_attention=True), 2)
    reduce, excite = (attentive.get_layer(f"block1_{name}") for name in ("reduce", "excite"))
    assert (reduce.filters, excite.filters) == (4, 8)
    for layer in plain.layers:
        attentive.get_layer(layer.name).set_weights(layer.get_weights())
    excite.set_weights([np.zeros((1, 1, 4, 8)), np.full(8, np.log(3))])  # the sigmoid gives 3/4
    second = plain.get_layer("block1_2_conv")
    second.set_weights([0.75 * w for w in second.get_weights()])
    x = rng.random((1, 12, 15, 3), np.float32)
    np.testing.assert_allclose(attentive(x), plain(x), atol=1e-6)
    means = attentive.get_layer("block1_squeeze")(x)
    np.testing.assert_allclose(means[0, 0, 0], x[0, :5, :5].mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(means[0, 6, 7], x[0, 2:11, 3:12].mean((0, 1)), rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("config", [SMALL, RESIZE])
def test_a_saved_generator_comes_back_the_same(policy, config, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = generator(config, 2, MEAN, STD)
    x = np.random.default_rng(0).random((1, 7, 6, 3), np.float32)
    assert model(x).dtype == "float32", "the image is a float32 island"
    model.save(tmp_path / "g.keras")
    again = keras.models.load_model(tmp_path / "g.keras")
    np.testing.assert_array_equal(model(x), again(x))
