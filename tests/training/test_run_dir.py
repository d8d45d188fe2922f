import dataclasses
import errno
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from srgan_keras.config import Train
from srgan_keras.configure import load
from srgan_keras.errors import UsageError
from srgan_keras.training.run_dir import RunDir


def with_train(**settings):
    config = load("demo")
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **settings))


def opened(path, config=None, overwrite=False):
    return closing(RunDir(path, config or load("demo"), overwrite))


def test_a_new_folder_says_what_the_run_depends_on(tmp_path):
    with opened(tmp_path / "run") as work:
        record = json.loads((tmp_path / "run" / "run.json").read_text())
        assert record == work.record
    assert record["finished"] is False
    assert record["versions"]["tensorflow"]
    assert record["machine"]["cores"] >= 1
    assert load("demo", tmp_path / "run" / "config.yaml") == load("demo")


def test_what_auto_became_is_kept(tmp_path):
    with opened(tmp_path) as work:
        work.record["auto"]["precision"] = "float32"
        work.save()
    with opened(tmp_path) as work:
        assert work.record["auto"] == {"precision": "float32"}


def test_other_settings_are_refused_by_name(tmp_path):
    with opened(tmp_path):
        pass
    other = with_train(seed=9, stage2_steps=7)
    with pytest.raises(
        UsageError,
        match=r"other settings \(train.seed, train.stage2_steps\): choose another directory",
    ):
        RunDir(tmp_path, other, overwrite=False)
    with opened(tmp_path, other, overwrite=True):
        pass


def test_a_setting_newer_than_the_run_counts_as_its_default(tmp_path):
    with opened(tmp_path):
        pass
    file = tmp_path / "config.yaml"
    lines = [line for line in file.read_text().splitlines() if "ema_decay" not in line]
    file.write_text("\n".join(lines))
    with opened(tmp_path, with_train(ema_decay=Train().ema_decay)):
        pass
    with pytest.raises(UsageError, match=r"other settings \(train.ema_decay\)"):
        RunDir(tmp_path, with_train(ema_decay=0.5), overwrite=False)


def test_a_stage_may_get_another_length(tmp_path):
    with opened(tmp_path) as work:
        work.finish()
    (tmp_path / "checkpoints/00000100-stage2").mkdir(parents=True)
    longer = with_train(stage2_steps=900)
    with opened(tmp_path, longer) as work:
        assert not work.record["finished"]
        work.save()
    assert load("demo", tmp_path / "config.yaml") == longer
    with pytest.raises(UsageError, match=r"in stage 2 already.*train.stage1_steps"):
        RunDir(tmp_path, with_train(stage1_steps=9999, stage2_steps=900), overwrite=False)


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path):
    with opened(tmp_path):
        for overwrite in (False, True):
            with pytest.raises(UsageError, match=f"in use by process {os.getpid()} on"):
                RunDir(tmp_path, load("demo"), overwrite=overwrite)
    with opened(tmp_path):
        pass


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    with opened(tmp_path) as work:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "my_notes.txt").write_text("keep")
        work.finish()
    with opened(tmp_path, overwrite=True) as fresh:
        assert not fresh.record["finished"]
    assert not (tmp_path / "checkpoints").exists()
    assert (tmp_path / "my_notes.txt").exists()


@pytest.mark.parametrize(
    "left", ["checkpoints/00000010-content", "checkpoints/00000020-srgan", "models/content"]
)
def test_a_run_of_an_earlier_version_is_refused(tmp_path, left):
    with opened(tmp_path):
        (tmp_path / left).mkdir(parents=True)
    message = rf"earlier version \({left}\): finish it with that version, or choose another"
    with pytest.raises(UsageError, match=message):
        RunDir(tmp_path, load("demo"), overwrite=False)
    with opened(tmp_path, overwrite=True):
        assert not (tmp_path / left).exists()


def test_a_run_with_a_removed_setting_is_refused(tmp_path):
    with opened(tmp_path):
        pass
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text() + "removed:\n  setting: 1\n")
    with pytest.raises(UsageError, match=r"earlier version \(removed.setting\): finish it"):
        RunDir(tmp_path, load("demo"), overwrite=False)


def interrupted(path, overwrite=False, config=None):
    """Leave a run in stage 1."""
    with opened(path, config, overwrite):
        (path / "checkpoints/00000010-stage1").mkdir(parents=True)


