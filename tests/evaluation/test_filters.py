import numpy as np
import pytest

from srgan_keras.evaluation.filters import FILTERS, ben_graham, gaussian, unsharp
from srgan_keras.phantoms.phantom import phantom


def test_order_of_the_filters():
    assert list(FILTERS) == ["clahe", "ben_graham", "unsharp", "gaussian"]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_size_type_and_its_input(name):
    image = phantom(1, 128).image
    before = image.copy()
    result = FILTERS[name](image)
    assert (result.shape, result.dtype) == (image.shape, np.uint8)
    assert (result != image).any()
    np.testing.assert_array_equal(image, before)


def test_flat_photographs_stay_flat():
    flat = np.full((64, 64, 3), 90, np.uint8)
    for kept in (unsharp, gaussian):
        np.testing.assert_array_equal(kept(flat), flat)
    np.testing.assert_array_equal(ben_graham(flat), np.full_like(flat, 128))


def test_unsharp_sharpens_and_gaussian_smooths():
    image = phantom(1, 128).image
    spread = {
        f.__name__: float(np.abs(np.diff(f(image).astype(int))).mean()) for f in (unsharp, gaussian)
    }
    before = float(np.abs(np.diff(image.astype(int))).mean())
    assert spread["gaussian"] < before < spread["unsharp"]
