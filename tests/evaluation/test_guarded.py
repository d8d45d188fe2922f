import csv
import json

import cv2
import numpy as np
import pytest

from srgan_keras.data import datasets
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation.guarded import Guarded, Shares
from srgan_keras.evaluation.pairs import evaluate_pairs
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.inference.upscaler import bicubic
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.report.pairs import table
from tests.evaluation.test_pairs import save


class Sharper:
    """A model whose answer turns with its input; `doubt` adds stripes, which do not."""

    def __init__(self, scale: int, doubt: float = 0.0, name: str = "mine") -> None:
        self.name, self.scale, self.degradation, self.doubt = name, scale, "bicubic", doubt
        self.info = {}
        self.calls = 0

    def upscale_float(self, image):
        self.calls += 1
        sr = bicubic(image, self.scale).astype(np.float32) / 255
        sr = sr + 2 * (sr - cv2.GaussianBlur(sr, (5, 5), 1))
        stripes = self.doubt * (-1.0) ** np.arange(len(sr), dtype=np.float32)
        return np.clip(sr + stripes[:, None, None], 0, 1)

    def upscale(self, image):
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_model_that_is_sure_stays_as_it_is(scale):
    image = phantom(2, 120).image
    model = Guarded(Sharper(scale))
    assert model.name == "mine+guard"
    assert model.fallback(image).max() < 1e-3
    np.testing.assert_allclose(model.upscale(image), Sharper(scale).upscale(image), atol=2)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_model_that_is_not_sure_falls_back(scale):
    image = phantom(2, 120).image
    model = Guarded(Sharper(scale, doubt=0.1))
    share = model.fallback(image)
    assert share.shape == (scale * 120, scale * 120)
    assert share.mean() > 0.9
    np.testing.assert_array_equal(
        model.upscale(image)[share == 1], bicubic(image, scale)[share == 1]
    )


def test_the_eight_orientations_are_computed_once():
    image, model = phantom(2, 120).image, Sharper(2)
    guarded = Guarded(model)
    guarded.upscale(image)
    guarded.upscale_float(image)
    guarded.fallback(image)
    assert model.calls == 8


def test_the_share_is_a_value_of_each_region_and_a_note(tmp_path):
    photographs = datasets.find("phantom:2")
    models = [Sharper(2), Guarded(Sharper(2, doubt=0.1))]
    protocol = Standard(2, hr_long_side=128)
    (run,) = evaluate(models, photographs, [protocol], tmp_path, observers=[Shares()])["runs"]
    for region in ("full", "fov", "inner"):
        assert 0.5 < run["models"]["mine+guard"][region]["fallback"]["mean"] <= 1
    assert "fallback" not in run["models"]["mine"]["inner"]
    assert "fallback" not in run["gain_over_bicubic"]["mine+guard"]["inner"]
    (note,) = (note for note in run["notes"] if "guard" in note)
    assert note.startswith("mine+guard: share that the guard left as it was: inner ")
    with (tmp_path / "per_image.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["model"] == "mine+guard"]
    assert all(float(row["fallback"]) > 0.5 for row in rows)


@pytest.mark.parametrize("scale", [1, 2])
def test_pairs_have_the_share_by_grade(tmp_path, scale):
    for eye, seed in (("a", 1), ("b", 3)):
        good = phantom(seed, 400).image
        save(tmp_path / f"{eye}_good.png", good)
        save(tmp_path / f"{eye}_poor.png", cv2.GaussianBlur(good, (0, 0), 2))
    identity = "1 0 0 0 1 0 0 0 1"
    (tmp_path / "pairs.csv").write_text(
        "poor,good,grade,H_poor_to_good\n"
        + f"a_poor.png,a_good.png,A,{identity}\nb_poor.png,b_good.png,C,{identity}\n"
    )
    models = [Sharper(scale), Guarded(Sharper(scale, doubt=0.2))]
    result = evaluate_pairs(models, tmp_path, tmp_path / "out", full_size=True)
    (run,) = result["runs"]
    name = "mine+guard" if scale == 1 else "mine+guard-reduced"
    assert {name, "mine+guard"} <= run["models"].keys()
    shares = run["models"][name]["overlap"]["fallback"]
    assert 0.5 < shares["mean"] <= 1
    assert "fallback" not in run["models"]["mine"]["overlap"]
    assert f"{name}: share that the guard left as it was: A " in table(result)
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == result
    with (tmp_path / "out/per_pair.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert {row["model"] for row in rows if row["fallback"]} == {name, "mine+guard"}
