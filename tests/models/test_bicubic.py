import keras
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.models.bicubic import BicubicUpsampling, bicubic_downsample, bicubic_upsample

SCALES = (2, 3, 4, 8)
TOLERANCE = 3e-5  # of images in 0..1


def mirrored(x: np.ndarray, width: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), "symmetric")


def resized(x: np.ndarray, height: int, width: int) -> np.ndarray:
    return tf.image.resize(x, (height, width), "bicubic", antialias=True).numpy()


@pytest.mark.parametrize("scale", SCALES)
def test_downsample_equals_imresize_to_the_border(scale, rng):
    x = rng.random((2, 6 * scale, 9 * scale, 3), np.float32)
    edge = 4 * scale
    expected = resized(mirrored(x, edge), 6 + 8, 9 + 8)[:, 4:-4, 4:-4]
    np.testing.assert_allclose(bicubic_downsample(x, scale), expected, atol=TOLERANCE)


@pytest.mark.parametrize("scale", SCALES)
def test_upsample_equals_imresize_to_the_border(scale, rng):
    x = rng.random((2, 7, 5, 3), np.float32)
    edge = 4 * scale
    expected = resized(mirrored(x, 4), (7 + 8) * scale, (5 + 8) * scale)
    expected = expected[:, edge:-edge, edge:-edge]
    np.testing.assert_allclose(bicubic_upsample(x, scale), expected, atol=TOLERANCE)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (5, 4)])
def test_images_smaller_than_the_kernel(size, rng):
    lr = rng.random((1, *size, 3), np.float32)
    hr = bicubic_upsample(lr, 4)
    repeated = np.pad(lr, ((0, 0), (12, 12), (12, 12), (0, 0)), "symmetric")
    np.testing.assert_allclose(hr, bicubic_upsample(repeated, 4)[:, 48:-48, 48:-48], atol=1e-6)
    down = bicubic_downsample(hr, 4)
    repeated = np.pad(hr, ((0, 0), (16, 16), (16, 16), (0, 0)), "symmetric")
    np.testing.assert_allclose(down, bicubic_downsample(repeated, 4)[:, 4:-4, 4:-4], atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_constants_and_positions_are_kept(scale):
    flat = np.full((1, 4 * scale, 4 * scale, 1), 0.7, np.float32)
    np.testing.assert_allclose(bicubic_downsample(flat, scale), 0.7, atol=1e-6)
    np.testing.assert_allclose(bicubic_upsample(flat, scale), 0.7, atol=1e-6)
    centres = (np.arange(16 * scale, dtype=np.float32) + 0.5) / scale - 0.5
    ramp = np.broadcast_to(centres[:, None], (1, 16 * scale, 16 * scale))[..., None]
    down = bicubic_downsample(ramp, scale)[0, 3:-3, 8, 0]
    np.testing.assert_allclose(down, np.arange(3, 13), atol=1e-4)
    up = bicubic_upsample(np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1), scale)[0, :, 0, 0]
    np.testing.assert_allclose(
        up[3 * scale : -3 * scale], centres[3 * scale : -3 * scale], atol=1e-4
    )


@pytest.mark.parametrize("size", [(1, 1), (8, 12)])
def test_compiled_with_unknown_sizes_it_is_the_same_with_its_gradient(size, rng):
    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec([None, None, None, 3])])
    def compiled(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = bicubic_downsample(bicubic_upsample(x, 4), 4)
        return y, tape.gradient(y, x)

    x = rng.random((2, *size, 3), np.float32)
    y, gradient = compiled(x)
    np.testing.assert_allclose(y, bicubic_downsample(bicubic_upsample(x, 4), 4), atol=1e-5)
    # weights of each output sum to one: so do all gradients
    assert float(tf.reduce_sum(gradient)) == pytest.approx(x.size, rel=1e-4)
    assert np.all(np.isfinite(gradient))


def test_a_side_that_is_no_multiple_is_refused():
    with pytest.raises(ValueError, match="multiples of the scale 4"):
        bicubic_downsample(np.zeros((1, 10, 8, 3), np.float32), 4)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_layer_is_saved_and_loaded_and_stays_float32(policy, tmp_path, rng):
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, BicubicUpsampling(4)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = rng.random((1, 6, 5, 3), np.float32)
    assert loaded.layers[-1].scale == 4
    assert loaded(x).dtype == tf.float32
    np.testing.assert_array_equal(loaded(x), bicubic_upsample(x, 4))
