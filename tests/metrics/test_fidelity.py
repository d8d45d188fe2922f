from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.metrics
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from srgan_keras.data import datasets
from srgan_keras.metrics import WINDOW, colour_drift, luma, ms_ssim, psnr, ssim, ssim_maps
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    hr = phantom(1, 200).image[:, 10:]
    noise = np.random.default_rng(0).normal(0, 3, hr.shape)
    return hr, np.clip(cv2.GaussianBlur(hr, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


def wang(a: np.ndarray, b: np.ndarray) -> float:
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, full = skimage.metrics.structural_similarity(
        a, b, channel_axis=-1, data_range=255, full=True, **settings
    )
    return full[5:-5, 5:-5].mean()


def test_psnr_equals_scikit_image(pair):
    hr, sr = pair
    assert psnr(hr, sr) == pytest.approx(skimage.metrics.peak_signal_noise_ratio(hr, sr))
    as_float = hr.astype(np.float32), sr.astype(np.float32)
    assert psnr(*as_float) == pytest.approx(psnr(hr, sr))


def test_psnr_of_a_known_difference():
    black = np.zeros((20, 30, 3), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0, abs=1e-9)
    assert psnr(black, black + 1) == pytest.approx(20 * np.log10(255))
    assert psnr(black, black) == np.inf


def test_psnr_over_a_mask_sees_nothing_else(pair):
    hr, sr = pair
    mask = np.zeros(hr.shape[:2], bool)
    mask[50:90, 60:70] = True
    assert psnr(hr, sr, mask) == pytest.approx(psnr(hr[50:90, 60:70], sr[50:90, 60:70]))
    changed = np.where(mask[..., None], sr, 255 - sr)
    assert psnr(hr, changed, mask) == psnr(hr, sr, mask)
    assert np.isnan(psnr(hr, sr, np.zeros_like(mask)))


def test_ssim_equals_scikit_image_and_tensorflow(pair, rng):
    hr, sr = pair
    noise = rng.integers(0, 256, hr.shape, np.uint8)
    for a, b in ((hr, sr), (hr, 255 - hr), (hr // 40, sr // 40), (noise, sr)):
        assert ssim(a, b) == pytest.approx(wang(a, b), abs=1e-6)
        # float32 throughout: less precise than ours
        assert ssim(a, b) == pytest.approx(float(tf.image.ssim(a, b, 255)), abs=1e-4)
    assert ssim(hr, hr) == pytest.approx(1, abs=1e-6)


def test_ssim_of_grey_and_of_tall_images(rng):
    a, b = rng.integers(0, 256, (2, 300, 13), np.uint8)
    assert ssim(a, b) == pytest.approx(wang(a[..., None], b[..., None]), abs=1e-6)
    assert ssim_maps(a, b)[0].shape == (290, 3)


def test_ssim_over_a_mask_takes_the_windows_wholly_inside(pair):
    hr, sr = pair
    mask = np.zeros(hr.shape[:2], bool)
    mask[40:90, 60:100] = True
    assert ssim(hr, sr, mask) == pytest.approx(ssim(hr[40:90, 60:100], sr[40:90, 60:100]), abs=1e-6)
    changed = np.where(mask[..., None], sr, 255 - sr)
    assert ssim(hr, changed, mask) == pytest.approx(ssim(hr, sr, mask), abs=1e-6)


def test_ssim_without_a_window_is_undefined(pair):
    hr, sr = pair
    narrow = np.zeros(hr.shape[:2], bool)
    narrow[:, 20 : 20 + WINDOW - 1] = True
    assert np.isnan(ssim(hr, sr, narrow))
    assert np.isnan(ssim(hr[:10], sr[:10]))


@settings(max_examples=25, deadline=None)
@given(st.integers(11, 40), st.integers(11, 300), st.integers(0, 2**32 - 1))
def test_masked_equals_plain_under_a_full_mask(width, height, seed):
    a, b = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    full = np.ones((height, width), bool)
    assert psnr(a, b, full) == pytest.approx(psnr(a, b), rel=1e-12)
    assert ssim(a, b, full) == pytest.approx(ssim(a, b), abs=1e-12)


def test_another_size_is_refused(pair):
    hr, sr = pair
    for metric in (psnr, ssim, ms_ssim):
        with pytest.raises(ValueError, match="one size"):
            metric(hr, sr[:-1])
    with pytest.raises(ValueError, match="one size"):
        psnr(hr, sr, np.ones((3, 3), bool))


@pytest.mark.parametrize("size", [(176, 176), (199, 240)])
def test_ms_ssim_equals_tensorflow(size, rng):
    hr = cv2.resize(phantom(2, 300).image, size[::-1])
    noise = rng.normal(0, 20, hr.shape)
    sr = np.clip(cv2.GaussianBlur(hr, (0, 0), 2) + noise, 0, 255).astype(np.uint8)
    for a, b in ((hr, sr), (hr, 255 - hr)):
        expected = float(tf.image.ssim_multiscale(tf.constant(a), tf.constant(b), 255))
        assert ms_ssim(a, b) == pytest.approx(expected, abs=1e-4)
        assert ms_ssim(a, b, ssim_maps(a, b)[1]) == ms_ssim(a, b)
    assert ms_ssim(hr, hr) == pytest.approx(1, abs=1e-6)
    assert np.isnan(ms_ssim(hr[:175], sr[:175]))


def test_luma_is_that_of_bt601():
    """Black 16, white 235; primaries by hand: 16 + 65.481, 16 + 128.553, 16 + 24.966."""
    colours = np.array([[[0] * 3, [255] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(luma(colours)[0], [16, 235, 81.481, 144.553, 40.966], atol=1e-4)
    image = phantom(0, 64).image
    np.testing.assert_allclose(luma(image), skimage.color.rgb2ycbcr(image)[..., 0], atol=1e-4)
    shifted = psnr(luma(image), luma(image) + 1)
    assert shifted == pytest.approx(20 * np.log10(255), abs=1e-4)


def fifty_pairs(photographs: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """25 pairs of noise and 25 of photographs with blur and noise, uint8."""
    rng = np.random.default_rng(0)
    for i in range(25):
        height, width = rng.integers(40, 120, 2)
        yield tuple(rng.integers(0, 256, (2, height, width, 3), np.uint8))
        hr = photographs[i % len(photographs)]
        sr = cv2.GaussianBlur(hr, (0, 0), 0.5 + i / 10) + rng.normal(0, i, hr.shape)
        yield hr, np.clip(np.rint(sr), 0, 255).astype(np.uint8)


def check_against_scikit_image(photographs: list[np.ndarray]) -> None:
    for a, b in fifty_pairs(photographs):
        assert psnr(a, b) == pytest.approx(skimage.metrics.peak_signal_noise_ratio(a, b), abs=1e-4)
        assert ssim(a, b) == pytest.approx(wang(a, b), abs=1e-4)
        lab = [skimage.color.rgb2lab(x) for x in (a, b)]
        expected = skimage.color.deltaE_ciede2000(*lab).mean()
        assert colour_drift(a, b, 1) == pytest.approx(expected, abs=1e-4)
        y = [skimage.color.rgb2ycbcr(x)[..., 0] for x in (a, b)]
        expected = skimage.metrics.peak_signal_noise_ratio(*y, data_range=255)
        assert psnr(luma(a), luma(b)) == pytest.approx(expected, abs=1e-4)
        full = np.ones(a.shape[:2], bool)
        assert colour_drift(a, b, 1, full) == colour_drift(a, b, 1)


def test_fifty_pairs_equal_scikit_image():
    check_against_scikit_image([phantom(seed, 150).image for seed in range(5)])


@pytest.mark.real
def test_fifty_pairs_with_real_photographs_equal_scikit_image(real_data):
    files = datasets.find(str(real_data / "aptos2019"))[:8]
    check_against_scikit_image(
        [cv2.resize(p.read(), (320, 300), interpolation=cv2.INTER_AREA) for p in files]
    )
