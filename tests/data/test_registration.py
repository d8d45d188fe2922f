import cv2
import numpy as np
import pytest

from srgan_keras.data.registration import (
    WeakRegistration,
    distance,
    magnification,
    overlap,
    refine,
    register,
    scaling,
    warp,
)
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


@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_a_turned_blurred_and_darkened_photograph_is_registered(eye, scale):
    poor, true = moved(cv2.GaussianBlur(eye, (0, 0), 1.5), scale=scale)
    poor = np.rint(poor * 0.6).astype(np.uint8)
    found = register(poor, eye)
    assert found.inliers >= 25
    assert distance(found.homography, true, eye.shape) < 0.3
    mask = overlap(poor, eye, found.homography)
    assert agreement_green(eye, warp(poor, found.homography, eye.shape), mask) > 0.8


def test_sizes_may_differ(eye):
    large = cv2.resize(eye, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    found = register(eye, large)
    assert distance(found.homography, scaling(3), eye.shape) < 1
    assert magnification(found.homography, eye.shape) == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_small_homography_is_refined_to_a_fraction_of_a_pixel(eye, scale, rng):
    """Of LR, which is blurred, darker and noisy; the search starts where nothing has moved."""
    turned, true = moved(cv2.GaussianBlur(eye, (0, 0), scale), degrees=0.5, shift=(3, -2))
    lr = cv2.resize(turned, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    lr = np.clip(0.7 * lr + rng.normal(0, 1, lr.shape), 0, 255).astype(np.uint8)
    found = refine(lr, eye, scaling(scale))
    assert distance(found.homography, true @ scaling(scale), lr.shape) < 0.5 * scale
    assert found.correlation > 0.8


def test_nothing_is_refined_without_detail_or_far_away(eye):
    flat = np.full_like(eye, 90)
    assert refine(flat, eye, np.eye(3)) is None
    aside = np.array([[1, 0, 500], [0, 1, 500], [0, 0, 1]], float)
    assert refine(eye, eye, aside) is None


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
