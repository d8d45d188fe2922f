import json
import shutil

import keras
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.errors import UsageError
from srgan_keras.export import export, formats, model_folder
from srgan_keras.inference.model import load
from srgan_keras.inference.upscaler import upscale
from srgan_keras.models.generator import build_generator

INFO = {
    "name": "tiny",
    "degradation": {"name": "bicubic", "version": 1},
    "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "training_sha256": [],
    "configuration": {},
}
LIBRARIES = {
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "openvino": ("onnx", "tf2onnx", "openvino"),
    "litert": ("ai_edge_litert",),
    "litert_float16": ("ai_edge_litert",),
}


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


def exported(folder, kind, capsys):
    for library in LIBRARIES[kind]:
        pytest.importorskip(library, reason="needs the extra export")
    status = cli.main(["export", str(folder), "--format", kind])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out


@pytest.mark.parametrize("kind", formats.FORMATS)
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


def test_openvino_is_an_engine(folder, capsys, rng):
    exported(folder, "openvino", capsys)
    model = load(folder)
    image = rng.integers(0, 256, (50, 41, 3), np.uint8)
    sr, _ = upscale(model.upscaler("float32", "openvino"), image, 17, rounded=False)
    np.testing.assert_allclose(sr, model.upscale_float(image), atol=1e-4)


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
        write=lambda _, file: file.touch(),
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
