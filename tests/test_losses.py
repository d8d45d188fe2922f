import numpy as np
import pytest
import tensorflow as tf

from srgan_keras import losses


def test_distances_are_means_an_image(rng):
    a, b = (rng.random((2, 4, 5, 3), np.float32) for _ in range(2))
    np.testing.assert_allclose(
        losses.pixel_loss(a, b, "mae"), np.abs(a - b).mean((1, 2, 3)), rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.content_loss(a, b, "mse"), ((a - b) ** 2).mean((1, 2, 3)), rtol=1e-6
    )


def test_a_decibel_counts_the_same_on_good_and_on_poor_images(rng):
    hr = rng.random((3, 8, 8, 3), np.float32)
    sr = hr + np.float32([0, 10**-1, 10**-1.5])[:, None, None, None]  # 20 and 30 dB
    same, poor, good = losses.pixel_loss(hr, sr, "psnr").numpy()
    assert same == pytest.approx(0, abs=1e-6)
    assert poor - good == pytest.approx(np.log(10), rel=0.01)


@pytest.mark.parametrize("kind", ["mae", "mse", "psnr"])
def test_gradients_reach_every_value_of_their_own_image_alone(kind, rng):
    hr, sr = (tf.constant(rng.random((2, 16, 13, 3), np.float32)) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(sr)
        first = losses.pixel_loss(hr, sr, kind)[0]
    own, other = tape.gradient(first, sr)
    assert np.abs(own).min() > 0
    assert not np.abs(other).any()


def test_distances_of_half_precision_are_reduced_in_float32():
    a = tf.fill((1, 64, 64, 3), tf.constant(1000.0, tf.float16))
    loss = losses.content_loss(a, tf.zeros_like(a), "mse")
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, [1e6])  # float16 ends at 65504


def test_the_structure_loss_sees_structure_and_neither_brightness_nor_contrast(rng):
    fine = rng.random((1, 64, 64, 3), np.float32)
    hr = np.concatenate([0.3 + 0.2 * fine, np.full_like(fine, 0.5), np.zeros_like(fine)])
    for sr in (hr, 0.1 + 0.5 * hr):
        np.testing.assert_allclose(losses.local_losses(hr, sr)["structure"], 0, atol=0.01)
    unlike = np.concatenate([0.3 + 0.2 * rng.random(fine.shape, np.float32), hr[1:]])
    loss = losses.local_losses(hr, unlike)["structure"]
    assert 0.9 < loss[0] < 1.1  # no correlation
    np.testing.assert_allclose(loss[1:], 0, atol=0.01)
    np.testing.assert_allclose(losses.local_losses(hr, 1 - hr)["structure"][0], 2, atol=0.05)


def test_the_contrast_loss_is_least_at_equal_contrast(rng):
    hr = 0.3 + 0.2 * rng.random((1, 64, 64, 3), np.float32)
    flatter, same, harder = (
        losses.local_losses(hr, 0.2 + factor * (hr - 0.3))["contrast"] for factor in (0.5, 1, 2)
    )
    np.testing.assert_allclose(same, 0, atol=1e-3)
    # 1 - 2 f / (1 + f^2)
    np.testing.assert_allclose(flatter, 0.2, atol=0.02)
    np.testing.assert_allclose(harder, 0.2, atol=0.02)


def test_gradients_of_the_local_losses_are_finite_where_an_image_is_black():
    hr, sr = tf.zeros((1, 40, 40, 3)), tf.Variable(tf.zeros((1, 40, 40, 3)))
    with tf.GradientTape() as tape:
        loss = sum(losses.local_losses(hr, sr).values())
    assert np.isfinite(tape.gradient(loss, sr)).all()


def test_adversarial_losses_are_their_equations():
    hr, sr = tf.constant([[0.3], [-1.0]]), tf.constant([[-0.2], [2.0]])
    d_hr, d_sr = tf.sigmoid(hr)[:, 0], tf.sigmoid(sr)[:, 0]
    np.testing.assert_allclose(losses.adversarial_loss(sr), -np.log(d_sr), rtol=1e-5)
    np.testing.assert_allclose(
        losses.discriminator_loss(hr, sr), -np.log(d_hr) - np.log(1 - d_sr), rtol=1e-5
    )


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_saturated_logits_keep_losses_and_gradients_finite(logit):
    x = tf.constant([[logit]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        values = losses.adversarial_loss(x), losses.discriminator_loss(x, x)
    for value in values:
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, x)).all()


def test_a_discriminator_at_chance_costs_two_ln_two():
    zero = tf.zeros((3, 1))
    np.testing.assert_allclose(losses.discriminator_loss(zero, zero), 2 * np.log(2), rtol=1e-6)


def test_grid_loss_sees_what_repeats_and_nothing_else():
    rng = np.random.default_rng(0)
    hr = rng.random((2, 96, 96, 3), np.float32)
    pattern = rng.normal(0, 0.01, (4, 4, 3)).astype(np.float32)
    pattern -= pattern.mean(axis=(0, 1))
    repeated = np.tile(pattern, (24, 24, 1))
    expected = np.abs(pattern).mean()
    np.testing.assert_allclose(losses.grid_loss(hr, hr + repeated + 0.3, 4), expected, rtol=1e-4)
    np.testing.assert_allclose(losses.grid_loss(hr, hr + 0.3, 4), 0, atol=1e-6)
    noise = rng.normal(0, 0.01, hr.shape).astype(np.float32)
    assert losses.grid_loss(hr, hr + noise, 4).numpy().max() < 0.01 / 8


def test_grid_loss_of_a_patch_smaller_than_its_window():
    hr, sr = np.zeros((1, 12, 12, 3), np.float32), np.zeros((1, 12, 12, 3), np.float32)
    sr[:, ::4, ::4] = 0.16
    # a sixteenth of the pixels 0.15 above the mean of all, the others 0.01 below it
    np.testing.assert_allclose(losses.grid_loss(hr, sr, 4), 0.3 / 16, rtol=1e-4)
