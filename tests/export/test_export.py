import json
import re
import shutil
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.errors import UsageError
from srgan_keras.export import export, formats, model_folder, quantisation
from srgan_keras.inference.model import load
from srgan_keras.inference.onnx_model import OnnxModel
from srgan_keras.inference.upscaler import upscale
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom

INFO = {
    "name": "tiny",
    "degradation": {"name": "bicubic", "version": 1},
    "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "training_sha256": [],
    "configuration": {},
}
LIBRARIES = {
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "openvino": ("onnx", "tf2onnx", "openvino", "nncf"),
    "litert": ("ai_edge_litert",),
}
FREE = [name for name, format in formats.FORMATS.items() if not format.calibrated]
FIXED = [name for name, format in formats.FORMATS.items() if format.fixed]


CONFIGS = {
    "steps": (2, Generator(2, 4, "steps", 4, batch_norm=True, bicubic_skip=False)),
    "direct": (2, Generator(2, 4, "direct", 4)),
    "restore": (1, Generator(2, 4, "direct", 4)),
}
"""Scale and architecture of each model."""


@pytest.fixture(params=CONFIGS, scope="module")
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / request.param
    scale, config = CONFIGS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        model = build_generator(config, scale)
        rng = np.random.default_rng(0)
        model.set_weights([w + rng.normal(0, 0.02, w.shape) for w in model.get_weights()])
        model_folder.save(folder, model, INFO)
    return folder


def exported(folder, kind, capsys, *options):
    for library in LIBRARIES[kind.partition("_")[0]]:
        if find_spec(library) is None:  # not imported: nncf would start its telemetry
            pytest.skip(f"needs {library} of the extra export")
    status = cli.main(["export", str(folder), "--format", kind, *options])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out


@pytest.mark.parametrize("kind", FREE)
def test_a_format_equals_keras_at_any_size(folder, kind, capsys, rng):
    out = exported(folder, kind, capsys)
    target = formats.FORMATS[kind]
    assert f"{target.file}: at most" in out
    assert out.count("\n") == 1
    parity = json.loads((folder / "model.json").read_text())["parity"][kind]
    assert parity["max_level_diff"] <= target.limit
    assert {"saved_model", kind} <= load(folder).info["parity"].keys()
    names = {file.name for file in (folder / target.file).parent.iterdir()}
    assert not [name for name in names if "partial" in name]
    model = keras.models.load_model(folder / "generator.keras")
    network = target.load(folder / target.file)
    for shape in [(2, 13, 8), (1, 1, 1), (1, 1, 50), (1, 40, 3)]:
        images = rng.uniform(size=(*shape, 3)).astype(np.float32)
        expected = np.clip(model(images), 0, 1)
        np.testing.assert_allclose(network(images), expected, atol=target.limit / 255)


ONE_FOLDER = pytest.mark.parametrize("folder", ["direct"], indirect=True)


@ONE_FOLDER
@pytest.mark.parametrize("kind", FIXED)
def test_a_file_of_one_size_equals_keras_at_it(folder, kind, capsys, rng):
    out = exported(folder, kind, capsys, "--tile", "24")
    target = formats.FORMATS[kind]
    assert f"{target.file_of(24)}: at most" in out
    assert "on crops of 24 x 24 px" in out
    assert f"{kind}_24" in load(folder).info["parity"]
    images = rng.uniform(size=(1, 24, 24, 3)).astype(np.float32)
    expected = np.clip(keras.models.load_model(folder / "generator.keras")(images), 0, 1)
    network = target.load(folder / target.file_of(24))
    np.testing.assert_allclose(network(images), expected, atol=target.limit / 255)


@pytest.mark.parametrize("side", ["", "_24"])
def test_an_onnx_file_describes_itself(folder, side, capsys, rng):
    if not (folder / f"onnx/model{side}.onnx").exists():
        exported(folder, "onnx", capsys, *(["--tile", side[1:]] if side else []))
    model, file = load(folder), OnnxModel(folder / f"onnx/model{side}.onnx")
    assert (file.name, file.scale, file.degradation) == ("tiny", model.scale, "bicubic")
    image = rng.integers(0, 256, (20, 20, 3), np.uint8)
    expected = model.upscale_float(image)
    if side:  # which pads below and to the right
        expected = model.upscale_float(np.pad(image, ((0, 4), (0, 4), (0, 0)), "edge"))
        expected = expected[: 20 * model.scale, : 20 * model.scale]
    np.testing.assert_allclose(file.upscale_float(image), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["openvino", "onnx"])
def test_an_export_is_an_engine(folder, kind, capsys, rng):
    if kind not in load(folder).info["parity"]:
        exported(folder, kind, capsys)
    model = load(folder)
    image = rng.integers(0, 256, (50, 41, 3), np.uint8)
    sr, _ = upscale(model.upscaler("float32", kind), image, 17, rounded=False)
    np.testing.assert_allclose(sr, model.upscale_float(image), atol=1e-4)


