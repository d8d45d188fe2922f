import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from srgan_keras.config import Generator
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder, parity
from srgan_keras.inference.model import load
from srgan_keras.inference.open_model import open_model
from srgan_keras.models.generator import build_generator

INFO = {
    "name": "tiny",
    "degradation": {"name": "bicubic", "version": 1},
    "normalisation": {"mean": [0.4, 0.3, 0.2], "std": [0.2, 0.15, 0.1]},
    "training_sha256": ["ab" * 32, "cd" * 32],
    "configuration": {"generator": dataclasses.asdict(Generator(blocks=1, filters=8))},
    "stage": "stage1",
}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    config = Generator(blocks=1, filters=8)
    return build_generator(config, 2, INFO["normalisation"]["mean"], INFO["normalisation"]["std"])


@pytest.fixture(scope="module")
def folder(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "deep" / "tiny"
    model_folder.save(folder, model, INFO)
    return folder


@pytest.fixture
def quick_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_model_json(folder: Path):
    info = json.loads((folder / "model.json").read_text())
    assert INFO.items() <= info.items()
    assert info["scale"] == 2
    assert info["receptive_field"] == 2 * info["receptive_radius"] + 1
    assert info["fold"] == 1
    assert info["pixel_limit"] >= 1_000_000
    assert info["colour"] == {"space": "sRGB", "channels": "RGB", "range": [0, 1]}
    assert {"srgan_keras", "tensorflow", "keras"} <= info["versions"].keys()
    checked = info["parity"]["saved_model"]
    assert checked["max_abs_diff"] < 1e-5
    assert any(height % 2 and width % 2 for _, height, width in checked["sizes"])


def test_nothing_else_is_left(folder: Path):
    assert [item.name for item in folder.parent.iterdir()] == ["tiny"]
    names = {item.name for item in folder.iterdir()}
    assert names == {"generator.keras", "saved_model", "model.json", "README.md"}


def test_card(folder: Path):
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: unknown\nlibrary_name: keras\n")
    assert "Research use only" in card
    assert "`bicubic`, version 1" in card
    assert "interpolates bicubically outside the field of view" in card


def test_upscale_equals_the_keras_model(folder: Path):
    image = np.random.default_rng(0).integers(0, 256, (7, 12, 3), np.uint8)
    loaded = load(folder)
    assert (loaded.name, loaded.scale, loaded.degradation) == ("tiny", 2, "bicubic")
    assert loaded.path == folder
    expected = keras.saving.load_model(folder / "generator.keras")(image[np.newaxis] / 255)[0]
    floats = loaded.upscale_float(image)
    np.testing.assert_allclose(floats, np.clip(expected, 0, 1), atol=1e-5)
    levels = loaded.upscale(image)
    assert levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, np.rint(floats * 255))


