"""The commands on a paired dataset: LR is that of the folder."""

import json

import cv2
import keras
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.data import datasets
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.training.checkpoint import Checkpoints
from tests.data.test_paired import reduced, save, spoiled

SIDE = 160
OPTIONS = [
    *("--degradation.scale", "2", "--data.patch", "32", "--generator.blocks", "1"),
    *("--generator.filters", "4", "--train.batch-size", "2", "--train.jit", "off"),
    *("--train.stage2-steps", "0", "--train.stage1-schedule", "constant"),
    *("--train.steps-per-call", "1", "--train.log-every-steps", "1"),
    *("--train.checkpoint-every-steps", "2", "--train.validate-every-steps", "2"),
    *("--train.precision", "float32", "--train.deterministic"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six pairs at scale 2 in three splits; LR of one belongs to another eye."""
    root = tmp_path_factory.mktemp("data") / "pairs"
    splits = ("train", "train", "train", "validation", "test", "test")
    for seed, split in enumerate(splits):
        image = phantom(seed, SIDE).image
        lr = spoiled(reduced(phantom(9, SIDE).image if seed == 5 else image, 2))
        save(root / split / "hr" / f"{seed}.png", image)
        save(root / split / "lr" / f"{seed}.png", lr)
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run") / "pairs"
    assert train(folder, workdir, 4) == 0
    return workdir


def train(folder, workdir, steps, *more):
    where = ("--data", str(folder), "--workdir", str(workdir))
    return cli.main(["train", *where, *OPTIONS, "--train.stage1-steps", str(steps), *more])


def evaluate(folder, out, *more):
    return cli.main(["evaluate", "--data", str(folder), "--out", str(out), *more])


def test_a_run_records_both_files_and_its_degradation(folder, run):
    record = json.loads((run / "run.json").read_text())
    photographs = {p.id: p for p in datasets.find(str(folder))}
    assert record["photographs"]["train"] == {
        id_: f"{photographs[id_].sha256} {photographs[id_].lr_sha256}" for id_ in "012"
    }
    info = json.loads((run / "models/stage1/model.json").read_text())
    assert info["degradation"] == {"name": "paired", "version": 1}
    hashes = {h for id_ in "012" for h in photographs[id_].hashes}
    assert set(info["training_sha256"]) == hashes
    assert len(hashes) == 6


def test_test_pairs_are_measured_on_their_own_lr(run):
    (measured,) = json.loads((run / "metrics.json").read_text())["runs"]
    assert measured["protocol"]["degradation"] == "paired"
    assert list(measured["models"]) == ["nearest", "bicubic", "lanczos", "stage1"]
    assert measured["n"] == 1
    (rejected,) = measured["rejected"]
    assert rejected["id"] == "5"
    assert "features" in rejected["reason"]
    assert "lr_consistency" not in measured["models"]["bicubic"]["full"]
    # LR is darker than HR, so interpolation is far from it
    assert measured["models"]["bicubic"]["inner"]["psnr"]["mean"] < 25
    assert (
        "rejected" not in (run / "report.html").read_text()
        or "features" in (run / "report.html").read_text()
    )


def test_a_resumed_run_equals_an_uninterrupted_one(folder, run, tmp_path):
    assert train(folder, tmp_path / "run", 2) == 0
    assert Checkpoints(tmp_path / "run/checkpoints", 3).newest().step == 2
    assert train(folder, tmp_path / "run", 4) == 0
    resumed, whole = (
        keras.models.load_model(path / "models/stage1/generator.keras").get_weights()
        for path in (tmp_path / "run", run)
    )
    for a, b in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_lr_is_another_dataset(folder, run, tmp_path, capsys):
    import shutil

    shutil.copytree(folder, tmp_path / "pairs")
    file = tmp_path / "pairs/train/lr/1.png"
    cv2.imwrite(str(file), cv2.imread(str(file)) // 2)
    shutil.copytree(run, tmp_path / "run")
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace(str(folder), str(tmp_path / "pairs")))
    assert train(tmp_path / "pairs", tmp_path / "run", 5) == 2
    assert "other photographs (changed: 1)" in capsys.readouterr().err


def test_evaluate_measures_a_paired_dataset(folder, tmp_path, capsys):
    assert evaluate(folder, tmp_path, "--scale", "2", "--vgg-weights", "none") == 0
    output = capsys.readouterr()
    assert "protocol standard, x2, paired" in output.out
    (measured,) = json.loads((tmp_path / "metrics.json").read_text())["runs"]
    assert [skip["id"] for skip in measured["rejected"]] == ["5"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale", "4"), "scale 2, not 4: set the scale to 2"),
        (("--degradation", "bicubic"), "has its own LR: leave degradation out"),
        (("--protocol", "author"), "protocol author makes its own LR"),
    ],
)
def test_what_does_not_fit_a_paired_dataset_is_told_in_one_line(
    folder, tmp_path, capsys, options, message
):
    assert evaluate(folder, tmp_path / "out", *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert message in line


def test_degradation_paired_needs_pairs(folder, tmp_path, capsys):
    assert evaluate("phantom:2", tmp_path / "a", "--degradation", "paired") == 2
    assert "has no lr/ and hr/" in capsys.readouterr().err
    assert train("phantom:4", tmp_path / "b", 2, "--degradation.name", "paired") == 2
    assert "needs a dataset with lr/ and hr/" in capsys.readouterr().err
    assert cli.main(["prepare", str(folder), "--out", str(tmp_path / "c")]) == 2
    assert "is a paired dataset, which needs no preparation" in capsys.readouterr().err
