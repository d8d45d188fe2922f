"""Other formats of a generator. The library of each writes it, and runs it for comparison.

All map `images`, float32 [N, h, w, 3] in 0..1, any N, h and w, to float32 [N, sh, sw, 3] in 0..1.
The libraries are those of the extra `export`.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.export.serving_form import serving_form
from srgan_keras.export.tiles import Network, upscale_tiles
from srgan_keras.machine import usable_cores
from srgan_keras.models.receptive_field import receptive_radius

TAIL_TILE = 256
"""Side of a tile of OpenVINO's tail in LR px, without its halo."""


class Format(NamedTuple):
    """A format that a model folder can be exported to.

    Attributes:
        file: below the model folder.
        write: (generator in float32, file) -> None.
        load: file -> a function of batches.
        limit: largest difference from Keras that is accepted, in grey levels.
        others: names of the other files that `write` may make beside `file`.
    """

    file: str
    write: Callable[[keras.Model, Path], None]
    load: Callable[[Path], Network]
    limit: float
    others: tuple[str, ...] = ()


def inference_model(generator: keras.Model) -> keras.Model:
    """Return the serving form as one functional model, its output clipped to 0..1."""
    body, tail = serving_form(generator)
    images = keras.Input((None, None, 3), name="images")
    sr = body(images) if tail is None else tail(body(images))
    return keras.Model(images, keras.ops.clip(sr, 0.0, 1.0))


def write_onnx(generator: keras.Model, file: Path) -> None:
    """Write an ONNX model with the help of tf2onnx."""
    _write_onnx(inference_model(generator), file)


def _write_onnx(model: keras.Model, file: Path) -> None:
    # a model that was never called is not exported
    model(np.zeros((1, 8, 8, model.input_shape[-1]), np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries about each other
        model.export(file, format="onnx", verbose=False)


def load_onnx(file: Path) -> Network:
    """Open it in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def write_openvino(generator: keras.Model, file: Path) -> None:
    """Write OpenVINO's .xml and .bin from an ONNX model; weights in float32.

    A network with a tail (see `serving_form`) gives two: SR = tail(body(LR)). The second's name is
    that of the first with `body` replaced by `tail`. The first also holds the tail's radius and
    scale, which `load_openvino` reads.
    """
    import openvino

    body, tail = serving_form(generator)
    radius = scale = 0
    if tail is None:
        body = inference_model(generator)
    else:
        scale = tail(np.zeros((1, 8, 8, tail.input_shape[-1]), np.float32)).shape[1] // 8
        radius = receptive_radius(tail, scale)
        tail = keras.Model(tail.inputs[0], keras.ops.clip(tail.outputs[0], 0.0, 1.0))
    for model, path in ((body, file), (tail, _tail_of(file))):
        if model is not None:
            onnx = path.with_suffix(".onnx")
            _write_onnx(model, onnx)
            converted = openvino.convert_model(onnx)
            converted.set_rt_info(radius, ["srgan_keras", "tail_radius"])
            converted.set_rt_info(scale, ["srgan_keras", "tail_scale"])
            openvino.save_model(converted, path, compress_to_fp16=False)
            onnx.unlink()


def load_openvino(file: Path, precision: str = "float32") -> Network:
    """Compile it for the CPU, to compute in float32 or bfloat16; the tail in tiles."""
    try:
        import openvino
    except ImportError:
        raise UsageError(
            "engine openvino needs the package openvino: pip install 'srgan_keras[export]'"
        ) from None
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    whole = core.read_model(file)
    body = core.compile_model(whole, "CPU", options)
    radius, scale = (
        whole.get_rt_info(["srgan_keras", name]).astype(int)
        for name in ("tail_radius", "tail_scale")
    )
    if not scale:
        return lambda images: body(images)[0]
    tail = core.compile_model(_tail_of(file), "CPU", options)

    def network(images: np.ndarray) -> np.ndarray:
        features = body(images)[0]
        count, height, width, _ = features.shape
        sr = np.empty((count, scale * height, scale * width, 3), np.float32)
        for i in range(count):
            tiles = upscale_tiles(lambda x: tail(x)[0], features[i], scale, radius, TAIL_TILE)
            for box, part in tiles:
                box.of(sr[i], scale)[...] = part
        return sr

    return network


def _tail_of(file: Path) -> Path:
    return file.with_name(file.name.replace("body", "tail"))


def write_litert(generator: keras.Model, file: Path, half: bool = False) -> None:
    """Write a LiteRT (TensorFlow Lite) model of built-in operations alone; half: 16 bit weights."""
    converter = tf.lite.TFLiteConverter.from_keras_model(inference_model(generator))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    with contextlib.redirect_stdout(io.StringIO()):  # Keras lists every weight
        file.write_bytes(converter.convert())


def load_litert(file: Path) -> Network:
    """Open it in LiteRT's interpreter, which is told each new size."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=usable_cores())
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def network(images: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(source["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return network


FORMATS = {
    "onnx": Format("onnx/model.onnx", write_onnx, load_onnx, 0.5),
    "openvino": Format(
        "openvino/body.xml",
        write_openvino,
        load_openvino,
        0.5,
        ("body.bin", "tail.xml", "tail.bin"),
    ),
    "litert": Format("litert/model.tflite", write_litert, load_litert, 0.5),
    "litert_float16": Format(
        "litert/model_float16.tflite",
        lambda generator, file: write_litert(generator, file, half=True),
        load_litert,
        2.0,
    ),
}
