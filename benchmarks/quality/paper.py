"""The measured tables of PAPER.md and its models' tables, as Markdown.

    python benchmarks/quality/paper.py --data data/aptos2019 data/idrid/images/test
        [--table table2|grid] [--models MODEL ...] [--json]

`table2` is protocol `author` on the first dataset: our rows next to the paper's, the cost of
truncating to 8 bit, and the pixels that the mask grey > 127 covers. `grid` is protocol `standard`
on each dataset, at scales 2 and 4 and long sides of 512, 1024 and 2048 px. Models, by default the
pretrained ones, are measured at their own scale and degradation.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srgan_keras import metrics
from srgan_keras.data import datasets
from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation.protocol import BASELINES, Author, Standard
from srgan_keras.inference.model import load

SHIPPED = ("fundus-x2", "fundus-x2-gan", "fundus-x4", "fundus-x4-gan", "fundus-x4-cv2linear")
PUBLISHED = """\
| | photographs | PSNR | SSIM | precision | recall | F1 |
|---|---|---:|---:|---:|---:|---:|
| Table 2 | not said | 43.00 | 0.93 | 0.965 | 0.913 | 0.937 |
| the author's notebook, epoch 60 | 366 (validation) | 42.40 | none | 0.9754 | 0.8950 | 0.9190 |"""
BRIGHT = ("psnr", "ssim", "bright_precision", "bright_recall", "bright_f1")
SIDES, SCALES = (512, 1024, 2048), (2, 4)
SHOWN = {
    "PSNR full": ("psnr", "full"),
    "PSNR inner": ("psnr", "inner"),
    "SSIM inner": ("ssim", "inner"),
}
SHARES = (0.0, 0.001, 0.01)
"""Minimum shares of bright pixels in the photographs over which F1 is averaged."""


def run(
    models: list, photographs: list[Photograph], protocols: list[Author] | list[Standard]
) -> list[dict[str, Any]]:
    """Measure the models that the protocols are for; return the runs of metrics.json."""
    own = (protocols[0].scale, protocols[0].degradation)
    chosen = [m for m in models if (m.scale, m.degradation) == own]
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(chosen, photographs, protocols, Path(folder))["runs"]


def table2(models: list, photographs: list[Photograph]) -> dict[str, Any]:
    """Return the rows, the cost of truncation, and the figures of the mask."""
    rows = {}
    kinds = {"nearest": "rounded", "truncate": "cut to 8 bit as the author does"}
    for kind, found in zip(kinds, run(models, photographs, list(map(Author, kinds))), strict=True):
        for name, values in found["models"].items():
            label = name if name in BASELINES else f"`{name}`, {kinds[kind]}"
            rows[label] = {m: values["full"][m]["mean"] for m in BRIGHT}
    found = [bicubic(p.read()) for p in photographs]
    return {
        "n": len(photographs),
        "rows": rows,
        "bicubic_psnr": {k: float(np.mean([f[k] for f in found])) for k in ("truncate", "nearest")},
        "bicubic_recall": {
            k: float(np.mean([f["recall_" + k] for f in found])) for k in ("truncate", "nearest")
        },
        "mask": mask_figures(
            np.array([f["share"] for f in found]), np.array([f["f1"] for f in found])
        ),
    }


def bicubic(image: np.ndarray) -> dict[str, float]:
    """Interpolate in floats, so that truncation and rounding can be told apart."""
    author = Author()
    lr = author.sample(image).lr.astype(np.float32)
    size = image.shape[1::-1]
    levels = np.clip(cv2.resize(lr, size, interpolation=cv2.INTER_CUBIC), 0, 255)
    made = {"truncate": levels.astype(np.uint8), "nearest": np.rint(levels).astype(np.uint8)}
    agreement = {k: metrics.bright_agreement(image, sr) for k, sr in made.items()}
    return (
        {k: metrics.psnr(image, sr) for k, sr in made.items()}
        | {"recall_" + k: values["bright_recall"] for k, values in agreement.items()}
        | {"f1": agreement["nearest"]["bright_f1"]}
        | {"share": float(np.mean(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) > 127))}
    )


