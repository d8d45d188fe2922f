import cv2
import numpy as np
import pytest

from srgan_keras.metrics.agreement import (
    Reference,
    agreement_green,
    agreement_vessels,
    field_of_view,
    match_levels,
    normalise,
)
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture(scope="module")
def eye():
    image = phantom(3, 400).image
    return image, field_of_view(image)


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_a_photograph_agrees_with_itself(agreement, eye):
    image, mask = eye
    assert agreement(image, image, mask) == pytest.approx(1)


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_brightness_and_contrast_hardly_count(agreement, eye):
    image, mask = eye
    faded = np.rint(0.7 * image + 40).astype(np.uint8)
    assert agreement(image, faded, mask) > 0.97


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_blur_and_another_eye_lower_the_agreement(agreement, eye):
    image, mask = eye
    blurred = cv2.GaussianBlur(image, (0, 0), 4)
    other = phantom(4, 400).image
    assert 0.99 > agreement(image, blurred, mask) > agreement(image, other, mask) + 0.1
    assert agreement(image, other, mask) < 0.6


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_the_agreement_is_symmetric(agreement, eye):
    image, mask = eye
    blurred = cv2.GaussianBlur(image, (0, 0), 2)
    assert agreement(image, blurred, mask) == pytest.approx(agreement(blurred, image, mask))


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_pixels_outside_the_mask_do_not_count(agreement, eye):
    image, mask = eye
    mask = mask & (np.arange(400) < 200)
    other = image.copy()
    other[:, 202:] = 255  # halving mixes two columns
    assert agreement(image, other, mask) == pytest.approx(1)


@pytest.mark.parametrize("agreement", [agreement_green, agreement_vessels])
def test_nothing_to_compare_is_nan(agreement, eye):
    image, mask = eye
    assert np.isnan(agreement(image, image, np.zeros_like(mask)))
    assert np.isnan(agreement(image, np.full_like(image, 90), mask))


def test_normalisation_follows_its_formula(rng):
    green = rng.uniform(0, 255, (40, 40)).astype(np.float32)
    mask = np.ones((40, 40), bool)
    mask[:, :10] = False

    def smooth(x):
        return cv2.GaussianBlur(x.astype(np.float32), (0, 0), 3)

    weight = smooth(mask) + 1e-6
    detail = (green - smooth(green * mask) / weight) * mask
    expected = detail / (np.sqrt(smooth(detail**2) / weight) + 1)
    np.testing.assert_allclose(normalise(green, mask, 3), expected, atol=1e-5)


def test_field_of_view_lies_within_the_retina():
    found = phantom(3, 400)
    mask = field_of_view(found.image)
    assert mask.any()
    assert not (mask & ~found.fov).any()
    assert not field_of_view(np.zeros((100, 100, 3), np.uint8)).any()


def test_matched_levels_have_the_mean_and_the_deviation(rng):
    reference, other = rng.integers(0, 256, (2, 30, 30, 3)).astype(np.uint8)
    other[..., 1] = 7
    mask = rng.random((30, 30)) > 0.5
    matched = match_levels(reference, other, mask)
    for channel in (0, 2):
        a, b = matched[mask, channel], reference[mask, channel]
        assert a.mean() == pytest.approx(b.mean(), abs=1e-3)
        assert a.std() == pytest.approx(b.std(), abs=1e-3)
    np.testing.assert_allclose(matched[..., 1], reference[mask, 1].mean(), atol=1e-3)


def test_psnr_and_ssim_do_not_see_a_change_of_levels(eye):
    image, mask = eye
    good = Reference(image, mask)
    faded = good.compare(np.rint(0.5 * image + 60).astype(np.uint8))
    blurred = good.compare(cv2.GaussianBlur(image, (0, 0), 4))
    assert faded["psnr"] > 45
    assert faded["ssim"] > 0.97
    assert blurred["psnr"] < faded["psnr"] - 5
    assert blurred["ssim"] < faded["ssim"]
    assert good.compare(image)["psnr"] > 100
