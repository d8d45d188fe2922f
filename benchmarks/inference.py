"""Upscaling on a CPU: ours against naive Keras, PyTorch and ONNX Runtime, interleaved in one run.

    python benchmarks/inference.py [--model FOLDER] [--data DATASET] [--count 2] [--rounds 3]
        [--json]

Without a model folder, the model is the paper's generator (16 x 64, x4), untrained. First the model
alone runs on one square of a photograph, best of some rounds. Then whole photographs run from file
to file, with PNG level 1 everywhere. Prints output megapixels per second, and ratios of the times
from file to file: `keras_vs_naive`, `keras_vs_torch`, `openvino_vs_naive`, `openvino_vs_torch`. The
suffix `_no_skip` marks runs that also compute pixels outside the field of view.

Naive: Keras, float32, whole image, cv2. PyTorch: channels_last, inference mode, whole image, the
faster of float32 and bfloat16. Photographs: the first of up to 0.6 megapixels with 20 to 60 %
outside the field of view.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from interleaved import best_seconds
from photographs import LEVEL_1, chosen
from torch_process import TorchProcess

from srgan_keras import configure
from srgan_keras.data.fov import fov_mask
from srgan_keras.export import formats, model_folder
from srgan_keras.export.export import export
from srgan_keras.export.saved_model import float32_copy
from srgan_keras.inference.model import Model, load
from srgan_keras.inference.upscale_files import Job, run
from srgan_keras.machine import has_bfloat16_units, machine
from srgan_keras.models.generator import build_generator
from srgan_keras.models.layers import BlockConv2D
from srgan_keras.options import ExportOptions, UpscaleOptions

Network = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", default="phantom:8")
    parser.add_argument("--side", type=int, default=256, help="LR px of the model alone")
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options, Path(scratch))
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, object]:
    """Measure both parts; the faster type of the first is each side's in the second."""
    model = model_of(options.model, scratch)
    types = ["float32"] + ["bfloat16"] * has_bfloat16_units()
    photographs = chosen(options.data, options.count, suits)
    with contextlib.closing(TorchProcess()) as torch:
        networks, exact = networks_of(model, torch, types)
        rates, psnr = alone(networks, exact, photographs[0], options.side, options.rounds)
        best = {
            side: max((f"{side} {kind}" for kind in types), key=rates.get)
            for side in ("torch", "keras", "openvino")
        }
        seconds, pixels = from_files(model, networks, best, photographs, scratch)
    ratios = {
        f"{ours}_vs_{other}{suffix}": round(seconds[other] / seconds[f"{ours}{suffix}"], 3)
        for suffix in ("", "_no_skip")
        for ours in ("keras", "openvino")
        for other in ("naive", "torch")
    }
    return {
        "machine": machine(),
        "model_alone_mp_per_s": rates,
        "psnr_to_float32": psnr,
        "from_file_to_file_mp_per_s": {k: round(pixels / s / 1e6, 3) for k, s in seconds.items()},
        "photographs": [list(image.shape[1::-1]) for image in photographs],
        "faster_types": best,
        **ratios,
    }


def model_of(folder: Path | None, scratch: Path) -> Model:
    """Return the model folder with OpenVINO's and ONNX's exports, a copy in `scratch`."""
    if folder is None:
        model = build_generator(configure.load("paper").generator, 4)
        info = {
            "name": "untrained",
            "degradation": {"name": "bicubic", "version": 1},
            "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
            "training_sha256": [],
            "configuration": {},
        }
    else:
        model = keras.models.load_model(folder / "generator.keras")
        info = load(folder).info
    target = scratch / "model"
    model_folder.save(target, model, info)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result
        for kind in ("openvino", "onnx"):
            export(ExportOptions(str(target), kind))
    return load(target)


def networks_of(
    model: Model, torch: TorchProcess, types: list[str]
) -> tuple[dict[str, Network], Network]:
    """Return every side's function of batches, and float32's output unclipped in 0..1."""
    plain = naive(keras.models.load_model(model.path / "generator.keras"))
    networks = {"naive": compiled(plain), "naive xla": compiled(plain, jit=True)}
    networks["onnxruntime float32"] = formats.load_onnx(model.path / formats.FORMATS["onnx"].file)
    for kind in types:
        networks[f"torch {kind}"] = torch.build("torch_generator", "network", *parts(plain), kind)
        for engine in ("keras", "openvino"):
            networks[f"{engine} {kind}"] = model.upscaler(kind, engine).network
    return networks, networks["naive"]


