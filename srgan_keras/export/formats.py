"""Other formats of a generator. The library of each writes it, and runs it for comparison.

All map `images`, float32 [N, h, w, 3] in 0..1, any N, h and w, to float32 [N, sh, sw, 3] in 0..1.
The libraries are those of the extra `export`.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras

from srgan_keras.export.litert_format import load_litert, write_litert
from srgan_keras.export.onnx_format import load_onnx, network_of, open_session, write_onnx
from srgan_keras.export.openvino_format import load_openvino, write_openvino
from srgan_keras.export.recipe import Recipe
from srgan_keras.export.tiles import Network


class Format(NamedTuple):
    """A format that a model folder can be exported to.

    Attributes:
        file: below the model folder.
        write: (generator in float32, file, what else it needs) -> None.
        load: file -> a function of batches.
        limit: largest difference from Keras that is accepted, in grey levels.
        others: names of the other files that `write` may make beside `file`.
        fixed: it can be written for inputs of one size.
        calibrated: it needs photographs, and is judged by `quantisation.distance` on others.
    """

    file: str
    write: Callable[[keras.Model, Path, Recipe], None]
    load: Callable[[Path], Network]
    limit: float
    others: tuple[str, ...] = ()
    fixed: bool = False
    calibrated: bool = False

    def file_of(self, tile: int) -> str:
        """Return the name of the file for inputs of one side in px; 0: for all sizes."""
        stem, dot, suffix = self.file.rpartition(".")
        return f"{stem}_{tile}{dot}{suffix}" if tile else self.file


def _others(body: str) -> tuple[str, ...]:
    tail = body.replace("body", "tail")
    return f"{body}.bin", f"{tail}.xml", f"{tail}.bin"


FORMATS = {
    "onnx": Format("onnx/model.onnx", write_onnx, load_onnx, 0.5, fixed=True),
    "onnx_float16": Format(
        *("onnx/model_float16.onnx", partial(write_onnx, half=True), load_onnx, 2.0), fixed=True
    ),
    "openvino": Format(*("openvino/body.xml", write_openvino, load_openvino, 0.5), _others("body")),
    "openvino_float16": Format(
        *("openvino/body_float16.xml", partial(write_openvino, half=True), load_openvino, 2.0),
        _others("body_float16"),
    ),
    "openvino_int8": Format(
        *("openvino/body_int8.xml", write_openvino, load_openvino, math.inf),
        _others("body_int8"),
        calibrated=True,
    ),
    "litert": Format("litert/model.tflite", write_litert, load_litert, 0.5, fixed=True),
    "litert_float16": Format(
        *("litert/model_float16.tflite", partial(write_litert, half=True), load_litert, 2.0),
        fixed=True,
    ),
}


def _anywhere(file: Path) -> Network:
    return network_of(open_session(file))


ENGINES: dict[str, Callable[[Path], Network]] = {
    "openvino": load_openvino,
    "openvino_float16": load_openvino,
    "openvino_int8": load_openvino,
    "onnx": _anywhere,
    "onnx_float16": _anywhere,
}
"""Formats that `upscale` can compute with, and how they are opened for it."""
