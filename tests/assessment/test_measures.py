"""Each measure rises with its own fault, and does not mind the size of the frame."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from srgan_keras.assessment.measures import measure
from srgan_keras.config import Clinical
from srgan_keras.data.clinical2 import degrade
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.rounding import to_uint8

FAULTS = ("veil", "falloff", "shadow", "halo", "lashes", "dust", "cast", "defocus", "motion")
NONE = replace(
    Clinical(), clean_share=0.0, **{f"{name}_share": 0.0 for name in (*FAULTS, "noise", "jpeg")}
)
STRONG = {
    "veil": {"veil_depth": (0.6, 0.6), "veil_level": (0.8, 0.8)},
    "falloff": {"falloff_depth": (0.8, 0.8)},
    "shadow": {"shadow_depth": (0.9, 0.9)},
    "halo": {"halo_level": (1.0, 1.0)},
    "dust": {"dust_depth": (0.6, 0.6), "dust_count": (6, 6)},
    "defocus": {"defocus": (3.0, 3.0)},
    "motion": {"motion": (10.0, 10.0)},
    "noise": {"read_noise": (4.0, 4.0)},
    "jpeg": {"jpeg_quality": (30, 30)},
}


@pytest.fixture(scope="module")
def eye():
    """A phantom with a little noise, as a camera's photograph has."""
    image = phantom(3, 512).image
    grain = np.random.default_rng(0).normal(0, 1, image.shape)
    return to_uint8(image + grain * (image.max(axis=2, keepdims=True) > 10))


@pytest.fixture(scope="module")
def clean(eye):
    return measure(eye)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        *[(name, name) for name in ("veil", "falloff", "shadow", "halo", "dust", "noise")],
        *[("defocus", "blur"), ("motion", "blur"), ("jpeg", "blocks")],
    ],
)
def test_a_fault_raises_its_measure(fault, name, eye, clean):
    settings = replace(NONE, **{f"{fault}_share": 1.0}, **STRONG[fault])
    found = [measure(to_uint8(degrade(eye, settings, 1, 0, index))) for index in range(3)]
    values = [getattr(each, name) for each in found]
    assert np.median(values) > getattr(clean, name)


def test_a_veil_lowers_the_contrast(eye, clean):
    settings = replace(NONE, veil_share=1.0, **STRONG["veil"])
    assert measure(to_uint8(degrade(eye, settings, 1, 0, 1))).contrast < 0.8 * clean.contrast


def test_exposure_does_not_count_as_contrast(eye, clean):
    assert measure(to_uint8(0.7 * eye)).contrast == pytest.approx(clean.contrast, rel=0.1)


def test_saturated_and_dark_pixels_are_counted_in_the_field_of_view(eye, clean):
    assert measure(to_uint8(3.0 * eye)).saturated > clean.saturated + 0.2
    dark = eye.copy()
    dark[200:300, 200:300] = 5
    assert measure(dark).dark == pytest.approx(clean.dark + 100 * 100 / (np.pi * 256**2), abs=0.02)


def test_a_black_border_changes_little(eye, clean):
    wide = measure(cv2.copyMakeBorder(eye, 60, 60, 200, 200, cv2.BORDER_CONSTANT))
    assert (wide.width, wide.height) == (912, 632)
    assert wide.fov == pytest.approx(clean.fov, abs=3)  # the mask is found at 512 px
    assert wide.contrast == pytest.approx(clean.contrast, rel=0.05)
    assert wide.blocks == pytest.approx(clean.blocks, abs=0.1)


@pytest.mark.parametrize("level", [0, 3])
def test_a_frame_without_a_field_of_view_has_no_measures(level):
    found = measure(np.full((200, 300, 3), level, np.uint8))
    assert (found.width, found.height, found.fov) == (300, 200, 0)
    assert np.isnan(found.contrast)


def test_equal_pixels_are_measured_without_a_warning():
    found = measure(np.full((300, 300, 3), 128, np.uint8))
    assert found.contrast < 0.01
    assert found.noise == 0
