from dataclasses import replace

import pytest

from srgan_keras.assessment.measures import Measures
from srgan_keras.assessment.recommend import LIMITS, MODELS, RETAKE_CONTRAST, recommend
from srgan_keras.export.model_folder import PRETRAINED

GOOD = Measures(
    *(1500, 1000, 1000),
    **{name: limit * (1.2 if name == "contrast" else 0.8) for name, limit in LIMITS.items()},
    saturated=0.0,
    dark=0.0,
)


@pytest.fixture
def installed(tmp_path):
    """Install models by name."""

    def install(*names):
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "model.json").touch()
        return tmp_path

    return install


def test_a_good_photograph_is_left(installed):
    advice = recommend(GOOD, installed("fundus-restore"))
    assert (advice.action, advice.model, advice.faults) == ("leave", "", ())


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "contrast"])
def test_a_fault_is_restored_and_named(name, installed):
    found = replace(GOOD, **{name: 1.1 * LIMITS[name]})
    advice = recommend(found, installed("fundus-restore"))
    assert (advice.action, advice.model, advice.faults) == ("restore", "fundus-restore", (name,))
    assert f"{LIMITS[name]:.3g}" in advice.reason


def test_the_clearest_fault_comes_first(installed):
    found = replace(GOOD, blur=1.1 * LIMITS["blur"], halo=2 * LIMITS["halo"])
    assert recommend(found, installed()).faults == ("halo", "blur")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fov": 0}, "no field of view"),
        ({"contrast": 0.9 * RETAKE_CONTRAST}, "little is seen"),
        ({"saturated": 0.3}, "overexposed: 30 %"),
        ({"dark": 0.5}, "underexposed: 50 %"),
    ],
)
def test_what_shows_little_is_taken_again(change, reason, installed):
    advice = recommend(replace(GOOD, **change), installed("fundus-restore", "fundus-x4"))
    assert (advice.action, advice.model) == ("retake", "")
    assert reason in advice.reason


def test_a_small_photograph_is_upscaled_by_the_model_that_is_installed(installed):
    small = replace(GOOD, fov=500)
    faulty = replace(small, noise=2 * LIMITS["noise"])
    folder = installed("fundus-x4")
    assert recommend(small, folder).model == recommend(faulty, folder).model == "fundus-x4"
    installed("fundus-x4-real")
    assert recommend(small, folder).model == "fundus-x4"
    assert recommend(faulty, folder).model == "fundus-x4-real"
    assert "500 px" in recommend(faulty, folder).reason


def test_a_model_that_is_not_installed_is_said(installed):
    advice = recommend(replace(GOOD, veil=2 * LIMITS["veil"]), installed())
    assert (advice.action, advice.model) == ("restore", "")
    assert "no model for it is installed (fundus-restore)" in advice.reason


def test_each_upscaling_row_has_a_pretrained_model():
    for (action, _), names in MODELS.items():
        if action == "upscale":
            assert any((PRETRAINED / name / "model.json").is_file() for name in names)
