import cv2
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.config import UsageError
from srgan_keras.data.degradations import DEGRADATIONS, degrade


@pytest.fixture
def hr(rng) -> np.ndarray:
    return rng.integers(0, 256, (2, 48, 72, 3), np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_equals_imresize(scale, hr):
    edge = 4 * scale
    mirrored = np.pad(hr, ((0, 0), (edge, edge), (edge, edge), (0, 0)), "symmetric")
    size = [side // scale for side in mirrored.shape[1:3]]
    expected = tf.image.resize(mirrored, size, "bicubic", antialias=True)[:, 4:-4, 4:-4]
    lr = DEGRADATIONS["bicubic"].function(tf.cast(hr, tf.float32), scale)
    np.testing.assert_allclose(lr / 255, expected / 255, atol=3e-5)
    rounded = np.clip(np.floor(expected + 0.5), 0, 255)
    assert np.abs(degrade(hr, "bicubic", scale).numpy() - rounded).max() <= 1
    assert np.mean(degrade(hr, "bicubic", scale).numpy() != rounded) < 1e-3


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_cv2_linear_equals_opencv(scale, hr):
    expected = [cv2.resize(image, (72 // scale, 48 // scale)) for image in hr]
    np.testing.assert_array_equal(degrade(hr, "cv2_linear", scale), expected)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_ramp_keeps_its_phase(name):
    """LR pixel i is the mean of HR pixels 4i to 4i + 3, not shifted by any part of a pixel."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 64, 3))
    for image, axis in ((ramp, 0), (ramp.transpose(0, 2, 1, 3), 1)):
        lr = degrade(image, name, 4)[0, ..., 0].numpy()
        middle = np.moveaxis(lr, axis, 0)[2:-2]
        np.testing.assert_array_equal(middle, np.repeat(np.arange(2, 14)[:, None] * 16 + 6, 16, 1))


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("jit", [False, True])
def test_the_same_in_a_graph(name, jit, hr):
    graph = tf.function(
        lambda x: degrade(x, name, 4),
        jit_compile=jit,
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)],
    )
    lr = graph(hr)
    assert lr.dtype == tf.uint8
    assert lr.shape == (2, 12, 18, 3)
    assert np.abs(lr.numpy().astype(int) - degrade(hr, name, 4).numpy()).max() <= 1


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_constants_are_kept(name):
    for level in (0, 1, 128, 255):
        hr = np.full((1, 16, 16, 3), level, np.uint8)
        np.testing.assert_array_equal(degrade(hr, name, 4), hr[:, :4, :4])


def test_unknown_name_is_refused(hr):
    with pytest.raises(UsageError, match="no degradation 'lanczos': choose one of bicubic"):
        degrade(hr, "lanczos", 4)
