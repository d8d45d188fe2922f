"""PSNR of blind super-resolution on spoiled LR: how much of the gain is colour, how much detail.

    python benchmarks/quality/blind.py fundus-x4 fundus-x4-real --data data [--photographs 8]

Each photograph of the cameras of `no_harm.py` is reduced to 1,024 px and measured on `inner`. The
rows are

- `clinical`: LR by the default ranges without colour casts, no clean photographs;
- `clinical, matched`: the same SR after each channel has HR's mean and deviation, because a tint is
  easy to undo;
- `clinical, with casts`: the same with the default share of other exposures and colours;
- `clinical, sensor only`: LR without the faults of the frame;
- `clean`: LR of degradation `bicubic`.

Values are means in dB; in parentheses the gain over bicubic with its 95 % interval.
"""

import argparse
import dataclasses
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srgan_keras.config import Clinical
from srgan_keras.data.photograph import decode_file
from srgan_keras.evaluation.protocol import Sample, Standard
from srgan_keras.evaluation.statistics import paired_gain
from srgan_keras.inference.model import Model, load
from srgan_keras.metrics import psnr
from srgan_keras.metrics.agreement import match_levels
from srgan_keras.tables import markdown_table

photographs = runpy.run_path(str(Path(__file__).with_name("no_harm.py")))["photographs"]

CAST = Clinical(clean_share=0.0)
SPOILED = dataclasses.replace(CAST, cast_share=0.0)
FRAME = ("veil", "falloff", "shadow", "sheen", "halo", "lashes", "dust")
SENSOR = dataclasses.replace(SPOILED, **{f"{fault}_share": 0.0 for fault in FRAME})
LONG_SIDE = 1024


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="of one scale, 2 or more")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=8, help="of each camera")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    models = [load(name) for name in options.models]
    scale = models[0].scale
    protocols = {
        "clinical": Standard(scale, "clinical", LONG_SIDE, clinical=SPOILED),
        "clinical, with casts": Standard(scale, "clinical", LONG_SIDE, clinical=CAST),
        "clinical, sensor only": Standard(scale, "clinical", LONG_SIDE, clinical=SENSOR),
        "clean": Standard(scale, "bicubic", LONG_SIDE),
    }
    values: dict[str, dict[str, list[float]]] = {}
    for _, path in tqdm(list(photographs(options.data, options.photographs)), disable=None):
        image = decode_file(path)
        for name, protocol in protocols.items():
            sample = protocol.sample(image)
            for method, found in measured(protocol, sample, models).items():
                values.setdefault(name, {}).setdefault(method, []).append(found[0])
                if name == "clinical":
                    values.setdefault(f"{name}, matched", {}).setdefault(method, []).append(
                        found[1]
                    )
    table = {row: summarised(methods) for row, methods in values.items()}
    if options.json:
        print(json.dumps(table))
        return
    names = ["bicubic", *(model.name for model in models)]
    print(markdown_table(["LR", *names], [[row, *map(cell, table[row].values())] for row in table]))


def measured(
    protocol: Standard, sample: Sample, models: list[Model]
) -> dict[str, tuple[float, float]]:
    """Return PSNR on `inner` of each method, as it is and after matching HR's levels."""
    results = {"bicubic": protocol.baseline("bicubic", sample)}
    results |= {model.name: model.upscale(sample.lr) for model in models}
    inner, hr = sample.regions["inner"], sample.hr
    return {
        name: (psnr(hr, sr, inner), psnr(hr.astype(np.float32), match_levels(hr, sr, inner), inner))
        for name, sr in results.items()
    }


def summarised(methods: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Return mean and gain over bicubic of each method."""
    return {
        name: {"mean": float(np.mean(v)), "gain": paired_gain(v, methods["bicubic"])}
        for name, v in methods.items()
    }


def cell(found: dict[str, Any]) -> str:
    """Return the mean, and the gain with its interval unless it is zero."""
    gain = found["gain"]
    if not gain["mean"]:
        return f"{found['mean']:.2f}"
    low, high = gain["ci95"] or [gain["mean"]] * 2
    return f"{found['mean']:.2f} ({gain['mean']:+.2f}; {low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()