def mask_figures(share: np.ndarray, f1: np.ndarray) -> dict[str, Any]:
    """Summarise the share of bright pixels, and bicubic's F1 where there are enough of them."""
    return {
        "mean": float(share.mean()),
        "median": float(np.median(share)),
        "without": int(np.sum(share == 0)),
        "f1": [
            {
                "from": least,
                "n": int(np.sum(share > least)),
                "mean": float(f1[share > least].mean()),
            }
            for least in SHARES
        ],
        "lowest_f1": float(f1.min()),
    }


def grid(models: list, data: dict[str, list[Photograph]]) -> list[dict[str, Any]]:
    """Return the values of `SHOWN` of bicubic, Lanczos and models, by scale, data, long side."""
    lines = []
    for scale in SCALES:
        protocols = [Standard(scale, "bicubic", side) for side in SIDES]
        for spec, photographs in data.items():
            for found in run(models, photographs, protocols):
                means = {
                    name: {head: values[r][m]["mean"] for head, (m, r) in SHOWN.items()}
                    for name, values in found["models"].items()
                    if name != "nearest"
                }
                key = {"data": spec, "n": found["n"], "scale": scale}
                side = {"long_side": found["protocol"]["hr_long_side"]}
                lines.append(key | side | {"models": means})
    return lines


def print_table2(found: dict[str, Any]) -> None:
    """Print as Markdown."""
    print(PUBLISHED)
    for name, values in found["rows"].items():
        psnr, *others = (values[m] for m in BRIGHT)
        print(
            f"| {name} | {found['n']} | {psnr:.3f} |", " | ".join(f"{v:.4f}" for v in others), "|"
        )
    for kind in ("truncate", "nearest"):
        psnr, recall = found["bicubic_psnr"][kind], found["bicubic_recall"][kind]
        print(f"\nbicubic in floats, {kind}: PSNR {psnr:.3f} dB, recall {recall:.4f}")
    mask = found["mask"]
    mean, median = 100 * mask["mean"], 100 * mask["median"]
    print(f"\ngrey > 127 covers {mean:.2f} % on average, median {median:.2f} %,")
    print(
        f"nothing on {mask['without']}; bicubic's lowest F1 is {mask['lowest_f1']:.3f}; its mean F1"
    )
    for part in mask["f1"]:
        least, n = 100 * part["from"], part["n"]
        print(f"- where it covers more than {least:.1f} %: {part['mean']:.4f} (n = {n})")


def print_grid(lines: list[dict[str, Any]]) -> None:
    """Print as Markdown, a table a scale."""
    for scale in SCALES:
        own = [line for line in lines if line["scale"] == scale]
        heads = [
            f"{name}, {value}" for name, values in own[0]["models"].items() for value in values
        ]
        print(f"\n| x{scale}, photographs | n | long side |", " | ".join(heads), "|")
        print("|---|---:|---:|" + "---:|" * len(heads))
        for line in own:
            cells = [
                f"{value:.{3 if head.startswith('PSNR') else 4}f}"
                for values in line["models"].values()
                for head, value in values.items()
            ]
            print(f"| {line['data']} | {line['n']} | {line['long_side']} |", " | ".join(cells), "|")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", choices=["table2", "grid"], help="without it, both")
    parser.add_argument("--data", nargs="+", default=["phantom:4"])
    parser.add_argument("--models", nargs="*", default=SHIPPED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    models = [load(name) for name in options.models]
    data = {spec: datasets.find(spec) for spec in options.data}
    result = {}
    if options.table != "grid":
        result["table2"] = table2(models, next(iter(data.values())))
    if options.table != "table2":
        result["grid"] = grid(models, data)
    if options.json:
        print(json.dumps(result))
        return
    for name, show in (("table2", print_table2), ("grid", print_grid)):
        if name in result:
            show(result[name])


if __name__ == "__main__":
    main()
