import dataclasses
import json

import pytest

from srgan_keras.config import UsageError, load
from srgan_keras.training.workdir import WorkDir


def test_a_new_folder_says_what_the_run_depends_on(tmp_path):
    work = WorkDir(tmp_path / "run", load("demo"), overwrite=False)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record == work.record
    assert record["finished"] is False
    assert record["versions"]["tensorflow"]
    assert record["machine"]["cores"] >= 1
    assert load("demo", tmp_path / "run" / "config.yaml") == load("demo")


def test_what_auto_became_is_kept(tmp_path):
    work = WorkDir(tmp_path, load("demo"), overwrite=False)
    work.record["auto"]["precision"] = "float32"
    work.save()
    assert WorkDir(tmp_path, load("demo"), overwrite=False).record["auto"] == {
        "precision": "float32"
    }


def test_other_settings_are_refused_by_name(tmp_path):
    WorkDir(tmp_path, load("demo"), overwrite=False)
    other = dataclasses.replace(load("demo"), train=dataclasses.replace(load("demo").train, seed=9))
    with pytest.raises(UsageError, match=r"other settings \(train.seed\)"):
        WorkDir(tmp_path, other, overwrite=False)
    WorkDir(tmp_path, other, overwrite=True)


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    work = WorkDir(tmp_path, load("demo"), overwrite=False)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "my_notes.txt").write_text("keep")
    work.finish()
    fresh = WorkDir(tmp_path, load("demo"), overwrite=True)
    assert not fresh.record["finished"]
    assert not (tmp_path / "checkpoints").exists()
    assert (tmp_path / "my_notes.txt").exists()
