"""A training inside of another program: it resumes, and leaves the program as it was."""

import json
import os
import random
import signal
import subprocess
import sys
import threading

import cv2
import keras
import numpy as np
import pytest
from tensorflow.python.framework import config

from srgan_keras import cli, load
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.report import figures

OPTIONS = [
    *("--data.hr-long-side", "64", "--data.patch", "32", "--data.min-fov", "0"),
    *("--generator.blocks", "1", "--generator.filters", "4", "--train.batch-size", "2"),
    *("--train.stage1-steps", "4", "--train.stage2-steps", "0", "--train.jit", "off"),
    *("--train.validate-every-steps", "2", "--train.precision", "mixed_bfloat16"),
    *("--train.deterministic", "--eval.protocols"),
]


def process_state():
    generators = random.getstate(), np.random.get_state()[1].tolist()
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    policy = keras.config.dtype_policy().name
    return policy, dict(os.environ), generators, handlers, config.is_op_determinism_enabled()


def test_a_training_resumes_under_overwrite_and_leaves_the_process_alone(
    tmp_path, monkeypatch, capsys
):
    """In a directory whose name TensorFlow takes for a glob, and in a thread."""
    photographs, workdir = tmp_path / "photographs", tmp_path / "study [2024]"
    photographs.mkdir()
    for i in range(4):
        cv2.imwrite(str(photographs / f"eye{i}.png"), phantom(i, 96).image)
    command = ["train", "--data", str(photographs), "--workdir", str(workdir), *OPTIONS]

    def stop(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)

    before = process_state()
    with monkeypatch.context() as patch:
        patch.setattr(figures, "sample_strip", stop)
        assert cli.main([*command, "--overwrite"]) == 143
    assert "To resume, repeat this command with all its options" in capsys.readouterr().err
    assert (workdir / "checkpoints/00000002-stage1").exists()

    status = []
    thread = threading.Thread(target=lambda: status.append(cli.main([*command, "--overwrite"])))
    thread.start()
    thread.join()
    assert status == [0]
    assert process_state() == before
    assert (workdir / "checkpoints/00000002-stage1").exists(), "resumed, not started over"
    assert load(workdir / "models/stage1").upscale(phantom(9, 16).image).shape == (64, 64, 3)

    os.rename(photographs / "eye0.png", photographs / "eye9.png")
    record = (workdir / "run.json").read_bytes()
    assert cli.main([*command, "--train.stage1-steps", "6"]) == 2
    assert "other photographs (new: eye9; missing: eye0)" in capsys.readouterr().err
    assert (workdir / "run.json").read_bytes() == record
    assert json.loads(record)["finished"]


def test_importing_the_package_leaves_the_environment_alone():
    code = "import os; before = dict(os.environ); import srgan_keras; assert before == os.environ"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS.keys() - {"assess", "inspect"}))  # no Keras
def test_a_command_refuses_another_backend_by_name(command, monkeypatch, capsys):
    arguments = {
        "upscale": ["fundus-x4", "a.png", "--out", "b"],
        "export": ["fundus-x4", "--format", "onnx"],
        "prepare": ["photographs", "--out", "b"],
        "publish": ["fundus-x4", "somebody/model"],
        "downstream": ["segmentation"],
    }
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "jax")
    monkeypatch.delitem(sys.modules, "keras")
    assert cli.main([command, *arguments.get(command, [])]) == 2
    assert "Set the environment variable KERAS_BACKEND to tensorflow" in capsys.readouterr().err
