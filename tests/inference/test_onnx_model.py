import json
import re

import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.data.image_file import ImageFile
from srgan_keras.errors import UsageError
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.onnx_model import OnnxModel
from srgan_keras.inference.open_model import open_model
from srgan_keras.phantoms.phantom import phantom

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
from onnx import TensorProto, helper  # noqa: E402

CONTENT = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}


def picture(rng, height, width):
    """Draw an image of levels that the network keeps."""
    return 5 * rng.integers(0, 52, (height, width, 3), np.uint8)


def twice(
    file,
    axes="NCHW",
    given="0..1",
    got="0..1",
    kind="FLOAT",
    size=("h", "w"),
    batch="n",
    multiple=1,
):
    """Write a file that enlarges by 2, in 52 levels: they tell the ranges apart."""
    channels = lambda sides: (batch, *sides, 3) if axes == "NHWC" else (batch, 3, *sides)  # noqa: E731
    element = getattr(TensorProto, kind)
    (a, b), (c, d) = CONTENT[given], CONTENT[got]
    numbers = {"a": 1 / a, "b": -b / a, "c": c, "d": d, "zero": 0.0, "one": 1.0, "levels": 51.0}
    constants = [helper.make_tensor(k, TensorProto.FLOAT, (), [v]) for k, v in numbers.items()]
    factors = [1.0, 2.0, 2.0, 1.0] if axes == "NHWC" else [1.0, 1.0, 2.0, 2.0]
    constants.append(helper.make_tensor("factors", TensorProto.FLOAT, (4,), factors))
    node = helper.make_node
    nodes = [
        node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        node("Mul", ["floats", "a"], ["x1"]),
        node("Add", ["x1", "b"], ["x2"]),
        node("Clip", ["x2", "zero", "one"], ["x3"]),
        node("Mul", ["x3", "levels"], ["up"]),
        node("Round", ["up"], ["whole"]),
        node("Div", ["whole", "levels"], ["down"]),
        node("Resize", ["down", "", "factors"], ["x4"], mode="nearest"),
        node("Mul", ["x4", "c"], ["x5"]),
        node("Add", ["x5", "d"], ["x6"]),
        node("Cast", ["x6"], ["sr"], to=element),
    ]
    if multiple > 1:  # other sizes cannot be folded
        nodes[-1:] = [
            node("SpaceToDepth", ["x6"], ["folded"], blocksize=multiple),
            node("DepthToSpace", ["folded"], ["x7"], blocksize=multiple),
            node("Cast", ["x7"], ["sr"], to=element),
        ]
    graph = helper.make_graph(
        nodes,
        "twice",
        [helper.make_tensor_value_info("images", element, channels(size))],
        [helper.make_tensor_value_info("sr", element, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, file)
    return file


@pytest.mark.parametrize(
    ("axes", "given", "got", "kind"),
    [
        ("NCHW", "0..1", "0..1", "FLOAT"),
        ("NHWC", "0..1", "0..1", "FLOAT16"),
        ("NCHW", "0..255", "0..255", "FLOAT"),
        ("NHWC", "0..1", "-1..1", "FLOAT"),
        ("NCHW", "-1..1", "-1..1", "FLOAT"),
        ("NHWC", "0..255", "0..255", "UINT8"),
    ],
)
def test_the_layout_is_found(tmp_path, rng, axes, given, got, kind):
    model = OnnxModel(twice(tmp_path / "theirs.onnx", axes, given, got, kind))
    found = model.layout
    assert (found.axes, found.input_range, found.output_range) == (axes, given, got)
    assert (model.name, model.scale, model.degradation) == ("theirs", 2, "unknown")
    image = picture(rng, 7, 11)
    np.testing.assert_array_equal(model.upscale(image), image.repeat(2, 0).repeat(2, 1))


def test_a_file_of_one_size_takes_all_sizes(tmp_path, rng):
    model = OnnxModel(twice(tmp_path / "fixed.onnx", size=(24, 32), batch=1))
    for size in [(5, 5), (24, 32), (70, 41)]:
        image = picture(rng, *size)
        np.testing.assert_array_equal(model.upscale(image), image.repeat(2, 0).repeat(2, 1))


def test_a_multiple_is_found_and_padded(tmp_path, rng):
    model = OnnxModel(twice(tmp_path / "folds.onnx", multiple=16))
    assert model.layout.multiple == 8
    image = picture(rng, 13, 9)
    np.testing.assert_array_equal(model.upscale(image), image.repeat(2, 0).repeat(2, 1))


def test_the_file_beside_it_counts(tmp_path, rng):
    file = twice(tmp_path / "theirs.onnx")
    about = {"colours": "BGR", "degradation": "area", "radius": 3, "name": "known"}
    file.with_suffix(".json").write_text(json.dumps(about))
    model = OnnxModel(file)
    assert (model.name, model.degradation, model.upscaler().radius) == ("known", "area", 3)
    image = picture(rng, 7, 11)
    np.testing.assert_array_equal(model.upscale(image), image.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "must hold an object"),
        ('{"axis": "NHWC"}', "unknown field 'axis'"),
        ('{"axes": "HWC"}', "axes must be one of NHWC, NCHW"),
        ('{"scale": 0}', "scale must be positive"),
        ('{"scale": 3}', "its scale is another one"),
        ('{"input_range": "0..255"}', "are not recognised"),
    ],
)
def test_a_wrong_description_is_one_line(tmp_path, text, message):
    file = twice(tmp_path / "theirs.onnx")
    file.with_suffix(".json").write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        OnnxModel(file)
    assert "\n" not in str(error.value)


