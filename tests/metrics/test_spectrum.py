import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srgan_keras.metrics import band_energy, grid_energy, largest_square, spectrum
from srgan_keras.phantoms.phantom import phantom

SQUARE = (slice(40, 168), slice(40, 168))


@pytest.fixture(scope="module")
def hr() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 2, (208, 208, 3))
    return np.clip(phantom(1, 208).image + noise, 0, 255).astype(np.uint8)


def of(hr: np.ndarray, sr: np.ndarray, scale: int = 4) -> tuple[float, float]:
    spectra = spectrum(hr, SQUARE), spectrum(sr, SQUARE)
    return band_energy(*spectra, scale), grid_energy(*spectra, scale)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_largest_square_by_trying_all(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    rows, columns = largest_square(mask)
    side = rows.stop - rows.start
    assert side == columns.stop - columns.start
    assert mask[rows, columns].all()
    larger = side + 1
    assert not any(
        mask[y : y + larger, x : x + larger].all()
        for y in range(height - side)
        for x in range(width - side)
    )


def test_equal_images_have_equal_energy(hr):
    assert of(hr, hr) == (1, 1)


def test_blur_and_noise_are_told_apart(hr, rng):
    blurred = cv2.GaussianBlur(hr, (0, 0), 1.5)
    noisy = np.clip(hr + rng.normal(0, 8, hr.shape), 0, 255)
    assert of(hr, blurred)[0] < 0.3
    assert of(hr, noisy)[0] > 1.5


@pytest.mark.parametrize("scale", [2, 4])
def test_a_checkerboard_at_the_grid_is_found(hr, scale):
    board = 3.0 * (np.arange(208) % scale < scale / 2)
    assert of(hr, hr + board[:, None, None] + board[None, :, None], scale)[1] > 10


def test_waves_fall_into_the_band_from_nyquist_to_twice_it():
    x = np.arange(208)[None, :, None]

    def wave(frequency: float) -> np.ndarray:
        return 128 + 50 * np.cos(2 * np.pi * frequency * x) * np.ones((208, 1, 3))

    reference = wave(0.19)
    assert of(reference, wave(0.16))[0] == pytest.approx(1, rel=0.01)
    assert of(reference, wave(0.09))[0] < 0.01
    assert of(reference, wave(0.30))[0] < 0.01


def test_where_there_is_nothing_to_measure(hr):
    flat = np.full_like(hr, 90)
    assert np.isnan(of(flat, hr)).all()
    small = spectrum(hr, (slice(0, 63), slice(0, 63)))
    assert np.isnan([band_energy(small, small, 4), grid_energy(small, small, 4)]).all()
    empty = spectrum(hr, largest_square(np.zeros(hr.shape[:2], bool)))
    assert np.isnan(band_energy(empty, empty, 4))
