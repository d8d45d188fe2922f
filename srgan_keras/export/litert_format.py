"""LiteRT (TensorFlow Lite), for phones and embedded devices."""

import contextlib
import io
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.export.recipe import Recipe
from srgan_keras.export.serving_form import inference_model
from srgan_keras.export.tiles import Network
from srgan_keras.machine import usable_cores


def write_litert(generator: keras.Model, file: Path, recipe: Recipe, half: bool = False) -> None:
    """Write a LiteRT model of built-in operations alone.

    Args:
        generator: in float32.
        file: to write.
        recipe: its `tile` fixes the input to [1, tile, tile, 3], as GPUs of phones need.
        half: weights in float16.
    """
    model = inference_model(generator, recipe.tile)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
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
    fixed = -1 not in source["shape_signature"]
    if fixed:
        interpreter.allocate_tensors()

    def network(images: np.ndarray) -> np.ndarray:
        if not fixed:
            interpreter.resize_tensor_input(source["index"], images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return network
