import json
import logging
import shutil

import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.data.image_file import ImageFile
from srgan_keras.export.formats import ENGINES
from srgan_keras.inference import engine_choice
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.model import Model, load
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder."""
    monkeypatch.setattr(engine_choice, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def model(tiny_model, tmp_path, monkeypatch):
    """A model with two exports, of which one is far from Keras."""
    folder = shutil.copytree(tiny_model, tmp_path / "tiny")
    info = json.loads((folder / "model.json").read_text())
    info["parity"] |= {"onnx": {"max_level_diff": 0.01}, "openvino_int8": {"max_level_diff": 4.0}}
    (folder / "model.json").write_text(json.dumps(info))
    monkeypatch.setitem(ENGINES, "onnx", lambda file: lambda x: x.repeat(2, 1).repeat(2, 2))
    return folder


def rates(monkeypatch, found):
    """Let measurements return these megapixels a second by tile and batch, and count them."""
    calls = []

    def rate(upscaler, tile, batch):
        calls.append((tile, batch))
        return found(upscaler, tile, batch)

    monkeypatch.setattr(engine_choice, "rate", rate)
    return calls


def test_the_fastest_engine_and_tile_are_kept(model, cache, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    first = load(model)
    keras = first.upscaler("float32").network
    large = first.upscaler().tile(engine_choice.MEMORY)
    assert engine_choice.candidates(first) == ["keras", "onnx"]

    def found(upscaler, tile, batch):
        same = np.array_equal(
            upscaler.network(np.ones((1, 2, 2, 3), np.float32)), np.ones((1, 4, 4, 3))
        )
        return 1e6 * (2 if same else 1) * (2 if batch == 4 else 1)

    calls = rates(monkeypatch, found)
    upscaler = engine_choice.fastest(first, "float32")
    tile, batch = upscaler.preferred
    assert batch == 4
    assert engine_choice.SIDE < tile < large
    assert upscaler.network is not keras
    assert "engine onnx" in caplog.text
    assert "measured now" in caplog.text
    before = len(calls)
    assert engine_choice.fastest(load(model), "float32").preferred == (tile, batch)
    assert len(calls) == before
    assert "measured earlier" in caplog.text
    engine_choice.fastest(first, "bfloat16")
    assert len(calls) > before


def test_a_slow_machine_measures_no_large_tile(model, cache, monkeypatch):
    calls = rates(monkeypatch, lambda *_: 1e-6)
    assert engine_choice.fastest(load(model)).preferred is None
    assert {tile for tile, _ in calls} == {engine_choice.SIDE}


@pytest.mark.parametrize("content", ["{", "[1]", '{"%s": {"engine": "gone"}}', '{"%s": 3}'])
def test_a_damaged_record_is_measured_again(model, cache, monkeypatch, content):
    found = load(model)
    cache.mkdir()
    key = engine_choice.key_of(found, "auto")
    (cache / "engines.json").write_text(content.replace("%s", key))
    calls = rates(monkeypatch, lambda *_: 1e-6)
    engine_choice.fastest(found)
    assert calls
    assert json.loads((cache / "engines.json").read_text())[key]["engine"] in ("keras", "onnx")


def test_where_nothing_can_be_kept_it_still_works(model, cache, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    cache.write_text("a file in the folder's place")
    rates(monkeypatch, lambda *_: 1e-6)
    assert engine_choice.fastest(load(model)).preferred is None
    assert "is not kept" in caplog.text


def test_upscale_gives_the_same_pixels(tiny_model, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine_choice, "LONGEST", 0.0)  # no large tiles
    write(tmp_path / "a.png", ImageFile(phantom(1, 40).image))
    options = ["a.png", "--precision", "float32", "--out"]
    for engine, out in (("auto", "x"), ("auto", "y"), ("keras", "z")):
        command = ["upscale", str(tiny_model), *options, out, "--engine", engine]
        assert cli.main(command) == 0
    first, second, plain = (read(tmp_path / out / "a.png").colour for out in "xyz")
    np.testing.assert_array_equal(first, plain)
    np.testing.assert_array_equal(second, plain)
    assert isinstance(load(tiny_model), Model)
    assert len(json.loads((cache / "engines.json").read_text())) == 1
