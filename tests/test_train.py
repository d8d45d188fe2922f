"""A whole run on phantoms: what it leaves, that it goes on, that it improves on its start."""

import csv
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from srgan_keras import cli, configure, load
from srgan_keras.data import datasets
from srgan_keras.training.checkpoint import Checkpoints
from srgan_keras.training.run_dir import RunDir

TINY = [
    *("--data", "phantom:10", "--data.hr-long-side", "128", "--data.patch", "32"),
    *("--generator.blocks", "1", "--generator.filters", "12"),
    *("--discriminator.trunk-layer", "block2_conv1", "--discriminator.frozen-blocks", "1"),
    *("--discriminator.filters", "4", "--discriminator.dense-units", "4"),
    *("--vgg.weights", "random", "--vgg.layer", "block2_conv1", "--train.batch-size", "4"),
    *("--train.stage1-steps", "150", "--train.stage2-steps", "6", "--train.jit", "off"),
    *("--train.stage1-learning-rate", "2e-3", "--train.log-every-steps", "50"),
    *("--train.checkpoint-every-steps", "50", "--train.validate-every-steps", "150"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run") / "demo"
    assert cli.main(["train", *TINY, "--workdir", str(workdir)]) == 0
    return workdir


def mean(run, name, region="full", metric="psnr"):
    metrics = json.loads((run / "metrics.json").read_text())
    standard = next(r for r in metrics["runs"] if r["protocol"]["name"] == "standard")
    return standard["models"][name][region][metric]["mean"]


def test_a_run_leaves_all_that_it_promises(run):
    left = {str(p.relative_to(run)) for p in run.rglob("*")}
    files = ["config.yaml", "run.json", "history.csv", "metrics.json", "per_image.csv"]
    files += ["comparison.png", "curves.png", "report.html", "logs/stage1", "logs/stage2"]
    files += ["checkpoints/00000156-stage2/state.json", "samples/stage1-0000150.png"]
    for stage in ("stage1", "stage2"):
        names = ("generator.keras", "saved_model/saved_model.pb", "model.json", "README.md")
        files += [f"models/{stage}/{name}" for name in names]
    assert set(files) <= left
    assert "cache" not in left
    record = json.loads((run / "run.json").read_text())
    assert record["finished"]
    assert record["auto"]["precision"] in ("float32", "mixed_bfloat16")
    assert record["auto"]["vgg"] == "random"


def test_stage_1_improves_on_bicubic_and_stage_2_differs_from_it(run):
    assert mean(run, "stage1") > mean(run, "bicubic") + 0.1
    assert mean(run, "stage2") != mean(run, "stage1")
    history = pd.read_csv(run / "history.csv")
    stage1 = history[history["stage"] == "stage1"]
    assert stage1["total"].iloc[-1] < stage1["total"].iloc[0]
    last = history[history["stage"] == "stage2"].iloc[-1]
    assert 0 < last["d_sr"] < 1
    assert 0 < last["d_hr"] < 1


def test_a_wrong_dataset_costs_no_run(tmp_path, capsys):
    workdir = tmp_path / "run"
    RunDir(workdir, configure.load("demo"), overwrite=False).close()
    before = {file.name: file.read_bytes() for file in workdir.iterdir()}
    wrong = ("--data", str(tmp_path / "typo"), "--workdir", str(workdir), "--overwrite")
    assert cli.main(["train", *wrong]) == 2
    assert "typo' does not exist" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in workdir.iterdir()} == before


def test_scale_1_trains_validates_and_saves(tmp_path):
    workdir = tmp_path / "restore"
    options = [
        *("--degradation.scale", "1", "--degradation.name", "clinical", "--data", "phantom:4"),
        *("--data.hr-long-side", "75", "--train.stage1-steps", "2", "--train.stage2-steps", "2"),
        *("--train.validate-every-steps", "2", "--loss.grid-weight", "1"),
        *("--eval.protocols", "standard"),
    ]
    assert cli.main(["train", *TINY, *options, "--workdir", str(workdir)]) == 0
    history = pd.read_csv(workdir / "history.csv")
    assert np.isfinite(history["val_psnr"].iloc[-1])
    assert history["bicubic_psnr"].isna().all()
    assert history["grid"].iloc[-1] > 0
    (run,) = json.loads((workdir / "metrics.json").read_text())["runs"]
    assert list(run["models"]) == ["input", "stage1", "stage2"]
    page = (workdir / "report.html").read_text()
    assert "restoration of fundus photographs" in page
    assert "gain over input" in page
    image = datasets.find("phantom:1")[0].read()[:31, :43]
    assert load(workdir / "models/stage2").upscale(image).shape == image.shape


def test_both_protocols_measure_the_test_photographs(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["schema"] == 1
    assert [r["protocol"]["name"] for r in metrics["runs"]] == ["standard", "author"]
    held_out = {p.id for p in datasets.select(datasets.find("phantom:10"), "test")}
    with (run / "per_image.csv").open() as lines:
        assert {row["id"] for row in csv.DictReader(lines)} == held_out


def test_the_model_folder_enlarges_a_photograph(run):
    model = load(run / "models" / "stage2")
    photograph = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    assert model.upscale(photograph).shape == (80, 124, 3)
    trained_on = {p.sha256 for p in datasets.select(datasets.find("phantom:10"), "train")}
    assert set(model.info["training_sha256"]) == trained_on


def test_a_finished_run_says_so_and_is_left_alone(run, caplog):
    before = (run / "metrics.json").stat().st_mtime_ns
    assert cli.main(["train", *TINY, "--workdir", str(run)]) == 0
    assert "finished run" in caplog.text
    assert (run / "metrics.json").stat().st_mtime_ns == before


def test_other_settings_on_the_same_folder_are_refused(run, capsys):
    assert cli.main(["train", *TINY, "--train.seed", "5", "--workdir", str(run)]) == 2
    assert "train.seed" in capsys.readouterr().err


def test_a_stage_is_not_made_shorter_than_it_is(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "copy")
    shorter = ["--train.stage2-steps", "3", "--workdir", str(tmp_path / "copy")]
    assert cli.main(["train", *TINY, *shorter]) == 2
    assert "has done 6 steps of stage2, more than 3" in capsys.readouterr().err
    assert (tmp_path / "copy/models/stage2/model.json").is_file(), "nothing is lost"


def test_a_longer_stage_leaves_a_new_model(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    longer = ["--train.stage2-steps", "7", "--workdir", str(tmp_path / "copy")]
    assert cli.main(["train", *TINY, *longer]) == 0
    file = "models/stage2/generator.keras"
    assert (tmp_path / "copy" / file).read_bytes() != (run / file).read_bytes()
    file = "models/stage1/generator.keras"
    assert (tmp_path / "copy" / file).read_bytes() == (run / file).read_bytes()


FULL_DISK = """
mount -t tmpfs -o size=6m none {folder} || exit 77
{python} -m srgan_keras train {options} --workdir {folder}/run
status=$?
cp -r {folder}/run/checkpoints {out}
exit $status
"""


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(tmp_path):
    folder, out = tmp_path / "disk", tmp_path / "out"
    folder.mkdir()
    options = [*TINY, "--train.checkpoint-every-steps", "1", "--train.keep-checkpoints", "999"]
    script = FULL_DISK.format(
        folder=folder, out=out, python=sys.executable, options=shlex.join(options)
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("mounting in a user namespace is not allowed here")
    assert result.returncode == 2, result.stderr[-2000:]
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("srgan-keras: ")
    assert "No space left" in last
    assert "Traceback" not in result.stderr
    assert Checkpoints(out, keep=3).newest().step > 3


def test_a_run_killed_twice_ends_as_if_it_had_not_been():
    """Weights, averages and optimizers bit for bit, and the same history: see the script.

    VGG-19's weights are from a file.
    """
    command = [sys.executable, "benchmarks/kill_resume.py", "--kills", "2", "--json"]
    result = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)
    assert found["same_weights"]
    assert found["stages"] == [1, 2]


PRESET_STEPS = [
    *("--train.stage1-steps", "1", "--train.stage2-steps", "1", "--train.batch-size", "1"),
    *("--train.jit", "off", "--data.hr-long-side", "600"),
]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("preset", ["paper", "author"])
def test_presets_run_on_real_photographs(preset, real_data, vgg_weights, tmp_path):
    options = ["--preset", preset, "--data", str(real_data / "idrid" / "images"), *PRESET_STEPS]
    options += ["--vgg.weights", str(vgg_weights), "--eval.protocols"]
    assert cli.main(["train", *options, "--workdir", str(tmp_path)]) == 0
    assert load(tmp_path / "models" / "stage2").scale == 4
