"""Frames that are no single retina on black."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from srgan_keras.data import datasets
from srgan_keras.data.fov import fov_mask, frame_problem, shrink
from srgan_keras.inference.upscaler import field_of_view
from srgan_keras.phantoms.phantom import phantom

EYES = [phantom(seed, 128) for seed in range(4)]
PAGE = "bright page around the retina, which version 4 of the FOV mask finds"
SEVERAL = "several fields of view"


def on(level, eye, margin=30):
    """Return an eye on a page of a grey level, and where it is."""
    image = eye.image.copy()
    image[~eye.fov] = level
    pad = (margin, margin), (margin, margin)
    image = np.pad(image, (*pad, (0, 0)), constant_values=level)
    return image, np.pad(eye.fov, pad)


def beside(first, second, axis, gap=0, level=0):
    shape = list(first.shape)
    shape[axis] = gap
    return np.concatenate([first, np.full(shape, level, np.uint8), second], axis=axis)


def compressed(image):
    return cv2.imdecode(cv2.imencode(".jpg", image)[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("light", [1, 0.3, 0.1])
def test_two_eyes_in_a_frame_are_noticed_and_upscaled_whole(axis, light):
    for first, second in pairwise(EYES):
        dim = (second.image * light).astype(np.uint8)
        for image in (beside(first.image, dim, axis), beside(first.image, dim, axis, gap=20)):
            assert frame_problem(compressed(image)) == SEVERAL
            assert field_of_view(image, radius=2) is None


def test_two_eyes_on_a_page_are_noticed():
    image = beside(on(255, EYES[0])[0], on(255, EYES[1])[0], 1)
    assert frame_problem(image, 4) == SEVERAL


@pytest.mark.parametrize("level", [255, 240, 128])
def test_a_page_is_noticed_and_version_4_finds_the_retina(level):
    for eye in EYES:
        image, expected = on(level, eye)
        image = compressed(image)
        assert frame_problem(image) == PAGE
        assert frame_problem(image, 4) is None
        mask = fov_mask(image, 4)
        assert (mask & expected).sum() / (mask | expected).sum() > 0.9


def test_a_black_frame_on_a_page_is_no_retina():
    image = np.pad(EYES[1].image, ((10, 10), (30, 30), (0, 0)))
    image = np.pad(image, ((60, 60), (20, 20), (0, 0)), constant_values=250)
    cv2.putText(image, "Figure 1", (30, 250), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0))
    expected = np.pad(EYES[1].fov, ((70, 70), (50, 50)))
    mask = fov_mask(image, 4)
    assert (mask & expected).sum() / (mask | expected).sum() > 0.9


def test_one_retina_is_no_problem_however_it_is_cut():
    for eye in EYES:
        image = eye.image
        wide = np.pad(image, ((0, 0), (80, 80), (0, 0)))
        cv2.putText(wide, "OD", (5, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        cuts = image[25:-25], image[:, 30:-30], image[:, :85], image[32:-32, 32:-32], wide
        for cut in (image, (image * 0.1).astype(np.uint8), *cuts):
            assert frame_problem(cut) is None
        np.testing.assert_array_equal(fov_mask(wide, 4), fov_mask(wide, 3))


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["aptos2019", "idrid/images", "drive", "chase_db1", "stare/images"]
)
def test_real_photographs_have_one_field_of_view(name, real_data):
    for photograph in datasets.find(str(real_data / name)):
        assert frame_problem(shrink(photograph.read(), 512)) is None, photograph.id