def test_training_goes_on_from_the_same_generator(folder: Path, model: keras.Model):
    again = load(folder).generator(Generator(blocks=1, filters=8), 2)
    lr = np.random.default_rng(0).uniform(size=(1, 9, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(again(lr), model(lr), atol=1e-6)
    with pytest.raises(UsageError, match="has filters 8, not 16; scale 2, not 4"):
        load(folder).generator(Generator(blocks=1, filters=16), 4)


@pytest.mark.parametrize(
    "setting", [{"channel_attention": True}, {"dilation": 2}, {"upsampling": "resize"}], ids=str
)
def test_a_folder_made_with_a_removed_setting_upscales_and_is_not_trained(
    folder: Path, model: keras.Model, tmp_path: Path, setting: dict
):
    mine = tmp_path / "old"
    shutil.copytree(folder, mine)
    info = json.loads((folder / "model.json").read_text())
    off = {"channel_attention": False, "dilation": 1}
    info["configuration"]["generator"] |= off
    (mine / "model.json").write_text(json.dumps(info))
    assert load(mine).generator(Generator(blocks=1, filters=8), 2)
    info["configuration"]["generator"] |= setting
    (mine / "model.json").write_text(json.dumps(info))
    assert load(mine).upscale(np.zeros((5, 5, 3), np.uint8)).shape == (10, 10, 3)
    ((key, value),) = setting.items()
    message = f"the generator of model tiny has {key} {value}, which was removed"
    with pytest.raises(UsageError, match=message):
        load(mine).generator(Generator(blocks=1, filters=8), 2)
    with pytest.raises(UsageError, match=message):
        model_folder.save(mine, model, info)


def test_images_of_other_types(folder: Path):
    loaded = load(folder)
    levels = np.random.default_rng(0).integers(0, 256, (7, 12, 3), np.uint8)
    deep = loaded.upscale(levels.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    np.testing.assert_array_equal(deep, np.rint(loaded.upscale_float(levels) * 65535))
    with pytest.raises(UsageError, match="5 x 0 px has nothing"):
        loaded.upscale(np.zeros((0, 5, 3), np.uint8))
    for wrong in (levels[..., 0], levels / 255):
        with pytest.raises(ValueError, match="expected uint8"):
            loaded.upscale(wrong)


def test_an_interrupted_save_leaves_the_old_folder(
    folder: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch
):
    def killed(*_: object) -> dict:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_folder, "saved_model_parity", killed)
    before = contents(folder)
    with pytest.raises(KeyboardInterrupt):
        model_folder.save(folder, model, INFO | {"name": "new"})
    assert contents(folder) == before
    assert [item.name for item in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.usefixtures("quick_parity")
def test_a_save_replaces_the_files_of_a_folder_and_no_others(
    folder: Path, model: keras.Model, tmp_path: Path
):
    mine = tmp_path / "tiny"
    shutil.copytree(folder, mine)
    (mine / "stale").touch()
    info = json.loads((mine / "model.json").read_text())
    (mine / "model.json").write_text(json.dumps(info | {"files": [*info["files"], "stale"]}))
    (mine / "LICENSE").write_text("mine")
    (mine / "saved_model" / "notes.txt").write_text("mine")
    model_folder.save(mine, model, INFO | {"name": "new"})
    assert load(mine).name == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["tiny"]
    assert not (mine / "stale").exists()
    assert (mine / "LICENSE").read_text() == "mine"
    assert (mine / "saved_model" / "notes.txt").read_text() == "mine"
    (mine / "model.json").unlink()
    before = contents(mine)
    with pytest.raises(UsageError, match="holds something else"):
        model_folder.save(mine, model, INFO)
    assert contents(mine) == before


def test_a_folder_of_something_else_is_not_replaced(model: keras.Model, tmp_path: Path):
    (tmp_path / "photograph.png").touch()
    with pytest.raises(UsageError, match="holds something else"):
        model_folder.save(tmp_path, model, INFO)
    with pytest.raises(UsageError, match="holds something else"):
        model_folder.save(tmp_path / "photograph.png", model, INFO)


def test_info_must_be_complete(model: keras.Model, tmp_path: Path):
    with pytest.raises(ValueError, match="degradation"):
        model_folder.save(tmp_path / "m", model, {"name": "tiny"})
    assert not any(tmp_path.iterdir())


def test_a_pretrained_model_is_found_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(model_folder, "PRETRAINED", folder.parent)
    assert load("tiny").path == folder
    with pytest.raises(UsageError, match=r"no model 'tinny'.*one of tiny$"):
        load("tinny")


def test_a_name_is_the_pretrained_model_and_a_path_the_folder_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
):
    monkeypatch.setattr(model_folder, "PRETRAINED", folder.parent)
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()  # as `--out tiny` makes it
    assert load("tiny").path == folder
    shutil.copytree(folder / "saved_model", "tiny", dirs_exist_ok=True)
    assert open_model("tiny").path == folder
    assert not caplog.text
    shutil.copytree(folder, "tiny", dirs_exist_ok=True)
    assert load("tiny").path == folder
    assert "tiny is the pretrained model. For the folder here, give ./tiny" in caplog.text
    assert load("./tiny").path == load(Path("tiny")).path == Path("tiny")
    shutil.rmtree("tiny")
    assert load(Path("tiny")).path == folder


LOAD = """
import sys
import srgan_keras
assert "keras" not in sys.modules and "numpy" not in sys.modules
import {first}
import keras
keras.models.load_model({file!r})
"""


@pytest.mark.parametrize("first", ["keras", "tensorflow"])
def test_keras_loads_a_model_after_import_srgan_keras(folder: Path, first: str):
    program = LOAD.format(first=first, file=str(folder / "generator.keras"))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_no_pretrained_model_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(model_folder, "PRETRAINED", tmp_path / "none")
    message = r"no model 'x': give .* path or \(no pretrained model is installed\)"
    with pytest.raises(UsageError, match=message):
        load("x")


def test_a_work_folder_names_its_models(folder: Path, tmp_path: Path):
    (tmp_path / "models").mkdir()
    shutil.copytree(folder, tmp_path / "models" / "stage1")
    message = f"no model.json; its models are {tmp_path}/models/stage1"
    with pytest.raises(UsageError, match=re.escape(message)):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', "\xff"])
def test_a_damaged_description(tmp_path: Path, text: str):
    (tmp_path / "model.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match="is damaged"):
        load(tmp_path)


def test_a_damaged_or_newer_folder(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "saved_model" / "saved_model.pb").write_bytes(b"\0damaged")
    with pytest.raises(UsageError, match="cannot load"):
        load(tmp_path / "m").upscale(np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "m" / "saved_model" / "saved_model.pb").unlink()
    with pytest.raises(UsageError, match="is damaged"):
        load(tmp_path / "m")
    shutil.copytree(folder, tmp_path / "n")
    info = json.loads((folder / "model.json").read_text())
    (tmp_path / "n" / "model.json").write_text(json.dumps(info | {"schema": 2}))
    with pytest.raises(UsageError, match="newer"):
        load(tmp_path / "n")


def test_parity_refuses_another_model(folder: Path):
    other = build_generator(Generator(blocks=1, filters=8), 2, (0.1,) * 3, (0.5,) * 3)
    with pytest.raises(RuntimeError, match=r"differs from the Keras model by 0\.\d"):
        parity.saved_model_parity(other, folder / "saved_model")


@pytest.mark.parametrize("module", ["keras", "srgan_keras"])
def test_the_serving_process_cannot_import_keras_or_this_package(tmp_path: Path, module: str):
    (tmp_path / "tensorflow.py").write_text(f"import {module}")
    done = subprocess.run(
        [sys.executable, "-P", parity.SERVER, "model", "inputs", "outputs"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"import of {module} halted" in done.stderr


def test_a_name_that_leads_to_another_folder_is_refused(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "foreign")
    folder = tmp_path / "foreign"
    info = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(info | {"name": "../../mine"}))
    with pytest.raises(UsageError, match=r"the name '../../mine' is no file name"):
        load(folder)


def test_a_restoration_says_so(tmp_path: Path, quick_parity: None):
    model = build_generator(Generator(blocks=1, filters=8), 1)
    degradation = {"name": "clinical", "version": 2}
    model_folder.save(tmp_path / "m", model, INFO | {"degradation": degradation})
    info = json.loads((tmp_path / "m/model.json").read_text())
    assert (info["scale"], info["fold"]) == (1, 4)
    card = (tmp_path / "m/README.md").read_text()
    assert "Restores retinal fundus photographs at their own size" in card
    assert "-> uint8 RGB [N, H, W, 3]" in card
    assert "bicubic" not in card
    assert "super-resol" not in card
    loaded = load(tmp_path / "m")
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    assert loaded.upscale(image).shape == image.shape
    again = loaded.generator(Generator(blocks=1, filters=8, unshuffle=4), 1)  # 4 is the default
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(UsageError, match="has unshuffle 4, not 2"):
        loaded.generator(Generator(blocks=1, filters=8, unshuffle=2), 1)
