import cv2
import numpy as np
import pytest
import skimage.metrics
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from srgan_keras.data.phantom import phantom
from srgan_keras.metrics import WINDOW, bright_agreement, psnr, ssim, ssim_map


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
    assert ssim_map(a, b).shape == (290, 3)


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


def test_bright_agreement_by_hand():
    """Grey is 0.114 R + 0.587 G + 0.299 B: a red pixel is dark, a green one bright."""
    red, green, black = (255, 0, 0), (0, 255, 0), (0, 0, 0)
    hr = np.array([[green, green, green, green, red, black]], np.uint8)
    sr = np.array([[green, green, green, black, green, red]], np.uint8)
    assert bright_agreement(hr, sr) == pytest.approx(
        {"bright_precision": 3 / 4, "bright_recall": 3 / 4, "bright_f1": 3 / 4}
    )


def test_bright_agreement_of_nothing_is_one():
    dark, bright = np.full((2, 4, 4, 3), 127, np.uint8) + np.array([0, 1], np.uint8).reshape(
        2, 1, 1, 1
    )
    assert list(bright_agreement(dark, dark).values()) == [1, 1, 1]
    assert list(bright_agreement(dark, bright).values()) == [0, 1, 0]
    assert list(bright_agreement(bright, dark).values()) == [1, 0, 0]


def test_another_size_is_refused(pair):
    hr, sr = pair
    for metric in (psnr, ssim, bright_agreement):
        with pytest.raises(ValueError, match="one size"):
            metric(hr, sr[:-1])
    with pytest.raises(ValueError, match="one size"):
        psnr(hr, sr, np.ones((3, 3), bool))
