"""Masks of the field of view against those that come with DRIVE, or against phantoms' own.

    python benchmarks/quality/fov_masks.py [--data FOLDER] [--version 1 2 3] [--json]

FOLDER is DRIVE's: `*/images/NAME.tif` with `*/mask/NAME_mask.gif` beside it. Prints, for each
version of `fov_mask`, the mean and the worst intersection over union (IoU) and the worst's name.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_keras.data.decode import decode, read_bytes
from srgan_keras.data.fov import fov_mask
from srgan_keras.phantoms.phantom import phantom

Known = tuple[str, np.ndarray, np.ndarray]
"""Name, uint8 RGB [H, W, 3], the true field of view, bool [H, W]."""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--version", type=int, nargs="+", choices=(1, 2, 3), default=[1, 2, 3])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    known = list(drive(options.data) if options.data else phantoms())
    if not known:
        parser.error(f"{options.data} holds no */images/*.tif: give the folder of DRIVE")
    result = {f"version {version}": agreement(known, version) for version in options.version}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def drive(folder: Path) -> Iterator[Known]:
    """Read the photographs and the masks beside them."""
    for file in sorted(folder.glob("*/images/*.tif")):
        with Image.open(file.parent.parent / "mask" / f"{file.stem}_mask.gif") as image:
            expected = np.asarray(image.convert("L")) > 0
        yield file.stem, decode(read_bytes(file)), expected


def phantoms() -> Iterator[Known]:
    """Draw photographs whose field of view is known."""
    for seed in range(16):
        drawn = phantom(seed, 512)
        yield f"phantom {seed}", drawn.image, drawn.fov


def agreement(known: list[Known], version: int) -> dict[str, object]:
    """Return count, mean and worst IoU of the masks found with the known ones."""
    values = {}
    for name, image, expected in known:
        found = fov_mask(image, version)
        values[name] = (found & expected).sum() / (found | expected).sum()
    worst = min(values, key=values.get)
    return {
        "photographs": len(values),
        "mean_iou": round(float(np.mean(list(values.values()))), 4),
        "worst_iou": round(float(values[worst]), 4),
        "worst": worst,
    }


if __name__ == "__main__":
    main()
