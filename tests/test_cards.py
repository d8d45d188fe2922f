"""The cards of the pretrained models are what docs/cards makes of template, texts and figures."""

import csv
import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from srgan_keras.config import Config, Generator
from srgan_keras.export import model_folder
from srgan_keras.inference.model import load
from srgan_keras.models.generator import build_generator

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(file.parent for file in ROOT.glob("saved_models/*/model.json"))
ship = runpy.run_path(str(ROOT / "docs/cards/ship.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_card_is_up_to_date(folder):
    info = json.loads((folder / "model.json").read_text())
    about = yaml.safe_load((ROOT / "docs/cards/cards.yaml").read_text())
    card = (folder / "README.md").read_text(encoding="utf-8")
    again = f"run docs/cards/ship.py {folder.name} saved_models/{folder.name}"
    assert card == ship["card"](info, about, []), again


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_model_is_trained_on_photographs_that_measure(folder):
    with (ROOT / "docs/photographs.csv").open(encoding="utf-8") as table:
        measure = {row["sha256"] for row in csv.DictReader(table)}
    trained_on = json.loads((folder / "model.json").read_text())["training_sha256"]
    assert all(len(digest) == 64 for digest in trained_on)
    assert trained_on
    assert not measure & set(trained_on)


def test_figures_of_an_evaluation():
    value = {"mean": 41.5, "ci95": [40.25, 42.75]}
    regions = {"full": {"psnr": value, "ms_ssim": value}}
    run = {
        "data": {"source": "data/idrid/images", "splits": ["test"]},
        "n": 27,
        "protocol": {"name": "author", "rounding": "nearest", "hr_long_side": 0},
        "models": {"bicubic": regions, "stage1": regions},
        "gain_over_bicubic": {"stage1": {"full": {"psnr": {"mean": 0.5, "ci95": [-0.1, 1]}}}},
    }
    start = ["idrid, test", "27", "author, rounding nearest", "native", "full", "psnr"]
    figures = ["41.50 [40.25, 42.75]", "41.50 [40.25, 42.75]", "+0.50 [-0.10, +1.00]"]
    info = {"degradation": {"name": "clinical"}}
    assert ship["rows"]([run], {"stage1", "fundus-x4"}, info) == [[*start, *figures]]
    run["protocol"] = {"name": "standard", "degradation": "bicubic", "hr_long_side": 512}
    assert ship["rows"]([run], {"stage1"}, info)[0][2:4] == ["standard, LR `bicubic`", "512"]
    run["protocol"]["degradation"] = "clinical"
    assert ship["rows"]([run], {"stage1"}, info)[0][2:4] == ["standard", "512"]


def test_a_weakened_model_makes_a_share_of_the_correction(tmp_path, rng, monkeypatch):
    settings = Generator(blocks=1, filters=8)
    about = {"name": "whole", "degradation": {"name": "clinical", "version": 2}}
    about |= {"normalisation": {"mean": [0.5] * 3, "std": [0.2] * 3}, "training_sha256": []}
    config = asdict(Config(generator=settings))
    config["degradation"]["scale"] = 1
    generator = build_generator(settings, 1, (0.5,) * 3, (0.2,) * 3)
    model_folder.save(tmp_path / "whole", generator, about | {"configuration": config})
    command = ["shrink.py", str(tmp_path / "whole"), "0.25", str(tmp_path / "weak")]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(ROOT / "docs/cards/shrink.py"), run_name="__main__")
    x = rng.random((1, 24, 32, 3), np.float32)
    whole, weak = (
        keras.models.load_model(tmp_path / name / "generator.keras")(x).numpy()
        for name in ("whole", "weak")
    )
    assert np.abs(whole - x).max() > 1e-3
    np.testing.assert_allclose(weak, x + 0.25 * (whole - x), atol=1e-5)
    assert load(tmp_path / "weak").info["correction_share"] == 0.25
