"""The tables of PAPER.md that need no model, or are to be filled by one.

    python benchmarks/paper.py --table table2 --data data/aptos2019 [--models MODEL ...] [--json]
    python benchmarks/paper.py --table grid --data data/aptos2019 data/idrid/images/test

`table2` is protocol `author`: rows beside the paper's, the cost of truncating to 8 bit, what the
mask grey > 127 covers. `grid` is protocol `standard`, at scales 2 and 4 and long sides of 512, 1024
and 2048 px; models are measured at their own scale.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srgan_keras import metrics
from srgan_keras.data import sources
from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluation.evaluate import evaluate
from srgan_keras.evaluation.protocol import Author, Standard
from srgan_keras.inference import model_folder

BRIGHT = ("psnr", "ssim", "bright_precision", "bright_recall", "bright_f1")
SIDES, SCALES = (512, 1024, 2048), (2, 4)
SHARES = (0.0, 0.001, 0.01)
"""Of a photograph's pixels that are bright, from which on F1 is averaged."""


def run(models: list, photographs: list[Photograph], protocol: Author | Standard) -> dict[str, Any]:
    """Measure, and return the run of metrics.json."""
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(models, photographs, [protocol], Path(folder))["runs"][0]


def table2(models: list, photographs: list[Photograph]) -> dict[str, Any]:
    """Return the rows, the cost of truncation, and the figures of the mask."""
    rows = {}
    for rounding in ("truncate", "nearest"):
        means = run(models, photographs, Author(rounding))["models"]
        for name, values in means.items():
            label = name if name not in {m.name for m in models} else f"{name}, {rounding}"
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
    """Return PSNR and SSIM of bicubic and of the models of each scale, by data and long side."""
    lines = []
    for spec, photographs in data.items():
        for scale in SCALES:
            own = [m for m in models if m.scale == scale]
            for side in SIDES:
                found = run(own, photographs, Standard(scale, "bicubic", side))
                means = {
                    name: {
                        f"{metric}_{region}": found["models"][name][region][metric]["mean"]
                        for metric, region in (
                            ("psnr", "full"),
                            ("psnr", "inner"),
                            ("ssim", "inner"),
                        )
                    }
                    for name in ("bicubic", "lanczos", *(m.name for m in own))
                }
                key = {"data": spec, "n": found["n"], "scale": scale, "long_side": side}
                lines.append(key | {"models": means})
    return lines


def print_table2(found: dict[str, Any]) -> None:
    """Print as Markdown."""
    print(f"| n = {found['n']} | PSNR | SSIM | precision | recall | F1 |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, values in found["rows"].items():
        psnr, *others = (values[m] for m in BRIGHT)
        print(f"| {name} | {psnr:.3f} |", " | ".join(f"{v:.4f}" for v in others), "|")
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
    """Print as Markdown, a row a model."""
    print("| photographs | n | scale | long side | | PSNR full | PSNR inner | SSIM inner |")
    print("|---|---:|---:|---:|---|---:|---:|---:|")
    for line in lines:
        for name, values in line["models"].items():
            full, inner, ssim = values.values()
            keys = f"{line['data']} | {line['n']} | x{line['scale']} | {line['long_side']} | {name}"
            print(f"| {keys} | {full:.3f} | {inner:.3f} | {ssim:.4f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", choices=["table2", "grid"], default="table2")
    parser.add_argument("--data", nargs="+", default=["phantom:4"])
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    models = [model_folder.load(name) for name in options.models]
    data = {spec: sources.find(spec) for spec in options.data}
    if options.table == "grid":
        found, show = grid(models, data), print_grid
    else:
        found, show = table2(models, [p for part in data.values() for p in part]), print_table2
    print(json.dumps(found)) if options.json else show(found)


if __name__ == "__main__":
    main()
