"""A snapshot of a training gives back every byte of its newest checkpoint."""

import hashlib
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

SNAPSHOT = runpy.run_path(str(Path(__file__).parents[1] / "docs/reproduction/snapshot.py"))


@pytest.fixture
def run(tmp_path):
    run = tmp_path / "run"
    for name in ("00000005-stage1", "00000010-stage1"):
        checkpoint = run / "checkpoints" / name
        checkpoint.mkdir(parents=True)
        weights = np.random.default_rng(len(name)).bytes(16_000_000 if "10" in name else 10)
        (checkpoint / "weights.data").write_bytes(weights)
        files = {"weights.data": hashlib.sha256(weights).hexdigest()}
        (checkpoint / "state.json").write_text(json.dumps({"step": 10, "files": files}))
    for name in SNAPSHOT["RUN_FILES"]:
        (run / name).write_text(name)
    return run


def test_a_restored_run_has_the_newest_checkpoint_byte_for_byte(run, tmp_path):
    SNAPSHOT["save"](run, tmp_path / "kept")
    sizes = [f.stat().st_size for f in (tmp_path / "kept").rglob("*") if f.is_file()]
    assert max(sizes) < 8_000_000
    SNAPSHOT["restore"](tmp_path / "kept", tmp_path / "again")
    assert [p.name for p in (tmp_path / "again/checkpoints").iterdir()] == ["00000010-stage1"]
    for file in (tmp_path / "again").rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (run / file.relative_to(tmp_path / "again")).read_bytes()


def test_a_damaged_snapshot_or_a_run_in_its_place_is_refused(run, tmp_path):
    SNAPSHOT["save"](run, tmp_path / "kept")
    with pytest.raises(SystemExit, match="choose another run directory"):
        SNAPSHOT["restore"](tmp_path / "kept", run)
    part = tmp_path / "kept/00000010-stage1/weights.data.001"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(SystemExit, match="is damaged"):
        SNAPSHOT["restore"](tmp_path / "kept", tmp_path / "again")
