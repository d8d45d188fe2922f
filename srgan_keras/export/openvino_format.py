"""OpenVINO: float32, weights in float16, or convolutions in int8, for CPUs."""

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from srgan_keras.errors import UsageError
from srgan_keras.export.onnx_format import save_onnx
from srgan_keras.export.recipe import Recipe
from srgan_keras.export.serving_form import inference_model, serving_form
from srgan_keras.export.tiles import Network, tiled
from srgan_keras.models.receptive_field import receptive_radius

TAIL_TILE = 256
"""Side of a tile of OpenVINO's tail in LR px, without its halo."""

FLOAT_PARTS = (".*bicubic.*", ".*standardise.*", ".*tail_conv.*")
"""Parts of the network that int8 leaves in float32, as patterns of NNCF: they make the image."""


def write_openvino(generator: keras.Model, file: Path, recipe: Recipe, half: bool = False) -> None:
    """Write OpenVINO's .xml and .bin from an ONNX model.

    A network with a tail (see `serving_form`) gives two: SR = tail(body(LR)). The second's name is
    that of the first with `body` replaced by `tail`. The first also holds the tail's radius and
    scale, which `load_openvino` reads.

    Args:
        generator: in float32.
        file: the .xml of the body.
        recipe: with images for calibration, the body's convolutions become int8.
        half: store weights in float16. The CPU computes with them in float32.
    """
    with _no_telemetry():
        _write(generator, file, recipe, half)


def _write(generator: keras.Model, file: Path, recipe: Recipe, half: bool) -> None:
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
            save_onnx(model, onnx)
            converted = openvino.convert_model(onnx)
            if recipe.calibration and model is body:
                converted = _int8(converted, recipe)
            converted.set_rt_info(radius, ["srgan_keras", "tail_radius"])
            converted.set_rt_info(scale, ["srgan_keras", "tail_scale"])
            openvino.save_model(converted, path, compress_to_fp16=half)
            onnx.unlink()


@contextlib.contextmanager
def _no_telemetry() -> Iterator[None]:
    """Declare this a CI job: elsewhere, OpenVINO and NNCF report their use to Intel."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _int8(model: Any, recipe: Recipe) -> Any:  # noqa: ANN401
    """Quantise by NNCF's post-training quantisation; parts that make the image stay in float32."""
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.ERROR)
    # the widest range of all images: a mean over them cuts off steep edges
    ranges = RangeEstimatorParametersSet.MINMAX
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(recipe.calibration),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(recipe.calibration),
            ignored_scope=nncf.IgnoredScope(patterns=list(FLOAT_PARTS), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=ranges
            ),
        )


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
    upscaled = tiled(lambda features: tail(features)[0], scale, radius, TAIL_TILE)
    return lambda images: upscaled(body(images)[0])


def _tail_of(file: Path) -> Path:
    return file.with_name(file.name.replace("body", "tail"))
