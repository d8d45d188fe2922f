"""Speed of a pretrained model against the paper's generator: one square, interleaved.

    python benchmarks/shipped.py [--model fundus-x4] [--side 256] [--rounds 5] [--json]

The paper's generator (16 x 64, x4) is untrained and runs the same way as ours: as SavedModel, with
batch normalisation folded. `ratio` is its seconds over ours, each the best of the rounds, by type.
Expect at least 1.5 of `fundus-x4`.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from srgan_keras import configure
from srgan_keras.export import model_folder
from srgan_keras.inference.model import load
from srgan_keras.machine import has_bfloat16_units, machine
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="fundus-x4")
    parser.add_argument("--side", type=int, default=256, help="LR px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    square = phantom(0, options.side).image[np.newaxis] / np.float32(255)
    ours = load(options.model)
    result = {"machine": machine(), "model": ours.name, "ratio": {}}
    with tempfile.TemporaryDirectory() as scratch:
        info = ours.info | {"name": "paper"}
        paper = build_generator(configure.load("paper").generator, ours.scale)
        model_folder.save(Path(scratch) / "paper", paper, info)
        models = {"paper": load(Path(scratch) / "paper"), "ours": ours}
        for kind in ["float32"] + ["bfloat16"] * has_bfloat16_units():
            networks = {name: model.upscaler(kind).network for name, model in models.items()}
            seconds = dict.fromkeys(networks, float("inf"))
            for _ in range(options.rounds + 1):  # the first is never the best: it compiles
                for name, network in networks.items():
                    start = time.perf_counter()
                    network(square)
                    seconds[name] = min(seconds[name], time.perf_counter() - start)
            result["ratio"][kind] = round(seconds["paper"] / seconds["ours"], 2)
            megapixels = square[0, ..., 0].size * ours.scale**2 / 1e6
            result[f"mp_per_s_{kind}"] = {k: round(megapixels / s, 3) for k, s in seconds.items()}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
