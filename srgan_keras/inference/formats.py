"""Other forms of a generator, each written, and run again for comparison, by its own library.

All take `images`, float32 [N, h, w, 3] in 0..1, any N, h and w, and give float32 [N, sh, sw, 3] in
0..1. The libraries are those of the extra `export`.
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from srgan_keras.config import UsageError
from srgan_keras.inference.serving_form import serving_form
from srgan_keras.inference.tiles import Network


class Format(NamedTuple):
    """A format that a model folder can be exported to.

    Attributes:
        file: below the model folder.
        write: (generator in float32, file) -> None.
        load: file -> a function of batches.
        limit: largest difference from Keras that is accepted, in grey levels.
    """

    file: str
    write: Callable[[keras.Model, Path], None]
    load: Callable[[Path], Network]
    limit: float


def inference_model(generator: keras.Model) -> keras.Model:
    """Return the serving form as one functional model, its output clipped to 0..1."""
    body, tail = serving_form(generator)
    images = keras.Input((None, None, 3), name="images")
    sr = body(images) if tail is None else tail(body(images))
    return keras.Model(images, keras.ops.clip(sr, 0.0, 1.0))


def write_onnx(generator: keras.Model, file: Path) -> None:
    """Write an ONNX model with the help of tf2onnx."""
    model = inference_model(generator)
    model(np.zeros((1, 8, 8, 3), np.float32))  # a model that was never called is not exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries about each other
        model.export(file, format="onnx", verbose=False)


def load_onnx(file: Path) -> Network:
    """Open it in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def write_openvino(generator: keras.Model, file: Path) -> None:
    """Write OpenVINO's .xml and .bin, by way of ONNX; weights in float32."""
    import openvino

    onnx = file.with_suffix(".onnx")
    write_onnx(generator, onnx)
    openvino.save_model(openvino.convert_model(onnx), file, compress_to_fp16=False)
    onnx.unlink()


def load_openvino(file: Path, precision: str = "float32") -> Network:
    """Compile it for the CPU, to compute in float32 or bfloat16."""
    try:
        import openvino
    except ImportError:
        raise UsageError("engine openvino: pip install 'srgan_keras[export]'") from None
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(file, "CPU", options)
    return lambda images: compiled(images)[0]


def write_litert(generator: keras.Model, file: Path, half: bool = False) -> None:
    """Write a LiteRT (TensorFlow Lite) model of built-in operations alone; half: 16 bit weights."""
    model = inference_model(generator)
    spec = tf.TensorSpec((None, None, None, 3), name="images")
    function = tf.function(lambda images: model(images, training=False), input_signature=[spec])
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    file.write_bytes(converter.convert())


def load_litert(file: Path) -> Network:
    """Open it in LiteRT's interpreter, which is told each new size."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=len(os.sched_getaffinity(0)))
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
    "openvino": Format("openvino/model.xml", write_openvino, load_openvino, 0.5),
    "litert": Format("litert/model.tflite", write_litert, load_litert, 0.5),
    "litert_float16": Format(
        "litert/model_float16.tflite",
        lambda generator, file: write_litert(generator, file, half=True),
        load_litert,
        2.0,
    ),
}
