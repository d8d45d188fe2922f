import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srgan_keras.data import datasets
from srgan_keras.data.decode import decode, read_bytes
from srgan_keras.data.fov import (
    crop_to_fov,
    cropped_to_fov,
    erode_inner,
    fov_mask,
    scale_to_long_side,
)
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom


def disc(height: int, width: int, radius: int, level: int = 120) -> tuple[np.ndarray, np.ndarray]:
    mask = cv2.circle(np.zeros((height, width), np.uint8), (width // 2, height // 2), radius, 1, -1)
    return np.repeat(mask[..., None] * np.uint8(level), 3, axis=2), mask > 0


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("size", [(300, 400), (900, 700)])
def test_disc_is_found(size):
    image, expected = disc(*size, radius=130)
    mask = fov_mask(image)
    assert mask.dtype == bool
    assert mask.shape == size
    assert overlap(mask, expected) > 0.98


def test_phantom_is_found():
    photograph = phantom(3, 256)
    assert overlap(fov_mask(photograph.image), photograph.fov) > 0.97


def test_dark_spots_are_filled_and_a_label_outside_is_not_taken():
    image, expected = disc(400, 500, radius=150)
    cv2.circle(image, (250, 200), 40, (0, 0, 0), -1)
    cv2.rectangle(image, (5, 5), (40, 15), (255, 255, 255), -1)
    assert overlap(fov_mask(image), expected) > 0.98


def test_black_photograph_has_no_field_of_view():
    image = np.full((60, 80, 3), 5, np.uint8)
    mask = fov_mask(image)
    assert not mask.any()
    whole, whole_mask = crop_to_fov(image, mask)
    assert whole.shape == image.shape
    assert whole_mask.shape == mask.shape


def test_a_strip_is_refused():
    with pytest.raises(UsageError, match="10000 x 5 px is no photograph"):
        fov_mask(np.zeros((5, 10000, 3), np.uint8))


def test_crop_is_tight():
    image, mask = disc(200, 300, radius=80)
    cropped, cropped_mask = crop_to_fov(image, mask)
    assert cropped.shape == (161, 161, 3)
    assert cropped_mask.sum() == mask.sum()
    for line in (cropped_mask[0], cropped_mask[-1], cropped_mask[:, 0], cropped_mask[:, -1]):
        assert line.any()


def test_scaled_down_never_up():
    image, mask = disc(200, 300, radius=80)
    small, small_mask = scale_to_long_side(image, mask, 150)
    assert small.shape == (100, 150, 3)
    assert small_mask.shape == (100, 150)
    assert overlap(small_mask, small[..., 0] > 60) > 0.97
    for long_side in (0, 300, 400):
        same, same_mask = scale_to_long_side(image, mask, long_side)
        np.testing.assert_array_equal(same, image)
        np.testing.assert_array_equal(same_mask, mask)


def test_inner_counts_what_is_outside_the_frame_as_outside():
    inner = erode_inner(np.ones((100, 200), bool))
    expected = np.zeros((100, 200), bool)
    expected[8:-8, 8:-8] = True  # 0.04 x 200
    np.testing.assert_array_equal(inner, expected)
    assert erode_inner(np.ones((40, 50), bool)).sum() == 34 * 44  # 3 at least
    assert not erode_inner(np.zeros((40, 50), bool)).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 1500), st.integers(3, 1500), st.integers(0, 700), st.integers(0, 2**32 - 1))
def test_cropped_at_once_is_cropped_step_by_step(height, width, long_side, seed):
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.uint8)
    centre, axes = rng.integers((width, height)).tolist(), rng.integers(1, (width, height)).tolist()
    cv2.ellipse(image, centre, axes, 0, 0, 360, rng.integers(0, 256, 3).tolist(), -1)
    try:
        mask = fov_mask(image)
        expected = scale_to_long_side(*crop_to_fov(image, mask), long_side)
    except UsageError:
        with pytest.raises(UsageError):
            cropped_to_fov(image, long_side)
        return
    found, found_mask, box = cropped_to_fov(image, long_side)
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(found_mask, expected[1])
    assert box == tuple(cv2.boundingRect(mask.astype(np.uint8)))


@pytest.mark.real
def test_masks_are_those_that_drive_comes_with(real_data):
    overlaps = []
    for file in sorted((real_data / "drive").glob("*/images/*.tif")):
        with Image.open(file.parent.parent / "mask" / f"{file.stem}_mask.gif") as image:
            expected = np.asarray(image.convert("L")) > 0
        overlaps.append(overlap(fov_mask(decode(read_bytes(file))), expected))
    assert len(overlaps) == 32
    assert np.mean(overlaps) > 0.99
    assert min(overlaps) > 0.97


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["aptos2019", "idrid/images", "chase_db1"])
def test_no_real_photograph_loses_retina(name, real_data):
    """Next to nothing outside of the mask is brighter than a surround is."""
    for photograph in datasets.find(str(real_data / name)):
        image = photograph.read()
        image, _ = scale_to_long_side(image, np.ones(image.shape[:2], bool), 512)
        mask = fov_mask(image)
        outside = (cv2.medianBlur(image.max(axis=2), 5) > 30) & ~mask
        assert outside.sum() < 0.001 * mask.sum(), photograph.id
