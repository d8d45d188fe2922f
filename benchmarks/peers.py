"""Other networks on the same photographs: Real-ESRGAN and RealSR beside the pretrained models.

    python benchmarks/peers.py [MODEL ...] [--data DATASET ...] [--split test]
        [--photographs N] [--hr-long-side 512] [--kept DIR] [--csv FILE] [--picture FILE]
        [--side 128] [--rounds 3] [--json]

Each MODEL (default: `fundus-x4` and `fundus-x4-gan`) is a pretrained model or a model folder of
scale 4. All methods get the same LR: degradation `bicubic`, protocol `standard`. Without DATASET
they get phantoms. `--photographs` takes N of each data set, evenly spaced in the order of their
names. `--csv` writes all metrics, of which the printed table has the main ones. The values of each
photograph are in a file of `--kept`: a repeated command measures only what is missing there. Delete
the folder when a model changes.

Everything runs on one core. Speed is output megapixels per second of processor time, the best of
the interleaved rounds, so other programs barely affect it. `ratio` is a model's speed over that of
a network. `ahead` counts the metrics whose paired difference has a 95 % interval on the better side
of 0. Expect a ratio above 5, and a model ahead of both networks in every `fidelity` metric and in
`vgg_distance`.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from interleaved import best_seconds
from ncnn_network import PEERS, NcnnNetwork, check_installed

from srgan_keras.errors import UsageError

if TYPE_CHECKING:  # TensorFlow must not count its cores before `main` has chosen one
    from srgan_keras.data.photograph import Photograph
    from srgan_keras.evaluation.observer import Observer
    from srgan_keras.evaluation.protocol import Method, Standard
    from srgan_keras.evaluation.summarise import Row

FIDELITY = ("psnr", "ssim", "ms_ssim", "lr_consistency", "colour_drift")
"""Beginnings of the names of the metrics that say how close SR is to HR, or to LR."""

LOWER = ("colour_drift", "vgg_distance")
"""Beginnings of the names of the metrics of which less is better."""

MAIN = {
    "psnr inner": 2,
    "psnr full": 2,
    "ssim inner": 4,
    "vgg_distance full": 6,
    "band_energy inner": 2,
    "grid_energy inner": 2,
    "lr_consistency full": 1,
    "colour_drift inner": 3,
}
"""Metric and region in the printed table -> digits."""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["fundus-x4", "fundus-x4-gan"])
    parser.add_argument("--data", nargs="+", default=["phantom:20"])
    parser.add_argument("--split", default="test")
    parser.add_argument("--photographs", type=int, default=1000, help="of each data set, at most")
    parser.add_argument("--kept", type=Path, help="folder of the measured values")
    parser.add_argument("--hr-long-side", type=int, default=512)
    parser.add_argument("--side", type=int, default=128, help="LR px of the square that is timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--picture", type=Path, help="PNG of the first phantom")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        result = run(options)
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(error.status)
    if options.csv:
        write_csv(options.csv, result["data"])
    print(json.dumps(result) if options.json else readable(result))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all data sets, then the speed."""
    check_installed()

    from srgan_keras.data import datasets
    from srgan_keras.evaluation.protocol import Standard
    from srgan_keras.evaluation.vgg_distance import VggDistance, vgg_features
    from srgan_keras.inference.model import load

    ours = [load(name) for name in options.models]
    methods = [*ours, *map(NcnnNetwork, PEERS)]
    standard = Standard(hr_long_side=options.hr_long_side)
    if options.picture:
        draw(methods, options.picture)
    observers, found = [VggDistance(vgg_features())], {}
    with tempfile.TemporaryDirectory() as scratch:
        kept = options.kept or Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        for spec in options.data:
            rows = []
            photographs = datasets.select(datasets.find(spec), options.split)
            count = min(options.photographs, len(photographs))
            for i in np.linspace(0, len(photographs) - 1, count).round().astype(int):
                photograph = photographs[i]
                rows += measured(photograph, standard, methods, observers, kept)
                print(f"{spec}: {photograph.id}", file=sys.stderr, flush=True)
            found[spec] = summary(rows, [model.name for model in ours])
    return {"protocol": standard.record(), "data": found} | speed(ours, options)


def measured(
    photograph: "Photograph",
    standard: "Standard",
    methods: "Sequence[Method]",
    observers: "Sequence[Observer]",
    kept: Path,
) -> "list[Row]":
    """Return the rows of one photograph, and keep them for the next time."""
    from srgan_keras.evaluation.measure import measure
    from srgan_keras.files import atomic_write

    file = kept / f"{photograph.sha256[:16]}-{standard.hr_long_side}.json"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    known = {row["model"] for row in rows}
    missing = {method.name: method for method in methods if method.name not in known}
    if missing or not rows:
        image, mask = photograph.read(), photograph.mask()
        about = {"protocol": standard.name, "id": photograph.id, "grade": photograph.grade}
        about |= dict(zip(("height", "width"), image.shape, strict=False))
        rows += [
            about | {"model": name, "region": region} | values
            for name, region, values in measure(
                standard, standard.sample(image, mask), missing, observers
            )
            if name not in known
        ]
        with atomic_write(file) as partial:
            partial.write_text(json.dumps(rows), encoding="utf-8")
    shown = {*standard.baselines, *(method.name for method in methods)}
    return [row for row in rows if row["model"] in shown]


