import numpy as np
import pytest

from srgan_keras.metrics import colour_drift
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture(scope="module")
def hr() -> np.ndarray:
    return phantom(1, 96).image


def test_detail_that_averages_out_is_no_drift(hr, rng):
    """Noise of mean zero in each block of 4 x 4 leaves the reduced colours as they are."""
    middle = np.full((96, 96, 3), 120, np.uint8)
    signs = np.indices((96, 96)).sum(axis=0)[..., None] % 2
    assert colour_drift(middle, (middle + 20 * signs - 10).astype(np.uint8), 4) == pytest.approx(
        0, abs=1e-3
    )
    assert colour_drift(middle, (middle + 20 * signs - 10).astype(np.uint8), 1) > 1
    assert colour_drift(hr, hr, 4) == 0


def test_a_cast_is_drift(hr):
    cast = np.clip(hr + np.array([0, 0, 12]), 0, 255).astype(np.uint8)
    assert colour_drift(hr, cast, 4) > 2


def test_a_mask_counts_whole_reduced_pixels_alone(hr):
    changed, mask = hr.copy(), np.zeros(hr.shape[:2], bool)
    mask[42:82, 42:82] = True
    changed[:44] = 255 - changed[:44]
    assert colour_drift(hr, changed, 4, mask) == 0
    assert np.isnan(colour_drift(hr, changed, 4, np.zeros_like(mask)))
    with pytest.raises(ValueError, match="one size"):
        colour_drift(hr, hr[:-4], 4)
