"""The command line: one line and status 2 for what is wrong, each setting reachable."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.config import Config
from srgan_keras.configure import load
from tests.data.test_datasets import write


def refused(capsys, *arguments):
    """Run, expect status 2 and one line, return it."""
    assert cli.main(list(arguments)) == 2
    _, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("srgan-keras: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "unknown command 'fly'"),
        (["train", "--preset", "papre"], "unknown preset 'papre'"),
        (["train", "--preset"], "--preset"),
        (["train", "--config", "no.yaml"], "no.yaml"),
        (["train", "--train.batchsize", "3"], "nearest is --train.batch-size"),
        (["train", "--train.batch-size", "many"], "--train.batch-size"),
        (["train", "--generator.activation", "gelu"], "gelu"),
        (["train", "--data.patch", "98"], "multiple of degradation.scale"),
        (["train", "--train.stage1-steps", "5", "--train.stage1-epochs", "5"], "give one"),
        (["evaluate"], "--data"),
        (["evaluate", "--data", "phantom:3", "--protocol", "mine"], "mine"),
        (["evaluate", "--data", "phantom:3", "no-such-model"], "no-such-model"),
        (["evaluate", "--data", "phantom:3", "--rounding", "nearest"], "protocol author"),
    ],
)
def test_wrong_options_are_one_line(arguments, message, capsys):
    assert message in refused(capsys, *arguments)


def test_wrong_data_is_one_line(tmp_path, capsys):
    def train(spec, *more):
        workdir = str(tmp_path / "run")
        return refused(
            capsys, "train", "--data", str(spec), "--workdir", workdir, "--overwrite", *more
        )

    write(tmp_path / "small", *(f"{i}.png" for i in range(5)))
    write(tmp_path / "two", "1.png", "2.png", size=128)
    (tmp_path / "empty").mkdir()
    assert "does not exist" in train(tmp_path / "nowhere")
    assert "no photographs" in train(tmp_path / "empty")
    assert "smaller than the patch" in train(tmp_path / "small")
    assert "no validation photographs" in train(tmp_path / "two")
    (tmp_path / "bad.h5").write_text("x")
    weights = train("phantom:3", "--vgg.weights", str(tmp_path / "bad.h5"))
    assert "does not hold VGG-19's weights" in weights


def test_an_unwritable_workdir_is_one_line(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    for workdir in (file, file / "below"):
        line = refused(capsys, "train", "--workdir", str(workdir))
        assert "cannot write the run directory" in line
    other = tmp_path / "other"
    other.mkdir()
    (other / "history.csv").touch()
    assert "no run.json" in refused(capsys, "train", "--workdir", str(other))


READ_ONLY = """
mount -t tmpfs -o ro none {0} && exec {1} -m srgan_keras train --workdir {0}/run
"""


def test_a_read_only_mount_is_one_line(tmp_path):
    """The tests may run as root, whom permissions do not stop: a mount does."""
    script = READ_ONLY.format(tmp_path, sys.executable)
    if not shutil.which("unshare"):
        pytest.skip("only Linux has user namespaces")
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    probe = subprocess.run([*unshare, f"mount -t tmpfs -o ro none {tmp_path}"], capture_output=True)
    if probe.returncode:
        pytest.skip("mounting in a user namespace is not allowed here")
    result = subprocess.run([*unshare, script], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "cannot write the run directory" in result.stderr
    assert "Traceback" not in result.stderr


def test_options_go_over_file_over_preset(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "srgan_keras.train.train", lambda config, workdir, overwrite: seen.update(vars())
    )
    file = tmp_path / "mine.yaml"
    file.write_text("train: {batch_size: 5, stage2_steps: 4}\ndata: {patch: 64}\n")
    arguments = ["train", "--preset", "paper", "--config", str(file), "--data", "phantom:7"]
    assert cli.main([*arguments, "--train.batch-size", "6"]) == 0
    config = seen["config"]
    assert type(config) is Config
    assert (config.data.source, config.data.patch) == ("phantom:7", 64)
    assert (config.train.batch_size, config.train.stage2_steps) == (6, 4)
    assert config.train.stage2_epochs is None
    assert config.generator == load("paper").generator
    assert seen["workdir"] == Path("runs/paper")


@pytest.mark.parametrize("module", ["srgan_keras", "srgan_keras.train"])
def test_help_does_not_load_tensorflow(module):
    code = f"""
import runpy, sys
sys.argv = ["x", "--help"]
try:
    runpy.run_module({module!r}, run_name="__main__")
except SystemExit as end:
    assert not end.code
assert "tensorflow" not in sys.modules and "cv2" not in sys.modules
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout


def test_evaluate_measures_the_baselines_alone(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), rng.integers(0, 256, (64, 64, 3), np.uint8))
    out = tmp_path / "out"
    arguments = ["evaluate", "--data", str(tmp_path), "--split", "all", "--out", str(out)]
    assert cli.main(arguments) == 0
    assert (out / "metrics.json").exists()
    assert (out / "per_image.csv").exists()
