"""Engines of one model on the same crops: distance from Keras, and speed, interleaved in one run.

    python benchmarks/engines.py [fundus-x4] [--data DATASET] [--calibration DATASET]
        [--photographs 4] [--side 128] [--rounds 3] [--json]

Exports a copy of the model to ONNX and OpenVINO in float32 and float16, and to OpenVINO in int8.
An export that is too far from float32 is left out, and says so. Crops of each photograph are its
brightest and its steepest place, at its own size and reduced by the scale. Prints for each engine:
PSNR to Keras in float32 before rounding; largest and mean difference and mean shift in grey levels;
`step`, the largest difference of its steps between neighbours from Keras's, where Keras is smooth
(below one grey level), which is how banding would show; megapixels of SR a second, and the ratio to
OpenVINO in float32. On a machine with other work, only ratios mean something.

Without --data it takes phantoms. Calibration takes the photographs with even numbers of its
dataset, the judgement of `export` those with odd numbers; without --calibration it is --data.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from interleaved import best_seconds

from srgan_keras.errors import CommandError
from srgan_keras.export import model_folder, quantisation
from srgan_keras.export.export import export
from srgan_keras.inference.model import Model, load
from srgan_keras.machine import has_bfloat16_units, machine
from srgan_keras.options import ExportOptions

EXPORTS = ("onnx", "onnx_float16", "openvino", "openvino_float16", "openvino_int8")
BASE = "openvino float32"
SMOOTH = 1.0
"""Grey levels between neighbours below which the output of Keras counts as smooth."""

Network = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", default="fundus-x4")
    parser.add_argument("--data", default="phantom:8")
    parser.add_argument("--calibration")
    parser.add_argument("--photographs", type=int, default=4)
    parser.add_argument("--side", type=int, default=128, help="LR px of a crop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--exported", type=Path, help="copy of the model to export in, and keep")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options, options.exported or Path(scratch, "model"))
    print(json.dumps(result) if options.json else _table(result))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Export, compare and time; return the table and what it depends on."""
    left_out = exported(options, folder)
    quantisation.SIDE, quantisation.PHOTOGRAPHS = options.side, options.photographs
    model = load(folder)
    _, crops = quantisation.images(options.data, model.scale)
    networks = networks_of(model)
    exact = networks["keras float32"]
    expected = [exact(crop) for crop in crops]
    table = {name: apart(network, crops, expected) for name, network in networks.items()}
    rates = timed(networks, crops[0], expected[0][..., 0].size, options.rounds)
    for name, rate in rates.items():
        table[name] |= {"mp_per_s": round(rate, 4), "ratio": round(rate / rates[BASE], 3)}
    return {
        "machine": machine(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "model": model.name,
        "data": options.data,
        "crops": len(crops),
        "side": options.side,
        "left_out": left_out,
        "engines": table,
        "int8_vs_float32": table.get("openvino_int8", {}).get("ratio"),
    }


def exported(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Copy the model, if it is not there, and export the copy; return what is left out, and why."""
    if not folder.exists():
        shutil.copytree(model_folder.find(options.model), folder)
    left_out = {}
    for kind in EXPORTS:
        if kind in load(folder).info["parity"]:
            continue
        calibration = options.calibration or options.data
        chosen = calibration if kind == "openvino_int8" else None
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result
            try:
                export(ExportOptions(str(folder), kind, calibration=chosen))
            except (CommandError, RuntimeError) as error:
                left_out[kind] = str(error)
    return left_out


def networks_of(model: Model) -> dict[str, Network]:
    """Open every engine; those that compute in float32 or bfloat16 in both."""
    types = ["float32"] + ["bfloat16"] * has_bfloat16_units()
    networks = {}
    for engine in ("keras", *EXPORTS):
        if engine != "keras" and engine not in model.info["parity"]:
            continue
        for kind in types if engine in ("keras", "openvino") else [None]:
            name = f"{engine} {kind}" if kind else engine
            networks[name] = model.upscaler(kind or "float32", engine).network
    return networks


def apart(
    network: Network, crops: list[np.ndarray], expected: list[np.ndarray]
) -> dict[str, object]:
    """Return the differences from Keras on the crops."""
    answers = iter(expected)
    found = quantisation.differences(lambda _: next(answers), network, crops)
    steps = []
    for crop, exact in zip(crops, expected, strict=True):
        for axis in (1, 2):
            smooth = 255 * np.diff(exact, axis=axis)
            other = 255 * np.diff(network(crop), axis=axis) - smooth
            steps.append(np.abs(other[np.abs(smooth) < SMOOTH]))
    return found | {"step": round(float(np.percentile(np.concatenate(steps), 99.9)), 3)}


def timed(
    networks: dict[str, Network], crop: np.ndarray, pixels: int, rounds: int
) -> dict[str, float]:
    """Return megapixels of SR a second, the best of some interleaved rounds; SR has `pixels`."""
    calls = {name: partial(network, crop) for name, network in networks.items()}
    return {name: pixels / 1e6 / best for name, best in best_seconds(calls, rounds).items()}


def _table(result: dict[str, object]) -> str:
    where = result["machine"]
    lines = [
        f"{result['model']} on {where['processor']}, {where['cores']} cores, "
        f"load {result['load']}; "
        f"{result['crops']} crops of {result['side']} px of {result['data']}",
        "",
        "| engine | PSNR dB | largest | mean | shift R, G, B | step | MP/s | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["engines"].items():
        shift = ", ".join(f"{value:+.3f}" for value in row["mean_shift"])
        lines.append(
            f"| {name} | {row['psnr']:.1f} | {row['max_level_diff']:.3f} | "
            f"{row['mean_level_diff']:.4f} | {shift} | {row['step']:.3f} | {row['mp_per_s']:.3f} | "
            f"{row['ratio']:.2f} |"
        )
    lines += [f"{kind} is left out: {reason}" for kind, reason in result["left_out"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
