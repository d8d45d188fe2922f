"""Upscaling from file to file: a small model against a large one, and against its parts added up.

    python benchmarks/file_to_file.py [--models fundus-x4 fundus-x4-fast] [--data DATASET]
        [--count 3] [--rounds 3] [--json]

The photographs are the first of DATASET with up to `--megapixels` (default 1), as PNG files.
Prints seconds for all of them, each the best of the interleaved rounds:

- `upscale`: from file to file, as the command does it, for each model in float32 and, on a
  processor with units for it, in bfloat16;
- `decode`, `encode`: OpenCV's reading of the photographs, and writing of results, PNG level 1;
- `network`: the model alone on as many pixels as the field of view has, in squares of 256 px.

`small_vs_large` is the ratio of the models' `upscale`, and `over_parts` that of the last model's
`upscale` over its decode, encode and network added up. Reading and writing overlap computing, so it
can be below 1. Expect at least 3, and at most 1.3.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from interleaved import best_seconds
from photographs import LEVEL_1, chosen

from srgan_keras.data.fov import fov_mask
from srgan_keras.inference.jobs import Job
from srgan_keras.inference.model import load
from srgan_keras.inference.upscale_files import run
from srgan_keras.machine import has_bfloat16_units, machine
from srgan_keras.options import UpscaleOptions

SIDE = 256


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs=2, default=["fundus-x4", "fundus-x4-fast"])
    parser.add_argument("--data", default="phantom:3")
    parser.add_argument("--count", type=int, default=3, help="photographs")
    parser.add_argument("--megapixels", type=float, default=1, help="of the largest photograph")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    most = options.megapixels * 1e6
    images = chosen(options.data, options.count, lambda image: image[..., 0].size <= most)
    if not images:
        parser.error(f"{options.data} has no photograph of up to {options.megapixels} megapixels")
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options, images, Path(scratch))
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def measure(
    options: argparse.Namespace, images: list[np.ndarray], scratch: Path
) -> dict[str, object]:
    """Time the models and the parts of both in turn."""
    files = [scratch / f"{i}.png" for i in range(len(images))]
    for file, image in zip(files, images, strict=True):
        cv2.imwrite(str(file), image[..., ::-1], LEVEL_1)
    models = [load(name) for name in options.models]
    scale = models[0].scale
    results = [cv2.resize(image, None, fx=scale, fy=scale) for image in images]
    retina = sum(np.count_nonzero(fov_mask(image)) for image in images)
    square = cv2.resize(images[0], (SIDE, SIDE))[np.newaxis] / np.float32(255)
    types = ["float32"] + ["bfloat16"] * has_bfloat16_units()
    calls = {
        "decode": lambda: [cv2.imread(str(file)) for file in files],
        "encode": lambda: [cv2.imwrite(str(scratch / "sr.png"), sr, LEVEL_1) for sr in results],
    }
    for model in models:
        for kind in types:
            upscaler = model.upscaler(kind)
            request = UpscaleOptions("", (), scratch / "out")
            jobs = [Job(file, file.name) for file in files]
            calls[f"upscale {model.name} {kind}"] = partial(run, upscaler, jobs, request)
            calls[f"network {model.name} {kind}"] = partial(upscaler.network, square)
    seconds = best_seconds(calls, options.rounds + 1)  # the first compiles
    for name in seconds:
        if name.startswith("network"):
            seconds[name] *= retina / SIDE**2
    large, small = (model.name for model in models)
    ratios = {"small_vs_large": {}, "over_parts": {}}
    for kind in types:
        whole = seconds[f"upscale {small} {kind}"]
        parts = seconds["decode"] + seconds["encode"] + seconds[f"network {small} {kind}"]
        ratios["small_vs_large"][kind] = round(seconds[f"upscale {large} {kind}"] / whole, 2)
        ratios["over_parts"][kind] = round(whole / parts, 2)
    return {
        "machine": machine(),
        "photographs": [list(image.shape[1::-1]) for image in images],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        **ratios,
    }


if __name__ == "__main__":
    main()
