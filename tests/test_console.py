"""Commands without a terminal: streams absent, closed, full, of any encoding; a caller's state."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from srgan_keras import cli
from tests.data.test_datasets import write

MODULE = f"{sys.executable} -m srgan_keras"
NO_DESCRIPTORS = ">&- 2>&- <&-"


def absent():
    return None


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def ascii_only():
    return io.TextIOWrapper(io.BytesIO(), "ascii")


def cp1252():
    return io.TextIOWrapper(io.BytesIO(), "cp1252")


def without_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def full():
    return Path("/dev/full").open("w")


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Three photographs in a folder that ASCII cannot name, below the working directory."""
    monkeypatch.chdir(tmp_path)
    write(Path("préparé"), "眼.png", "b.png", "c.png", size=48)


def evaluate(out="out"):
    return cli.main(["evaluate", "--data", "préparé", "--split", "all", "--out", out])


def assert_complete(out="out"):
    assert json.loads(Path(out, "metrics.json").read_text())["runs"][0]["n"] == 3
    assert "préparé" in Path(out, "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("photographs")
@pytest.mark.parametrize("stream", [absent, closed, ascii_only, cp1252, without_reader])
def test_results_are_complete_without_a_terminal(stream, monkeypatch):
    out, err = stream(), stream()
    errors = getattr(out, "errors", None)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        assert evaluate() == 0
        assert (sys.stdout, sys.stderr) == (out, err)
        assert stream is without_reader or getattr(out, "errors", None) == errors
        assert cli.main(["evaluate"]) == 2
        assert cli.main(["train", "--help"]) == 0
    assert_complete()
    for each in (out, err):
        with contextlib.suppress(BrokenPipeError):
            if each is not None:
                each.close()


@pytest.mark.usefixtures("photographs")
def test_a_full_disk_behind_stdout_is_said(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stdout = full()
        patch.setattr(sys, "stdout", stdout)
        assert evaluate() == 1
    with contextlib.suppress(OSError):
        stdout.close()
    assert "cannot be printed: No space left on device" in capsys.readouterr().err
    assert_complete()


@pytest.mark.usefixtures("photographs")
def test_a_command_leaves_the_state_of_its_caller(monkeypatch):
    def state():
        package = logging.getLogger("srgan_keras")
        return (
            [*logging.getLogger().handlers], logging.getLogger().level, [*package.handlers],
            package.level, dict(os.environ), [*warnings.filters], warnings.showwarning,
            os.getcwd(), [*sys.argv], sys.stdout, sys.stderr,
        )  # fmt: skip

    evaluate("first")  # libraries set variables of their own when they are imported
    before = state()
    assert evaluate() == 0
    assert cli.main(["prepare", "préparé", "--out", "prepared"]) == 0
    assert cli.main(["evaluate", "--data", "nowhere"]) == 2
    assert cli.main(["--help"]) == 0
    assert state() == before


@pytest.mark.usefixtures("photographs")
def test_the_log_goes_to_stderr_unless_the_caller_has_handlers(monkeypatch, capsys):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    assert evaluate() == 0
    assert "seconds: " in capsys.readouterr().err
    assert root.handlers == []
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    monkeypatch.setattr(root, "handlers", [handler])
    assert evaluate() == 0
    assert "seconds: " not in capsys.readouterr().err
    assert any("seconds: " in record.getMessage() for record in records)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (f"{MODULE} --help {NO_DESCRIPTORS}", 0),
        (f"{MODULE} train --help {NO_DESCRIPTORS}", 0),
        (f"{MODULE} train --help | true; exit ${{PIPESTATUS[0]}}", 0),
        (f"{MODULE} fly {NO_DESCRIPTORS}", 2),
        (f"({MODULE} fly; echo $? >&3) 3>status 2>&1 | true; exit $(cat status)", 2),
    ],
)
def test_processes_without_readers_end_with_their_status(tmp_path, command, status):
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (status, "")
    assert "Traceback" not in run.stderr
    assert "Exception" not in run.stderr


@pytest.mark.usefixtures("photographs")
def test_native_libraries_do_not_write_into_files_of_a_process_without_descriptors():
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C", "TERM": "dumb"}
    environment |= {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "0"}  # no HOME
    arguments = "evaluate --data préparé --split all --out out"
    command = ["bash", "-c", f"{MODULE} {arguments} {NO_DESCRIPTORS}"]
    assert subprocess.run(command, env=environment).returncode == 0
    assert_complete()


@pytest.mark.parametrize("command", ["train --workdir", "downstream segmentation --out"])
def test_a_path_that_tensorflow_cannot_write_is_refused(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*command.split(), os.fsdecode(b"caf\xe9")]) == 2
    assert "is not UTF-8: rename it or choose another" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
