import dataclasses

import keras
import numpy as np
import pytest

from srgan_keras.config import Discriminator, Vgg
from srgan_keras.configure import load
from srgan_keras.models.discriminators import build_discriminator, trunk_cut, whole
from srgan_keras.models.layers import PixelShuffle
from srgan_keras.models.vgg19 import build_features, build_vgg19

SMALL = Discriminator(trunk_layer="block3_conv2", frozen_blocks=2, filters=8, dense_units=4)


@pytest.fixture(scope="module")
def base():
    keras.utils.set_random_seed(0)
    return build_vgg19("random")[0]


def test_author_has_the_weights_of_the_published_code():
    model = build_discriminator(load("author").discriminator, 384)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 48_153_921
    assert len(model.trainable_weights) == 34


def test_paper_freezes_blocks_1_to_4_and_trains_its_own_block_5(base):
    config = load("paper").discriminator
    assert trunk_cut(config, base) == "block4_pool"
    model = build_discriminator(config, 224, base)
    trained = {w.path.split("/")[0] for w in model.trainable_weights}
    assert {f"block5_conv{j}" for j in (1, 2, 3, 4)} < trained
    assert not any(name.startswith("block4") for name in trained)
    own, imagenet = (m.get_layer("block5_conv1").get_weights()[0] for m in (model, base))
    np.testing.assert_array_equal(own, imagenet)
    assert model.get_layer("logit").activation is keras.activations.linear
    full = whole(model, config, base)
    assert full(np.zeros((1, 224, 224, 3), np.float32)).shape == (1, 1)
    full_layers = [layer.name for layer in full.layers]
    assert "block1_conv1" in full_layers


def test_the_trunk_trains_even_after_vgg19_was_frozen_for_the_content_loss(base):
    build_features(base, Vgg(), {"content": "block5_conv4"})
    model = build_discriminator(load("paper").discriminator, 224, base)
    assert model.get_layer("block5_conv1").trainable
    assert len(model.trainable_weights) == 2 * (4 + 2 + 2)


@pytest.mark.parametrize(
    ("trunk_layer", "frozen_blocks", "cut"),
    [
        ("block3_conv4", 3, "block3_conv4"),
        ("block4_conv1", 3, "block3_pool"),
        ("block2_conv1", 4, "block2_conv1"),
        ("block1_conv2", 0, None),
    ],
)
def test_how_much_of_the_trunk_trains_is_configurable(trunk_layer, frozen_blocks, cut, base):
    config = dataclasses.replace(SMALL, trunk_layer=trunk_layer, frozen_blocks=frozen_blocks)
    assert trunk_cut(config, base) == cut
    model = build_discriminator(config, 32, base)
    image = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert whole(model, config, base)(image).shape == (2, 1)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        dataclasses.replace(SMALL, pixel_shuffles=True),
        Discriminator("srgan", dense_units=4),
    ],
)
@pytest.mark.parametrize("side", [32, 48])
def test_any_patch_size_gives_one_logit(config, side, base):
    model = whole(build_discriminator(config, 32, base), config, base)
    assert model(np.zeros((3, side, side, 3), np.float32)).shape == (3, 1)


def test_the_literal_figure_3_has_two_pixel_shuffles(base):
    model = build_discriminator(dataclasses.replace(SMALL, pixel_shuffles=True), 32, base)
    assert sum(isinstance(layer, PixelShuffle) for layer in model.layers) == 2


def test_the_logit_is_a_float32_island_and_a_saved_model_comes_back(base, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = build_discriminator(Discriminator("srgan", dense_units=4), 32)
    image = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert model(image).dtype == "float32"
    model.save(tmp_path / "d.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "d.keras")(image), model(image)
    )


def test_logits_start_unsaturated_on_real_like_features(base):
    image = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    config = dataclasses.replace(SMALL, feature_scale=1 / 30)
    logits = whole(build_discriminator(config, 64, base), config, base)(image)
    assert np.abs(logits).max() < 8
