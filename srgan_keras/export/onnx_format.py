"""ONNX: written with tf2onnx, opened in ONNX Runtime."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.export.onnx_layout import KEY, Layout, dump
from srgan_keras.export.recipe import Recipe
from srgan_keras.export.serving_form import inference_model
from srgan_keras.export.tiles import Network
from srgan_keras.machine import usable_cores
from srgan_keras.models.receptive_field import fold, receptive_radius

CPU = "CPUExecutionProvider"
PROVIDERS = (
    # float32 as elsewhere: TF32 would cost a tenth of a grey level
    ("CUDAExecutionProvider", {"use_tf32": "0"}),
    ("ROCMExecutionProvider", {}),
    ("MIGraphXExecutionProvider", {}),
    ("DmlExecutionProvider", {}),
    (CPU, {}),
)
"""Providers of ONNX Runtime from the first choice to the last, and their options."""

FLOAT32_LAYERS = ("standardise", "unstandardise", "bicubic")
"""Layers that compute with the image's own values, in float32 also in a float16 file."""

FLOAT32_OPERATIONS = ("Clip", "Min", "Max", "Cast")
"""Operations in float32 in a float16 file: tf2onnx computes sides with limits of 1e9 in them."""


def write_onnx(generator: keras.Model, file: Path, recipe: Recipe, half: bool = False) -> None:
    """Write an ONNX model, which says its layout in its metadata.

    Args:
        generator: in float32.
        file: to write.
        recipe: its `tile` fixes the input to [1, tile, tile, 3].
        half: weights and computation in float16; input, output and bicubic skip stay in float32.
    """
    import onnx

    whole = inference_model(generator, recipe.tile)
    save_onnx(whole, file)
    model = onnx.load(file)
    if half:
        model = _float16(model)
    layout = Layout(
        *("NHWC", "0..1", "0..1", recipe.scale),
        multiple=fold(generator),
        radius=receptive_radius(generator, recipe.scale),
        degradation=recipe.degradation,
        name=recipe.name,
    )
    onnx.helper.set_model_props(model, {KEY: dump(layout)})
    onnx.save(model, file)


def _float16(model: Any) -> Any:  # noqa: ANN401
    """Convert a model to float16, except `FLOAT32_LAYERS` and `FLOAT32_OPERATIONS`."""
    from onnx import TensorProto
    from onnxruntime.transformers.float16 import convert_float_to_float16

    kept = [
        node.name
        for node in model.graph.node
        # no layer of the network is named like these parts of its nodes' names
        if node.op_type in FLOAT32_OPERATIONS or any(part in node.name for part in FLOAT32_LAYERS)
    ]
    model = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
    # The converter rounds between two nodes that it keeps. Let the second take what the first gave.
    casts = {
        (node.output[0], node.attribute[0].i): node.input[0]
        for node in model.graph.node
        if node.op_type == "Cast" and node.name not in kept
    }
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            rounded = casts.get((name, TensorProto.FLOAT))
            node.input[i] = casts.get((rounded, TensorProto.FLOAT16), name)
    return model


def save_onnx(model: keras.Model, file: Path) -> None:
    """Write a functional model with Keras's exporter."""
    # a model that was never called is not exported
    sides = [side or 8 for side in model.input_shape[1:3]]
    model(np.zeros((1, *sides, model.input_shape[-1]), np.float32))
    signature = [tf.TensorSpec(model.input_shape, tf.float32, model.inputs[0].name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries about each other
        model.export(file, format="onnx", verbose=False, input_signature=signature)


def load_onnx(file: Path) -> Network:
    """Open a file that `write_onnx` made, on the CPU."""
    return network_of(open_session(file, [(CPU, {})]))


def network_of(session: Any) -> Network:  # noqa: ANN401
    """Return a session with one input and one output as a function of batches."""
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def open_session(file: Path, providers: list[tuple[str, dict]] | None = None) -> Any:  # noqa: ANN401
    """Open an ONNX file in ONNX Runtime.

    Args:
        file: of ONNX.
        providers: names and options; None: all of `PROVIDERS` that this ONNX Runtime has.

    Raises:
        UsageError: ONNX Runtime is not installed, or cannot open the file.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UsageError(
            f"{file} needs the package onnxruntime: pip install 'srgan_keras[export]'"
        ) from None
    if providers is None:
        there = onnxruntime.get_available_providers()
        providers = [pair for pair in PROVIDERS if pair[0] in there]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 4  # errors are raised, too
    try:
        return onnxruntime.InferenceSession(file, options, providers=providers)
    except Exception as error:  # its classes have no common base
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"ONNX Runtime cannot open {file}: {reason}") from None
