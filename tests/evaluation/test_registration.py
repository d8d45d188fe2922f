import cv2
import numpy as np
import pytest

from srgan_keras.evaluation.registration import WeakRegistration, overlap, register, warp
from srgan_keras.metrics.agreement import agreement_green, field_of_view
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture(scope="module")
def eye():
    return phantom(3, 512).image


def moved(image, degrees=6, shift=(15, -10), scale=1.0):
    """Return the image turned, moved and scaled, and the homography from it to the original."""
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, scale)
    matrix[:, 2] += shift
    there = np.vstack([matrix, [0, 0, 1]])
    return warp(image, there, image.shape), np.linalg.inv(there)


def error(found, true, side=512):
    grid = np.linspace(0.25, 0.75, 5) * side
    points = np.stack(np.meshgrid(grid, grid), -1).reshape(1, -1, 2)
    there = [cv2.perspectiveTransform(points, h) for h in (found, true)]
    return np.linalg.norm(there[0] - there[1], axis=-1).max()


@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_a_turned_blurred_and_darkened_photograph_is_registered(eye, scale):
    poor, true = moved(cv2.GaussianBlur(eye, (0, 0), 1.5), scale=scale)
    poor = np.rint(poor * 0.6).astype(np.uint8)
    found = register(poor, eye)
    assert found.inliers >= 25
    assert error(found.homography, true) < 1.5
    mask = overlap(poor, eye, found.homography)
    assert agreement_green(eye, warp(poor, found.homography, eye.shape), mask) > 0.8


def test_sizes_may_differ(eye):
    large = cv2.resize(eye, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    found = register(eye, large)
    true = np.array([[3, 0, 1], [0, 3, 1], [0, 0, 1]], float)  # pixel centres
    assert error(found.homography, true) < 3


def test_registration_is_deterministic(eye):
    poor, _ = moved(eye)
    first, second = register(poor, eye), register(poor, eye)
    np.testing.assert_array_equal(first.homography, second.homography)


def test_another_eye_is_rejected(eye):
    with pytest.raises(WeakRegistration, match="matched features agree with one homography"):
        register(phantom(5, 512).image, eye)


def test_a_photograph_without_features_is_rejected(eye):
    with pytest.raises(WeakRegistration, match=r"0 and .* features found"):
        register(np.zeros_like(eye), eye)


def test_too_small_an_overlap_is_rejected(eye):
    aside = np.array([[1, 0, 420], [0, 1, 0], [0, 0, 1]], float)
    with pytest.raises(WeakRegistration, match="of the reference's field of view"):
        overlap(eye, eye, aside)


def test_the_overlap_lies_in_both_fields_of_view(eye):
    aside = np.array([[1, 0, 100], [0, 1, 0], [0, 0, 1]], float)
    mask = overlap(eye, eye, aside)
    assert mask.any()
    assert not (mask & ~field_of_view(eye)).any()
    assert not mask[:, :100].any()
