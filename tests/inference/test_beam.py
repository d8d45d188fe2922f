"""`upscale` and `evaluate` with `--runner beam`: what the local run gives, on several workers."""

import sys

import cv2
import pytest

from srgan_keras import cli
from srgan_keras.evaluation import evaluate_beam, photographs
from srgan_keras.phantoms.phantom import phantom

WORKERS = "--beam-options=--direct_num_workers=2"
HERE = "--beam-options=--direct_running_mode=in_memory --direct_num_workers=1"
"""Beam's workers in this process: they start at once."""


@pytest.fixture
def folder(tmp_path):
    """Photographs in two folders, and two files that fail."""
    root = tmp_path / "photographs"
    (root / "more").mkdir(parents=True)
    for seed in range(5):
        name = f"more/{seed}.png" if seed % 2 else f"{seed}.png"
        cv2.imwrite(str(root / name), phantom(seed, 64).image[..., ::-1])
    (root / "broken.jpg").write_bytes(b"broken")
    (root / "empty.png").touch()
    return root


def upscale(model, source, out, *more):
    return cli.main(["upscale", str(model), str(source), "--out", str(out), *more])


def evaluate(model, source, out, *more):
    options = ["--hr-long-side", "64", "--split", "all", "--vgg-weights", "none"]
    return cli.main(
        ["evaluate", str(model), "--data", str(source), "--out", str(out), *options, *more]
    )


def contents(out):
    """Return all files but for the package's own books."""
    files = {f.relative_to(out).as_posix(): f for f in out.rglob("*") if f.is_file()}
    return {name: f.read_bytes() for name, f in files.items() if ".srgan_keras" not in name}


def times(out):
    return {f: f.stat().st_mtime_ns for f in out.rglob("*") if f.is_file()}


@pytest.fixture
def lines(capsys, caplog):
    """Return what a command said, without its folder and its seconds."""

    def found(out):
        printed = capsys.readouterr()
        said = [*caplog.messages, *printed.out.splitlines(), *printed.err.splitlines()]
        caplog.clear()
        return [line.replace(str(out), "OUT") for line in said if line[:8] != "seconds:"]

    return found


def test_upscale_by_workers_gives_what_a_local_run_gives(tiny_model, folder, tmp_path, lines):
    local, beam = tmp_path / "local", tmp_path / "beam"
    more = ["--compare", "--long-side", "100"]
    assert upscale(tiny_model, folder, local, *more) == 1
    expected = lines(local)
    assert sum("cannot upscale" in line for line in expected) == 2
    assert upscale(tiny_model, folder, beam, *more, "--runner", "beam", WORKERS) == 1
    assert lines(beam) == expected
    assert contents(beam) == contents(local)
    assert len(contents(beam)) == 10


def test_upscale_skips_by_recommendation_as_a_local_run_does(tiny_model, folder, tmp_path, lines):
    more = ["--when", "recommended"]
    assert upscale(tiny_model, folder, tmp_path / "local", *more) == 1
    expected = lines(tmp_path / "local")
    assert "5 of 7 files are skipped: retake 5" in expected
    assert upscale(tiny_model, folder, tmp_path / "beam", *more, "--runner", "beam", HERE) == 1
    assert lines(tmp_path / "beam") == expected


def test_upscale_resumes_and_does_nothing_twice(tiny_model, folder, tmp_path):
    local, beam = tmp_path / "local", tmp_path / "beam"
    assert upscale(tiny_model, folder, local) == 1
    assert upscale(tiny_model, folder, beam, "--runner", "beam", HERE) == 1
    first, second, *_ = sorted(beam.rglob("*.png"))
    first.unlink()
    # the remains of a killed command
    (beam / ".beam-0").mkdir()
    (beam / ".beam-0" / "part").touch()
    (beam / ".beam-0.lock").touch()
    before = times(beam)
    assert upscale(tiny_model, folder, beam, "--runner", "beam", HERE) == 1
    assert contents(beam) == contents(local)
    assert times(beam)[second] == before[second]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--direct_num_workers=many", "invalid int value: 'many'"),
        ("--runner=Nonsense", "Unexpected pipeline runner: Nonsense"),
        ("--name='open", "No closing quotation"),
    ],
)
def test_options_that_beam_does_not_take_are_one_line(
    tiny_model, folder, tmp_path, lines, options, reason
):
    out = tmp_path / "out"
    run = ["--runner", "beam", f"--beam-options={options}"]
    assert upscale(tiny_model, folder, out, *run) == 2
    (line,) = [line for line in lines(out) if line.startswith("srgan-keras: ")]
    assert reason in line
    assert not list(out.iterdir())


def test_beam_that_is_not_installed_is_named(tiny_model, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "srgan_keras.beam", raising=False)
    monkeypatch.delitem(sys.modules, "srgan_keras.inference.upscale_beam", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert upscale(tiny_model, folder, tmp_path / "out", "--runner", "beam") == 2
    assert "pip install 'srgan_keras[beam]'" in capsys.readouterr().err


def test_standard_output_has_no_workers(tiny_model, folder, capsys):
    assert upscale(tiny_model, folder / "0.png", "-", "--runner", "beam") == 2
    assert "set runner local" in capsys.readouterr().err


def test_evaluate_by_workers_gives_what_a_local_run_gives(tiny_model, folder, tmp_path, lines):
    local, beam = tmp_path / "local" / "out", tmp_path / "beam" / "out"
    assert evaluate(tiny_model, folder, local) == 1
    expected = lines(local)
    assert any("broken is skipped" in line for line in expected)
    assert evaluate(tiny_model, folder, beam, "--runner", "beam", WORKERS) == 1
    assert lines(beam) == expected
    there = contents(beam)
    assert there == contents(local)
    assert {"metrics.json", "report.html", "per_image.csv"} < there.keys()
    assert sum(name.startswith("trust/tiny/") for name in there) == 15
    assert not (beam / evaluate_beam.FOLDER).exists()


def test_evaluate_resumes_unless_something_else_is_measured(
    tiny_model, folder, tmp_path, monkeypatch
):
    local, beam, measured = tmp_path / "local" / "out", tmp_path / "beam" / "out", []
    assert evaluate(tiny_model, folder, local, "--guard") == 1
    rows = photographs.Bench._rows

    def measure(self, photograph):
        measured.append(photograph.id)
        return rows(self, photograph)

    def run(*more):
        measured.clear()
        return evaluate(tiny_model, folder, beam, "--runner", "beam", HERE, *more)

    monkeypatch.setattr(photographs.Bench, "_rows", measure)
    with monkeypatch.context() as patch:
        patch.setattr(evaluate_beam, "forget", lambda out: None)  # as if killed at the very end
        assert run("--guard") == 1
    kept = [f for f in (beam / evaluate_beam.FOLDER).glob("*.json") if f.name != "facts.json"]
    assert len(kept) == 6
    # as if killed when four photographs were measured
    for file in (beam / "metrics.json", beam / "report.html", *kept[:2]):
        file.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(evaluate_beam, "forget", lambda out: None)
        assert run("--guard") == 1
    assert len(measured) == 2
    assert contents(beam) == contents(local)
    assert run("--no-trust") == 1
    assert len(measured) == 6, "other settings than those of the killed run"
    assert not (beam / evaluate_beam.FOLDER).exists()


def test_an_automatic_engine_is_refused(tiny_model, folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert upscale(tiny_model, folder, out, "--runner", "beam", "--engine", "auto") == 2
    assert "name an engine for --runner beam" in capsys.readouterr().err
    assert not out.exists()
