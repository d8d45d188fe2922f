"""The procedural photographs: reproducible, consistent with their masks, fine enough."""

import cv2
import numpy as np
import pytest

from srgan_keras.errors import UsageError
from srgan_keras.phantoms.eye import draw_eye
from srgan_keras.phantoms.lesions import KINDS, draw_lesions, grade_of
from srgan_keras.phantoms.phantom import GRADE_COUNTS, Phantom, phantom

SEEDS = range(12)


@pytest.fixture(scope="module")
def eyes() -> list[Phantom]:
    return [phantom(seed, 256) for seed in SEEDS]


def test_same_arguments_give_the_same_bits(eyes: list[Phantom]) -> None:
    again = phantom(3, 256)
    np.testing.assert_array_equal(again.image, eyes[3].image)
    np.testing.assert_array_equal(again.vessels, eyes[3].vessels)
    assert again.counts == eyes[3].counts


def test_number_of_threads_does_not_matter(eyes: list[Phantom]) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        np.testing.assert_array_equal(phantom(2, 256).image, eyes[2].image)
    finally:
        cv2.setNumThreads(threads)


def test_seeds_differ(eyes: list[Phantom]) -> None:
    assert len({eye.image.tobytes() for eye in eyes}) == len(eyes)
    left = sum(np.argwhere(eye.disc)[:, 1].mean() < 128 for eye in eyes)
    assert 0 < left < len(eyes)


@pytest.mark.parametrize("size", [16, 64, 100, 257, 512])
def test_any_size(size: int) -> None:
    eye = phantom(4, size)
    assert eye.image.shape == (size, size, 3)
    assert eye.image.dtype == np.uint8
    for mask in (eye.fov, eye.vessels, eye.disc, *eye.lesions.values()):
        assert mask.shape == (size, size)
        assert mask.dtype == bool
    assert tuple(eye.lesions) == KINDS


@pytest.mark.parametrize(("seed", "size"), [(-1, 64), (0, 8)])
def test_arguments_out_of_range(seed: int, size: int) -> None:
    with pytest.raises(UsageError, match="seed"):
        phantom(seed, size)


def test_masks_lie_in_the_field_of_view(eyes: list[Phantom]) -> None:
    for eye in eyes:
        for mask in (eye.vessels, eye.disc, *eye.lesions.values()):
            assert not (mask & ~eye.fov).any()
        assert eye.disc.any()
        assert 0.5 < eye.fov.mean() < 0.8
        surround = ~cv2.dilate(eye.fov.astype(np.uint8), np.ones((9, 9))).astype(bool)
        assert eye.image[surround].mean() < 10
        assert eye.image[eye.fov].mean() > 40


def test_each_counted_lesion_is_marked(eyes: list[Phantom]) -> None:
    for eye in eyes:
        for kind in KINDS:
            counted = eye.counts[kind] + (eye.counts["preretinal"] if kind == "HE" else 0)
            assert eye.lesions[kind].any() == (counted > 0)


def test_grade_follows_from_the_lesions(eyes: list[Phantom]) -> None:
    assert all(eye.grade == grade_of(eye.counts) for eye in eyes)
    for grade in range(5):
        for seed in range(10):
            rng = np.random.default_rng(seed)
            assert grade_of(draw_lesions(draw_eye(rng), grade, rng)[1]) == grade


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        ({}, 0),
        ({"MA": 3}, 1),
        ({"MA": 3, "EX": 1}, 2),
        ({"HE": 19}, 2),
        ({"HE": 20}, 3),
        ({"preretinal": 1}, 4),
        ({"new_vessels": 1}, 4),
    ],
)
def test_rule_of_the_grade(counts: dict[str, int], grade: int) -> None:
    assert grade_of(counts) == grade


def test_grades_come_as_often_as_in_aptos() -> None:
    grades = np.bincount([phantom(seed, 16).grade for seed in range(40)], minlength=5)
    assert abs(grades[0] / 40 - GRADE_COUNTS[0] / sum(GRADE_COUNTS)) < 0.2
    assert (grades > 0).sum() >= 4


def test_another_size_is_the_same_eye() -> None:
    large = cv2.resize(phantom(7, 512).image, (128, 128), interpolation=cv2.INTER_AREA)
    small = phantom(7, 128)
    assert np.abs(large.astype(float) - small.image).mean() < 2.5
    # the broad shading is left out: it is the vessels that must lie in the same places
    detail = [
        image[..., 1].astype(float) - cv2.GaussianBlur(image[..., 1].astype(float), (0, 0), 4)
        for image in (large, small.image)
    ]
    inner = cv2.erode(small.fov.astype(np.uint8), np.ones((13, 13))).astype(bool)
    assert np.corrcoef(detail[0][inner], detail[1][inner])[0, 1] > 0.9


def test_vessels_are_darker_than_their_surround(eyes: list[Phantom]) -> None:
    for eye in eyes:
        green = eye.image[..., 1].astype(float)
        near = cv2.dilate(eye.vessels.astype(np.uint8), np.ones((7, 7))).astype(bool)
        around = near & ~eye.vessels & eye.fov & ~eye.disc
        assert green[eye.vessels & ~eye.disc].mean() < green[around].mean() - 2


def test_vessels_fill_a_credible_share(eyes: list[Phantom]) -> None:
    density = np.mean([eye.vessels.sum() / eye.fov.sum() for eye in eyes])
    assert 0.06 < density < 0.18


def test_reduction_by_four_loses_thin_vessels(eyes: list[Phantom]) -> None:
    lost = []
    for eye in eyes:
        mask = eye.vessels.astype(np.float32)
        small = cv2.resize(mask, (64, 64), interpolation=cv2.INTER_AREA) > 0.5
        back = cv2.resize(small.astype(np.float32), (256, 256), interpolation=cv2.INTER_CUBIC)
        lost.append((eye.vessels & (back < 0.5)).sum() / eye.vessels.sum())
    assert 0.2 < np.mean(lost) < 0.95


def test_bicubic_interpolation_loses_as_much_as_on_photographs(eyes: list[Phantom]) -> None:
    errors = []
    for eye in eyes:
        small = cv2.resize(eye.image, (64, 64), interpolation=cv2.INTER_AREA)
        back = cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC)
        mse = np.mean((back.astype(float) - eye.image) ** 2)
        errors.append(10 * np.log10(255**2 / mse))
    assert 29 < np.mean(errors) < 40
