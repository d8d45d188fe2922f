import keras
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.models.layers import BlockConv2D, PixelShuffle, PixelUnshuffle


@pytest.mark.parametrize("taps", [1, 3, 5, 9])
def test_block_convolution_is_the_convolution(taps, tmp_path):
    options = {"activation": "tanh", "bias_initializer": "normal"}
    block = BlockConv2D(3, taps, name="tail", **options)
    plain = keras.layers.Conv2D(3, taps, padding="same", **options)
    x = tf.random.stateless_normal((2, 8, 14, 4), (0, 1))
    networks = []
    for layer in (block, plain):
        pixels = keras.Input((None, None, 4))
        networks.append(keras.Model(pixels, layer(pixels)))
    networks[1].set_weights(networks[0].get_weights())
    results = []
    for network in networks:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x)
            loss = tf.reduce_sum(y**2)
        results.append([y, *tape.gradient(loss, [x, *network.trainable_variables])])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    networks[0].save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "model.keras")(x), results[0][0]
    )


@pytest.mark.parametrize("scale", [2, 4])
def test_pixel_unshuffle_is_the_inverse_of_pixel_shuffle(scale, rng):
    x = rng.uniform(size=(2, 3 * scale, 5 * scale, 3)).astype(np.float32)
    folded = PixelUnshuffle(scale)(x)
    assert folded.shape == (2, 3, 5, 3 * scale**2)
    np.testing.assert_array_equal(PixelShuffle(scale)(folded), x)


def test_pixel_unshuffle_repeats_the_last_row_and_column(rng):
    x = rng.uniform(size=(1, 5, 7, 3)).astype(np.float32)
    grown = np.pad(x, [(0, 0), (0, 3), (0, 1), (0, 0)], mode="edge")
    np.testing.assert_array_equal(PixelUnshuffle(4)(x), PixelUnshuffle(4)(grown))