def summary(rows: "list[Row]", models: Sequence[str]) -> dict[str, Any]:
    """Summarise a data set as `evaluate` does, and compare each model with each network."""
    from srgan_keras.evaluation.summarise import small_sample, summarise

    result = summarise(rows)
    ahead = {name: {peer: compared(rows, name, peer) for peer in PEERS} for name in models}
    return result | {"ahead": ahead, "notes": small_sample(result["n"])}


def compared(rows: "list[Row]", name: str, peer: str) -> dict[str, str]:
    """Return in how many fidelity metrics, and whether in `vgg_distance`, a model is ahead."""
    from srgan_keras.evaluation.statistics import paired_gain
    from srgan_keras.evaluation.summarise import KEYS

    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows:
        for metric in row.keys() - set(KEYS):
            found = values.setdefault((row["region"], metric), {})
            found.setdefault(row["model"], []).append(row[metric])
    counts = {"fidelity": [0, 0], "vgg_distance": [0, 0]}
    for (_, metric), by_model in values.items():
        kind = "fidelity" if metric.startswith(FIDELITY) else metric
        gain = paired_gain(by_model[name], by_model[peer])
        if kind not in counts or gain["mean"] is None:  # small photographs have no ms_ssim
            continue
        low, high = gain["ci95"] or (gain["mean"], gain["mean"])
        better = high < 0 if metric.startswith(LOWER) else low > 0
        counts[kind] = [counts[kind][0] + better, counts[kind][1] + 1]
    return {kind: f"{better} of {count}" for kind, (better, count) in counts.items()}


def speed(ours: "Sequence[Method]", options: argparse.Namespace) -> dict[str, Any]:
    """Time all networks on one square: megapixels per second of processor time, and ratios."""
    from srgan_keras.machine import has_bfloat16_units, machine
    from srgan_keras.phantoms.phantom import phantom

    square = phantom(0, options.side).image[np.newaxis] / np.float32(255)
    result: dict[str, Any] = {"machine": machine(), "ratio": {}}
    for kind in ["float32"] + ["bfloat16"] * has_bfloat16_units():
        networks = {model.name: model.upscaler(kind).network for model in ours}
        networks |= {name: NcnnNetwork(name, kind).network for name in PEERS}
        calls = {name: partial(network, square) for name, network in networks.items()}
        # the first round compiles
        seconds = best_seconds(calls, options.rounds + 1, time.process_time)
        megapixels = square[0, ..., 0].size * NcnnNetwork.scale**2 / 1e6
        result[f"mp_per_s_{kind}"] = {k: round(megapixels / s, 3) for k, s in seconds.items()}
        result["ratio"][kind] = {
            m.name: {peer: round(seconds[peer] / seconds[m.name], 1) for peer in PEERS}
            for m in ours
        }
    return result


def draw(methods: "Sequence[Method]", file: Path) -> None:
    """Draw the first phantom by all methods, in the 256 colours that a small file has."""
    from PIL import Image

    from srgan_keras.data import datasets
    from srgan_keras.evaluation.protocol import Standard
    from srgan_keras.report import figures

    figures.comparison(methods, datasets.find("phantom:1"), Standard(), file)
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def write_csv(file: Path, data: dict[str, Any]) -> None:
    """Write every mean and its interval."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["data", "n", "method", "region", "metric", "mean", "low95", "high95"])
        for spec, found in data.items():
            for name, regions in found["models"].items():
                for region, metrics in regions.items():
                    for metric, value in metrics.items():
                        numbers = [value["mean"], *(value["ci95"] or (None, None))]
                        cells = ["" if n is None else f"{n:.6g}" for n in numbers]
                        row = [Path(spec).name, found["n"], name, region, metric, *cells]
                        writer.writerow(row)


def readable(result: dict[str, Any]) -> str:
    """Return the main metrics of each data set as Markdown, then the rest as JSON."""
    from srgan_keras.tables import markdown_table

    lines = []
    for spec, found in result["data"].items():
        rows = [
            [name, *(cell(regions, key, digits) for key, digits in MAIN.items())]
            for name, regions in found["models"].items()
        ]
        lines += [f"{spec}, n = {found['n']}: mean (95 % interval)", ""]
        lines += [markdown_table(["method", *MAIN], rows, align=True)]
        lines += [json.dumps({"ahead": found["ahead"], "notes": found["notes"]}, indent=1), ""]
    rest = {name: value for name, value in result.items() if name not in ("data", "protocol")}
    return "\n".join([*lines, json.dumps(rest, indent=1)])


def cell(regions: dict[str, Any], key: str, digits: int) -> str:
    """Format a mean and its interval."""
    metric, region = key.split()
    value = regions[region][metric]
    if value["mean"] is None:
        return "-"
    low, high = value["ci95"] or (value["mean"], value["mean"])
    return f"{value['mean']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
