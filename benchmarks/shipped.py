"""Speed of pretrained models against the paper's generator: one square, interleaved.

    python benchmarks/shipped.py [fundus-x4 fundus-x4-fast] [--side 256] [--rounds 5] [--json]

The paper's generator (16 x 64, x4) is untrained and runs the same way as the models: as SavedModel,
with batch normalisation folded. `ratio` is its seconds over a model's, each the best of the rounds,
by type. Expect at least 1.5 of `fundus-x4`, and of `fundus-x4-fast` four times as much.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from interleaved import best_seconds

from srgan_keras import configure
from srgan_keras.export import model_folder
from srgan_keras.inference.model import load
from srgan_keras.machine import has_bfloat16_units, machine
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["fundus-x4", "fundus-x4-fast"])
    parser.add_argument("--side", type=int, default=256, help="LR px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    square = phantom(0, options.side).image[np.newaxis] / np.float32(255)
    ours = [load(name) for name in options.models]
    scale, *others = {model.scale for model in ours}
    if others:
        parser.error("the models have different scales: measure each scale on its own")
    result = {"machine": machine(), "ratio": {}}
    with tempfile.TemporaryDirectory() as scratch:
        info = ours[0].info | {"name": "paper"}
        paper = build_generator(configure.load("paper").generator, scale)
        model_folder.save(Path(scratch) / "paper", paper, info)
        models = [load(Path(scratch) / "paper"), *ours]
        for kind in ["float32"] + ["bfloat16"] * has_bfloat16_units():
            networks = {model.name: model.upscaler(kind).network for model in models}
            calls = {name: partial(network, square) for name, network in networks.items()}
            seconds = best_seconds(calls, options.rounds + 1)  # the first compiles
            ratio = {k: round(seconds["paper"] / s, 2) for k, s in seconds.items() if k != "paper"}
            result["ratio"][kind] = ratio
            megapixels = square[0, ..., 0].size * scale**2 / 1e6
            result[f"mp_per_s_{kind}"] = {k: round(megapixels / s, 3) for k, s in seconds.items()}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