def test_what_is_no_upscaler_is_one_line(tmp_path):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no model")
    grey = twice(tmp_path / "grey.onnx", size=("h", "w"))
    model = onnx.load(grey)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    onnx.save(model, grey)
    many = twice(tmp_path / "many.onnx", batch=4)
    for file, message in [
        (damaged, "cannot open"),
        (grey, "takes no RGB images"),
        (many, "takes 4 images at once"),
        (tmp_path / "missing.onnx", "no file"),
    ]:
        with pytest.raises(UsageError, match=message) as error:
            open_model(str(file))
        assert "\n" not in str(error.value)


def test_onnxruntime_is_named_if_it_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    file = twice(tmp_path / "theirs.onnx")
    assert cli.main(["upscale", str(file), str(file), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'srgan_keras[export]'" in line


def test_upscale_and_evaluate_take_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    twice(tmp_path / "theirs.onnx", given="0..255", got="0..255")
    image = phantom(1, 40).image // 5 * 5
    write(tmp_path / "a.png", ImageFile(image))
    options = ["theirs.onnx", "a.png", "--out", "out", "--no-skip-outside"]
    assert cli.main(["upscale", *options]) == 0
    assert cli.main(["inspect", "out/a.png"]) == 0
    assert f"sha256: {open_model('theirs.onnx').sha256}" in capsys.readouterr().out
    sr = read(tmp_path / "out" / "a.png").colour
    np.testing.assert_array_equal(sr, image.repeat(2, 0).repeat(2, 1))
    options = "theirs.onnx --data phantom:1 --split all --vgg-weights none --no-trust --out e"
    assert cli.main(["evaluate", *options.split(), "--hr-long-side", "64"]) == 0
    (run,) = json.loads((tmp_path / "e" / "metrics.json").read_text())["runs"]
    theirs, nearest = (run["models"][n]["full"]["psnr"]["mean"] for n in ("theirs", "nearest"))
    assert theirs == pytest.approx(nearest, abs=1)


def test_other_engines_are_refused(tmp_path):
    model = OnnxModel(twice(tmp_path / "theirs.onnx"))
    with pytest.raises(UsageError, match="leave engine and precision out"):
        model.upscaler(engine="openvino")
