"""The whole experiment on phantoms, with a small model; and wrong use."""

import html
import json

import pandas as pd
import pytest

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.data.photograph import phantom_sha256
from srgan_keras.downstream import experiment
from srgan_keras.export import model_folder
from srgan_keras.models.generator import build_generator

SMALL = ["--data", "phantom:4", "--steps", "2", "--batch-size", "2", "--patch", "16"]
SMALL += ["--depth", "1", "--width", "2"]


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
    info = dict.fromkeys(model_folder.REQUIRED, "tiny")
    info |= {"degradation": {"name": "bicubic", "version": 1}, "configuration": {}, "scale": 4}
    info["training_sha256"] = [phantom_sha256(seed) for seed in range(64)]
    model_folder.save(tmp_path / "tiny", build_generator(Generator(1, 4), 4), info)
    return str(tmp_path / "tiny")


def _run(*arguments):
    return cli.main(["downstream", "segmentation", *SMALL, *arguments])


def test_phantoms(model, tmp_path, caplog, monkeypatch):
    out = tmp_path / "out"
    assert _run(model, "--out", str(out), "--hr-long-side", "64") == 0
    content = json.loads((out / "downstream.json").read_text())
    found = {(e["network"], e["protocol"]): e for e in content["experiments"]}
    assert list(found) == [
        ("unet", "trained on HR"),
        ("resunet", "trained on HR"),
        ("unet", "retrained"),
    ]
    for entry in found.values():
        assert list(entry["inputs"]) == ["hr", "bicubic", "tiny"]
        assert entry["seen_in_training"] == {"tiny": 1}
        assert "tiny was trained on 1 of the test photographs" in entry["notes"]
        assert {"mean", "ci95"} <= entry["gap_recovery"]["tiny"].keys()
        assert {"mean", "ci95"} <= entry["inputs"]["tiny"]["vessel_dice"].keys()
    rows = pd.read_csv(out / "per_image.csv")
    assert len(rows) == 3 * 3  # one photograph, three inputs, three experiments
    assert not [c for c in rows.columns if c in ("precision", "recall", "f1")]
    assert (out / "pr_curves.png").stat().st_size
    assert list(out.glob("overlays-unet-*.png"))
    page = (out / "report.html").read_text()
    assert page.count("<h2>Segmentation of vessels") == 3
    assert all(line in html.unescape(page) for e in found.values() for line in e["sentences"])
    # again: nothing is trained twice, and the figures are the same
    monkeypatch.setattr("srgan_keras.training.loop.run_stage", None)
    assert _run(model, "--out", str(out), "--hr-long-side", "64") == 0
    assert json.loads((out / "downstream.json").read_text()) == content


def test_lesions_without_a_model(tmp_path):
    out = tmp_path / "out"
    arguments = ("--task", "lesions", "--no-retrain", "--networks", "unet", "--out", str(out))
    assert _run("--data", "phantom:8", *arguments) == 0
    (entry,) = json.loads((out / "downstream.json").read_text())["experiments"]
    assert entry["gap_recovery"] == {}
    assert "exudate_aupr_pooled" in entry["inputs"]["bicubic"]


def test_another_setting_in_the_same_folder(tmp_path, capsys):
    arguments = ("--no-retrain", "--networks", "unet", "--out", str(tmp_path))
    assert _run(*arguments) == 0
    assert _run(*arguments, "--width", "3") == 2
    assert "(width): choose another out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--data", "nowhere"], "does not exist"),
        (["nothing"], "no model 'nothing'"),
        (["--steps", "0"], "steps must be positive, not 0"),
        (["--width", "0"], "width must be positive, not 0"),
        (["--also", "phantom:8"], "also phantom:8 holds training photographs: phantom-00000"),
    ],
)
def test_wrong_use_is_one_line(arguments, line, tmp_path, capsys):
    assert _run(*arguments, "--out", str(tmp_path)) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert line in error


def test_a_model_of_another_scale(model, tmp_path, capsys):
    assert _run(model, "--scale", "2", "--out", str(tmp_path)) == 2
    assert "tiny is not of scale 2" in capsys.readouterr().err


def test_headlines_are_metrics_of_their_tasks():
    for task, metric in experiment.HEADLINE.items():
        assert metric.rpartition("_")[0] in experiment.CLASSES[task]
