"""`prepare --runner beam` by Beam's direct runner with two processes."""

import sys

import cv2
import pytest

from srgan_keras import cli
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture
def originals(tmp_path):
    root = tmp_path / "originals"
    root.mkdir()
    for seed in range(6):
        cv2.imwrite(str(root / f"{seed}.png"), phantom(seed, 96).image[..., ::-1])
    (root / "empty.png").touch()
    return root


def run(source, out, *more):
    return cli.main(["prepare", str(source), "--out", str(out), "--hr-long-side", "64", *more])


def contents(out):
    files = [f for f in out.rglob("*") if f.is_file() and f.name != "journal.jsonl"]
    return {str(f.relative_to(out)): f.read_bytes() for f in files}


def test_beam_gives_what_a_local_run_gives(originals, tmp_path, capsys):
    local, beam = tmp_path / "local", tmp_path / "beam"
    assert run(originals, local) == 0
    assert run(originals, beam, "--runner", "beam", "--beam-options=--direct_num_workers=2") == 0
    assert contents(beam) == contents(local)
    assert "manifest.csv" in contents(beam)
    assert "skipped: 1 empty file" in capsys.readouterr().out
    # nothing is left to do, by either
    written = (beam / "images").rglob("*.png")
    times = {file: file.stat().st_mtime_ns for file in written}
    assert run(originals, beam) == 0
    assert times == {file: file.stat().st_mtime_ns for file in times}


def test_beam_that_is_not_installed_is_named(originals, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "srgan_keras.beam", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert run(originals, tmp_path / "out", "--runner", "beam") == 2
    assert "pip install 'srgan_keras[beam]'" in capsys.readouterr().err