def naive(model: keras.Model) -> keras.Model:
    """Return the model as one would write it: a plain last convolution."""

    def plain(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, BlockConv2D):
            return keras.layers.Conv2D.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    model = float32_copy(model)
    copy = keras.models.clone_model(model, clone_function=plain)
    copy.set_weights(model.get_weights())
    return copy


def parts(model: keras.Model) -> tuple[list, tuple, tuple]:
    """Return what `torch_generator.network` needs of the generator."""
    weighted = [layer for layer in model.layers if layer.weights]
    layers = [(x.name, getattr(x, "epsilon", None), x.get_weights()) for x in weighted]
    ends = (model.get_layer(name) for name in ("standardise", "unstandardise"))
    return layers, *((end.scale, end.offset) for end in ends)


def compiled(model: keras.Model, jit: bool = False) -> Network:
    """Return a tf.function of a Keras model."""
    spec = [tf.TensorSpec((None, None, None, 3))]
    function = tf.function(
        lambda x: tf.clip_by_value(model(x, training=False), 0, 1), spec, jit_compile=jit
    )
    return lambda images: function(tf.constant(images)).numpy()


def alone(
    networks: dict[str, Network], exact: Network, photograph: np.ndarray, side: int, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Time every network once a round on the photograph's middle; keep each one's best."""
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    square = photograph[top : top + side, left : left + side][np.newaxis] / np.float32(255)
    expected = exact(square)
    psnr = {}
    for name, network in networks.items():
        error = np.mean((network(square).astype(np.float64) - expected) ** 2)
        psnr[name] = round(-10 * np.log10(error + 1e-12), 1)
    calls = {name: partial(network, square) for name, network in networks.items()}
    seconds = best_seconds(calls, rounds)
    return {k: round(expected[0, ..., 0].size / s / 1e6, 3) for k, s in seconds.items()}, psnr


def suits(image: np.ndarray) -> bool:
    """Return whether a photograph is of the kind that the head of this file names."""
    return image[..., 0].size <= 0.6e6 and 0.2 <= 1 - fov_mask(image).mean() <= 0.6


def from_files(
    model: Model,
    networks: dict[str, Network],
    best: dict[str, str],
    photographs: list[np.ndarray],
    scratch: Path,
) -> tuple[dict[str, float], int]:
    """Return each side's seconds for all photographs, and their SR pixels."""

    def whole(name: str) -> Callable[[Path, Path], None]:
        def way(source: Path, target: Path) -> None:
            lr = cv2.imread(str(source), cv2.IMREAD_COLOR_RGB)[np.newaxis] / np.float32(255)
            sr = np.rint(networks[name](lr)[0] * 255).astype(np.uint8)
            cv2.imwrite(str(target), cv2.cvtColor(sr, cv2.COLOR_RGB2BGR), LEVEL_1)

        return way

    def ours(engine: str, skip: bool) -> Callable[[Path, Path], None]:
        upscaler = model.upscaler(best[engine].split()[1], engine)

        def way(source: Path, target: Path) -> None:
            request = UpscaleOptions("", (), target.parent, skip_outside=skip)
            if run(upscaler, [Job(source, target.name)], request):
                raise RuntimeError(f"{source} failed")

        return way

    ways = {"naive": whole("naive"), "torch": whole(best["torch"])}
    ways["onnxruntime"] = whole("onnxruntime float32")
    for engine in ("keras", "openvino"):
        ways |= {engine: ours(engine, True), f"{engine}_no_skip": ours(engine, False)}
    files = [scratch / f"{i}.png" for i in range(len(photographs))]
    for file, image in zip(files, photographs, strict=True):
        cv2.imwrite(str(file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), LEVEL_1)
    seconds = dict.fromkeys(ways, 0.0)
    for name in ways:  # `upscale` writes over no file of another program
        (scratch / name).mkdir()
    for file in files:
        for name, way in ways.items():
            start = time.perf_counter()
            way(file, scratch / name / file.name)
            seconds[name] += time.perf_counter() - start
    return seconds, sum(16 * image[..., 0].size for image in photographs)


if __name__ == "__main__":
    main()
