from typing import get_args

import cv2
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.config import DegradationName
from srgan_keras.configure import IDENTITIES
from srgan_keras.data.clinical import clinical
from srgan_keras.data.degradations import DEGRADATIONS, PAIRED, degrade
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

EXACT = [name for name, operator in DEGRADATIONS.items() if not operator.random]


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


@pytest.mark.parametrize("name", IDENTITIES)
def test_what_only_reduces_does_nothing_at_scale_1(name, hr):
    np.testing.assert_array_equal(degrade(hr, name, 1), hr)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_cv2_linear_equals_opencv(scale, hr):
    expected = [cv2.resize(image, (72 // scale, 48 // scale)) for image in hr]
    np.testing.assert_array_equal(degrade(hr, "cv2_linear", scale), expected)


@pytest.mark.parametrize("name", EXACT)
def test_a_ramp_keeps_its_phase(name):
    """LR pixel i is the mean of HR pixels 4i to 4i + 3, not shifted by any part of a pixel."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 64, 3))
    for image, axis in ((ramp, 0), (ramp.transpose(0, 2, 1, 3), 1)):
        lr = degrade(image, name, 4)[0, ..., 0].numpy()
        middle = np.moveaxis(lr, axis, 0)[2:-2]
        np.testing.assert_array_equal(middle, np.repeat(np.arange(2, 14)[:, None] * 16 + 6, 16, 1))


@pytest.mark.parametrize("name", EXACT)
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


@pytest.mark.parametrize("name", EXACT)
def test_constants_are_kept(name):
    for level in (0, 1, 128, 255):
        hr = np.full((1, 16, 16, 3), level, np.uint8)
        np.testing.assert_array_equal(degrade(hr, name, 4), hr[:, :4, :4])


def test_unknown_name_is_refused(hr):
    with pytest.raises(UsageError, match="no degradation 'lanczos': choose one of bicubic"):
        degrade(hr, "lanczos", 4)


def test_every_degradation_can_be_chosen():
    assert get_args(DegradationName) == (*DEGRADATIONS, PAIRED)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_area_equals_opencv(scale, hr):
    expected = [
        cv2.resize(
            image.astype(np.float32), None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA
        )
        for image in hr
    ]
    lr = DEGRADATIONS["area"].function(tf.cast(hr, tf.float32), scale)
    np.testing.assert_allclose(lr, expected, atol=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_gaussian_equals_opencv(scale, hr):
    lr = DEGRADATIONS["gaussian"].function(tf.cast(hr, tf.float32), scale).numpy()
    for image, reduced in zip(hr.astype(np.float32), lr, strict=True):
        if scale % 2:
            side = 3 * scale
            expected = cv2.GaussianBlur(
                image, (side, side), 0.4 * scale, borderType=cv2.BORDER_REFLECT
            )
            np.testing.assert_allclose(reduced, expected[1::3, 1::3], atol=1e-2)
        else:  # the kernel lies between pixels: against direct summation
            distance = np.arange(3 * scale) - (3 * scale - 1) / 2
            weights = np.exp(-(distance**2) / (2 * (0.4 * scale) ** 2))
            weights = np.outer(weights, weights) / weights.sum() ** 2
            window = image[scale : 4 * scale, 2 * scale : 5 * scale]
            np.testing.assert_allclose(
                reduced[2, 3], (weights[..., None] * window).sum((0, 1)), atol=1e-2
            )


def test_clinical_is_a_function_of_seed_and_index(hr):
    both = degrade(hr, "clinical", 4, seed=3, index=[8, 9]).numpy()
    assert both.shape == (2, 12, 18, 3)
    np.testing.assert_array_equal(degrade(hr[1:], "clinical", 4, seed=3, index=[9])[0], both[1])
    assert (degrade(hr[1:], "clinical", 4, seed=4, index=[9]).numpy()[0] != both[1]).any()
    assert (degrade(hr[1:], "clinical", 4, seed=3, index=[8]).numpy()[0] != both[1]).any()
    np.testing.assert_array_equal(
        degrade(hr, "clinical", 4), degrade(hr, "clinical", 4, seed=0, index=[0, 1])
    )


def test_clinical_in_a_data_set(hr):
    data = tf.data.Dataset.from_tensors(hr).map(lambda x: degrade(x, "clinical", 4))
    (lr,) = data.as_numpy_iterator()
    assert data.element_spec.shape == (2, 12, 18, 3)
    np.testing.assert_array_equal(lr, degrade(hr, "clinical", 4))


def test_clinical_spoils_without_a_shift():
    """Darker and noisier than the bicubic reduction, on no other grid."""
    image = phantom(1, 256).image
    clean = degrade(image[None], "bicubic", 2).numpy()[0].astype(np.float32)
    spoiled = [clinical(clean, 0, index) for index in range(12)]
    assert np.mean([s.mean() for s in spoiled]) < clean.mean()
    errors = [np.abs(s - clean).mean() for s in spoiled]
    assert 0.5 < min(errors) < max(errors) < 40
    for s in spoiled:
        (dx, dy), _ = cv2.phaseCorrelate(clean[..., 1], s[..., 1])
        assert max(abs(dx), abs(dy)) < 0.1