@ONE_FOLDER
def test_int8_is_calibrated_and_judged_on_others(folder, tmp_path, capsys, monkeypatch, rng):
    shutil.copytree(folder, tmp_path / "m")
    monkeypatch.setattr(quantisation, "LEAST_PSNR", 30)
    monkeypatch.setattr(quantisation, "MOST_SHIFT", 5)
    monkeypatch.setenv("HOME", str(tmp_path))
    out = exported(tmp_path / "m", "openvino_int8", capsys, "--calibration", "phantom:2")
    assert re.search(r"int8.xml: at most .* dB, mean shift at most .* on other photographs", out)
    model = load(tmp_path / "m")
    parity = model.info["parity"]["openvino_int8"]
    assert parity["photographs"] == "phantom:2"
    image = phantom(5, 64).image
    sr, _ = upscale(model.upscaler("auto", "openvino_int8"), image, rounded=False)
    assert 0 < np.abs(sr - model.upscale_float(image)).max() < 0.2
    assert not (tmp_path / "intel").exists()  # where telemetry would keep its state


@ONE_FOLDER
def test_int8_too_far_from_float32_is_not_left(folder, tmp_path, capsys, monkeypatch):
    shutil.copytree(folder, tmp_path / "m", ignore=shutil.ignore_patterns("openvino"))

    def darker(generator, file, recipe):
        assert recipe.calibration
        file.touch()

    def load_darker(_):
        model = keras.models.load_model(folder / "generator.keras")
        return lambda images: np.clip(model(images), 0, 1) * np.float32(0.99)

    wrong = formats.FORMATS["openvino_int8"]._replace(write=darker, load=load_darker)
    monkeypatch.setitem(export.FORMATS, "openvino_int8", wrong)
    options = ["--format", "openvino_int8", "--calibration", "phantom:2"]
    assert cli.main(["export", str(tmp_path / "m"), *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "int8 is too far from float32" in line
    assert "mean shift" in line
    assert not any((tmp_path / "m" / "openvino").iterdir())


@ONE_FOLDER
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("openvino_int8", "needs photographs to choose its ranges by: set calibration"),
        ("openvino_int8 --calibration phantom:1", "has one photograph, and calibration needs two"),
        ("onnx --calibration phantom:2", "has no ranges to choose: remove calibration"),
        ("openvino --tile 64", "takes images of any size: use tile with onnx"),
        ("onnx --tile 0", "tile must be positive"),
        ("saved_model --tile 64", "has no settings: remove tile"),
    ],
)
def test_options_that_do_not_fit_are_one_line(folder, capsys, options, message):
    assert cli.main(["export", str(folder), "--format", *options.split()]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_engine_needs_the_export_first(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    info = json.loads((folder / "model.json").read_text())
    info["parity"].pop("openvino", None)
    (tmp_path / "m" / "model.json").write_text(json.dumps(info))
    with pytest.raises(UsageError, match=r"To make it, run `.* --format openvino`"):
        load(tmp_path / "m").upscaler(engine="openvino")


def test_what_differs_is_not_left(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "onnx", ignore_errors=True)
    scale = load(folder).scale
    wrong = formats.FORMATS["onnx"]._replace(
        write=lambda _, file, recipe: file.touch(),
        load=lambda _: lambda x: 1 - x.repeat(scale, 1).repeat(scale, 2),
    )
    monkeypatch.setitem(export.FORMATS, "onnx", wrong)
    with pytest.raises(RuntimeError, match="differs from Keras by"):
        cli.main(["export", str(tmp_path / "m"), "--format", "onnx"])
    assert not any((tmp_path / "m" / "onnx").iterdir())


def test_a_missing_library_is_named(folder, capsys, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("No module named 'openvino'", name="openvino")

    wrong = formats.FORMATS["openvino"]._replace(write=missing)
    monkeypatch.setitem(export.FORMATS, "openvino", wrong)
    assert cli.main(["export", str(folder), "--format", "openvino"]) == 2
    assert "needs openvino: pip install 'srgan_keras[export]'" in capsys.readouterr().err


def test_an_older_folder_is_brought_up_to_date(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
    shutil.copytree(folder, tmp_path / "m")
    info = json.loads((folder / "model.json").read_text())
    del info["bytes_per_pixel"]
    (tmp_path / "m" / "model.json").write_text(json.dumps(info))
    for name in ("LICENSE", "README.md", "saved_model/notes.txt"):
        (tmp_path / "m" / name).write_text("mine")
    image = np.zeros((5, 5, 3), np.uint8)
    with pytest.raises(UsageError, match=r"To bring it up to date, run `.* --format saved_model`"):
        load(tmp_path / "m").upscale(image)
    assert cli.main(["export", str(tmp_path / "m"), "--format", "saved_model"]) == 0
    scale = info["scale"]
    assert load(tmp_path / "m").upscale(image).shape == (5 * scale, 5 * scale, 3)
    for name in ("LICENSE", "README.md", "saved_model/notes.txt"):
        assert (tmp_path / "m" / name).read_text() == "mine"
    assert not [file for file in (tmp_path / "m").iterdir() if "partial" in file.name]


def test_a_format_replaces_no_file_of_a_person(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "m", ignore=shutil.ignore_patterns("litert"))
    info = json.loads((folder / "model.json").read_text())
    info["files"] = [name for name in info["files"] if not name.startswith("litert")]
    (tmp_path / "m" / "model.json").write_text(json.dumps(info))
    mine = tmp_path / "m" / "litert" / "model.tflite"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert cli.main(["export", str(tmp_path / "m"), "--format", "litert"]) == 2
    assert "model.tflite exists, and `export` did not write it" in capsys.readouterr().err
    assert mine.read_text() == "mine"