def test_the_same_command_resumes_with_overwrite_too(tmp_path):
    for _ in range(2):
        with opened(tmp_path, overwrite=True) as work:
            (tmp_path / "checkpoints/00000010-stage1").mkdir(parents=True, exist_ok=True)
    assert (tmp_path / "checkpoints/00000010-stage1").exists()
    work.finish()
    with opened(tmp_path, overwrite=True):
        assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("began", [{}, {"overwrite": True, "config": with_train(seed=9)}])
def test_overwrite_starts_over_what_another_command_began(tmp_path, began):
    interrupted(tmp_path, **began)
    with opened(tmp_path, overwrite=True):
        assert not (tmp_path / "checkpoints").exists()


def test_a_refused_command_leaves_the_record(tmp_path):
    with opened(tmp_path) as work:
        work.finish()
    before = {name: (tmp_path / name).read_bytes() for name in ("run.json", "config.yaml")}
    with opened(tmp_path, with_train(stage2_steps=900)):
        pass  # refused here, before it is saved
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


class Kill(BaseException):
    pass


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_at_any_write_leaves_a_directory_that_the_same_command_takes(
    tmp_path, monkeypatch, overwrite
):
    replace, done = os.replace, False
    moments = ((number, after) for number in range(9) for after in (False, True))
    while not done:
        number, after = next(moments)
        path, left = tmp_path / f"{number}{after}", number
        path.mkdir()
        if overwrite:
            interrupted(path, config=with_train(seed=9))

        def killed(*names, after=after):
            nonlocal left
            left -= 1
            if left >= 0 or after:
                replace(*names)
            if left < 0:
                raise Kill

        monkeypatch.setattr(os, "replace", killed)
        try:
            with opened(path, overwrite=overwrite):
                done = True
        except Kill:
            pass
        monkeypatch.setattr(os, "replace", replace)
        with opened(path, overwrite=overwrite) as work:
            assert "starting" not in work.record
            assert load("demo", path / "config.yaml") == load("demo")
            assert not (path / "checkpoints").exists()
    # the record twice, the settings, the record; with overwrite, the list of files before
    assert number == 4 + overwrite


@pytest.mark.parametrize("text", ["", "{", "[]", '{"finished": false}'])
def test_a_damaged_record_is_named(tmp_path, text):
    with opened(tmp_path):
        pass
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=r"run.json is damaged: choose another directory"):
        RunDir(tmp_path, load("demo"), overwrite=False)
    with opened(tmp_path, overwrite=True) as work:
        assert work.record["auto"] == {}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_json_of_something_else_is_left_alone(tmp_path, overwrite):
    (tmp_path / "run.json").write_text("mine")
    with pytest.raises(UsageError, match=r"run.json is not the record of a run: choose another"):
        RunDir(tmp_path, load("demo"), overwrite)
    assert (tmp_path / "run.json").read_text() == "mine"


def test_without_its_record_a_run_is_kept_unless_overwrite_is_set(tmp_path):
    with opened(tmp_path):
        pass
    (tmp_path / "run.json").unlink()
    with pytest.raises(UsageError, match=r"no run.json: choose another directory, or set over"):
        RunDir(tmp_path, load("demo"), overwrite=False)
    with opened(tmp_path, overwrite=True):
        pass


def test_damaged_settings_are_named(tmp_path):
    with opened(tmp_path):
        pass
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(UsageError, match=r"config.yaml is damaged or missing"):
        RunDir(tmp_path, load("demo"), overwrite=False)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(UsageError, match=r"cannot lock .*No locks available\): choose another"):
        RunDir(tmp_path, load("demo"), overwrite=False)


NO_FCNTL = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "fcntl":
            raise ModuleNotFoundError("No module named 'fcntl'", name="fcntl")
sys.meta_path.insert(0, Absent())
sys.modules.pop("fcntl", None)
from pathlib import Path
from srgan_keras.configure import load
from srgan_keras.training.run_dir import RunDir
RunDir(Path(sys.argv[1]), load("demo"), overwrite=False).close()
print("opened")
"""


def test_a_run_needs_no_fcntl(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", NO_FCNTL, tmp_path / "run"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "opened", result.stderr
