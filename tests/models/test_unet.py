"""The segmenters: sides, depth, saving, precision, and that they learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.models.unet import build_unet

KINDS = ("unet", "resunet")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(16, 24), (13, 21), (1, 3)])
def test_any_sides(kind, sides, rng):
    model = build_unet(kind, classes=4, depth=3, width=2)
    image = rng.random((1, *sides, 3), np.float32)
    logits = model(image)
    assert logits.shape == (1, *sides, 4)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("kind", KINDS)
def test_depth_and_width_count(kind):
    def size(depth, width):
        return build_unet(kind, 1, depth, width).count_params()

    assert size(2, 4) < size(3, 4) < size(3, 8)


def test_depth_is_seen(rng):
    """A change in one corner reaches further in a deeper network."""
    image = rng.random((1, 48, 48, 3), np.float32)
    changed = image.copy()
    changed[0, 0, 0] += 1

    def reach(depth):
        keras.utils.set_random_seed(0)
        model = build_unet("unet", 1, depth, 4)
        difference = np.abs(model(image) - model(changed))[0, ..., 0]
        return np.argwhere(difference > 0).max()

    assert reach(1) < reach(2) < reach(3)


@pytest.mark.parametrize("kind", KINDS)
def test_saving_round_trip(kind, tmp_path, rng):
    model = build_unet(kind, 2, depth=2, width=2)
    model.save(tmp_path / "segmenter.keras")
    image = rng.random((2, 9, 14, 3), np.float32)
    loaded = keras.saving.load_model(tmp_path / "segmenter.keras")
    np.testing.assert_array_equal(loaded(image), model(image))


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_float32_under_a_mixed_policy(kind, rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    logits = build_unet(kind, 1, 2, 2)(rng.random((1, 8, 8, 3), np.float32))
    assert logits.dtype == "float32"


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_has_a_gradient(kind, rng):
    keras.utils.set_random_seed(0)
    model = build_unet(kind, 2, depth=2, width=4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(rng.random((2, 15, 15, 3), np.float32), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.abs(g).max() > 0 for g in gradients)
