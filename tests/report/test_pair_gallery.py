"""The report page of `evaluate --pairs`."""

import json
import re

import numpy as np
import pytest

from srgan_keras.cli import main
from srgan_keras.evaluation.segmenter import WEIGHTS
from srgan_keras.models.unet import build_unet
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.report.pair_gallery import PairGallery
from tests.evaluation.test_pairs import FILTERS, SIDE, blurred, save


def segmenter(folder):
    """An untrained one, in the files of a finished training."""
    folder.mkdir()
    network = build_unet("unet", 1, 1, 2)
    kernel, bias = network.get_layer("logits").get_weights()
    network.get_layer("logits").set_weights([kernel, bias - 3])  # finds little
    network.save_weights(folder / WEIGHTS)
    plan = {"task": "vessels", "network": "unet", "depth": 1, "width": 2}
    (folder / "config.yaml").write_text(json.dumps(plan))
    (folder / "run.json").write_text('{"finished": true}')
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    lines = ["eye,poor,good,grade,H_poor_to_good"]
    for i, (seed, grade) in enumerate([(1, "A"), (3, "A"), (4, "B")]):
        good = phantom(seed, SIDE).image
        save(root / "images" / f"good{i}.png", good)
        save(root / "images" / f"poor{i}.png", blurred(good, 1 + i))
        lines.append(f"{i},poor{i}.png,good{i}.png,{grade},1 0 0 0 1 0 0 0 1")
    (root / "pairs.csv").write_text("\n".join(lines) + "\n")
    arguments = ["--segmenter", segmenter(root / "segmenter"), "--out", root / "out"]
    assert main(["evaluate", "--pairs", str(root), *map(str, arguments)]) == 0
    return root / "out"


def test_the_page_shows_each_method_beside_the_reference(out):
    text = (out / "report.html").read_text()
    index = json.loads((out / "gallery/gallery.json").read_text())
    assert index["photographs"] == [f"poor{i}-good{i}" for i in range(3)]
    reasons = sorted(reason for crop in index["crops"] for reason in crop["reasons"])
    assert reasons == ["best A", "best B", "worst A", "worst B"]
    for crop in index["crops"]:
        assert list(crop["layers"]) == ["input", *FILTERS, "reference"]
        for name in crop["layers"]:
            assert f'alt="{crop["id"]}, {name}"' in text
    assert 'id="divider"' in text
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', text))


def test_the_page_has_agreement_by_grade_and_gains_over_the_input(out):
    (run,) = json.loads((out / "metrics.json").read_text())["runs"]
    text = (out / "report.html").read_text()
    for words in ("A: 2 pairs, 2 eyes", "B: 1 pairs, 1 eyes", "all: 3 pairs, 3 eyes"):
        assert words in text
    assert "the paired gain over input" in text
    gain = run["gain_over_input"]["clahe"]["overlap"]["agreement_vessels"]
    for number in (gain["mean"], *gain["ci95"]):
        assert f"{number:+.4f}" in text


def test_metrics_of_a_segmenter_are_measured_for_each_method(out):
    (run,) = json.loads((out / "metrics.json").read_text())["runs"]
    assert run["protocol"]["segmenter"].endswith("segmenter")
    for found in run["models"].values():
        assert 0 <= found["overlap"]["vessel_dice"]["mean"] <= 1
        assert found["overlap"]["false_vessels_per_megapixel"]["mean"] >= 0
    assert "vessel Dice" in (out / "report.html").read_text()


def test_pictures_are_the_frames_of_the_best_and_the_worst_pair(tmp_path):
    gallery = PairGallery(tmp_path)
    for i, gain in enumerate([0.1, np.nan, -0.2, 0.3, 0.0]):
        about = {"poor": f"p{i}.png", "reference": "g.png", "grade": "A"}
        rows = [
            about | {"model": "input", "agreement_vessels": 0.5},
            about | {"model": "mine", "agreement_vessels": 0.5 + gain},
        ]
        frames = dict.fromkeys(("input", "mine", "reference"), np.zeros((20, 30, 3), np.uint8))
        gallery.see(rows, frames)
    gallery.finish()
    index = json.loads((tmp_path / "gallery/gallery.json").read_text())
    assert {c["id"]: c["reasons"] for c in index["crops"]} == {
        "p3-g": ["best A"],
        "p2-g": ["worst A"],
    }
    assert len(index["photographs"]) == 5
