"""Peak resident memory of upscaling, each case in its own process.

    python benchmarks/inference_memory.py [--model FOLDER] [--side 3000] [--files 100] [--json]

Without a model folder, the model is the paper's generator (16 x 64, x4), untrained. `upscale` and
`serve_bytes` run on one square phantom of 3000 px (12,000 x 12,000 out). `upscale` also runs on 5
and 100 files of 64 px: `grows_mb` is the difference. `seconds` is the duration of a case.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

PROGRAMS = {
    "upscale": """
import sys
from srgan_keras.cli import main
status = main(["upscale", sys.argv[1], sys.argv[2], "--out", sys.argv[3]])
""",
    "serve_bytes": """
import sys, pathlib
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1] + "/saved_model")
file = pathlib.Path(sys.argv[2]).read_bytes()
sr = model.signatures["serve_bytes"](images=tf.constant([file]))["images"][0]
pathlib.Path(sys.argv[3]).write_bytes(sr.numpy())
status = 0
""",
}
REPORT = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
sys.exit(status)
"""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options, Path(scratch))
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, object]:
    """Make the photographs, run the four cases."""
    from srgan_keras.phantoms.phantom import phantom

    model = options.model or untrained(scratch / "model")
    image = phantom(0, 1000).image
    large = scratch / "large.png"
    cv2.imwrite(str(large), cv2.resize(image, (options.side, options.side)))
    for count in (5, options.files):
        (scratch / f"{count}").mkdir()
        for i in range(count):
            part = image[300:364, 300 + i : 364 + i]
            cv2.imwrite(str(scratch / f"{count}" / f"{i}.png"), part)
    results = {
        "upscale": peak("upscale", model, large, scratch / "out"),
        "serve_bytes": peak("serve_bytes", model, large, scratch / "sr.png"),
    }
    for count in (5, options.files):
        source, target = scratch / f"{count}", scratch / f"out{count}"
        results[f"upscale_{count}_files"] = peak("upscale", model, source, target)
    few, many = (results[f"upscale_{count}_files"]["peak_mb"] for count in (5, options.files))
    return {"side": options.side, **results, "grows_mb": round(many - few, 1)}


def untrained(folder: Path) -> Path:
    """Write the model folder of an untrained generator."""
    from srgan_keras import configure
    from srgan_keras.export import model_folder
    from srgan_keras.models.generator import build_generator

    info = {
        "name": "untrained",
        "degradation": {"name": "bicubic", "version": 1},
        "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "training_sha256": [],
        "configuration": {},
    }
    model_folder.save(folder, build_generator(configure.load("paper").generator, 4), info)
    return folder


def peak(program: str, *arguments: Path) -> dict[str, float]:
    """Run a program; return its peak resident memory and its time."""
    start = time.perf_counter()
    command = [sys.executable, "-c", PROGRAMS[program] + REPORT, *map(str, arguments)]
    printed = subprocess.check_output(command, text=True)
    seconds = round(time.perf_counter() - start, 1)
    return {"peak_mb": round(float(printed.split()[-1]), 1), "seconds": seconds}


if __name__ == "__main__":
    main()
