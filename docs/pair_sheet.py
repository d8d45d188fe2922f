"""Draw real pairs before and after a model, beside the good photograph, at full size.

    python docs/pair_sheet.py fundus-restore --pairs data/ridb/pairs.csv --grade A --out runs/sheet

Each pair is one PNG file: the poor photograph, the result, and the good photograph, all on the good
one's grid. The pictures show real eyes: keep them out of public places.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from srgan_keras.data.decode import decode, read_bytes
from srgan_keras.evaluation.pair_list import read_pairs
from srgan_keras.evaluation.pairs import methods
from srgan_keras.evaluation.registration import register, warp
from srgan_keras.inference.model import load


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="of scale 1; a larger scale upscales a reduced photograph")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--grade", default="A")
    parser.add_argument("--count", type=int, default=6, help="evenly chosen pairs")
    parser.add_argument("--out", type=Path, default=Path("runs/sheet"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    enhance = list(methods([load(options.model)]).values())[-1]
    pairs = [pair for pair in read_pairs(options.pairs)[0] if pair.grade == options.grade]
    chosen = np.linspace(0, len(pairs) - 1, min(options.count, len(pairs))).round().astype(int)
    for pair in tqdm([pairs[i] for i in chosen], disable=None):
        poor, good = (decode(read_bytes(path), path) for path in (pair.poor, pair.reference))
        found = pair.homography
        if found is None:
            found = register(poor, good).homography
        frames = [warp(frame, found, good.shape) for frame in (poor, enhance(poor))]
        labelled = map(label, (*frames, good), ("poor", options.model, "good"))
        Image.fromarray(np.hstack(list(labelled))).save(options.out / f"{pair.poor.stem}.png")


def label(image: np.ndarray, text: str) -> np.ndarray:
    """Write a name into the upper left corner."""
    white, font = (255, 255, 255), cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(image.copy(), text, (10, 40), font, 1.2, white, 2, cv2.LINE_AA)


if __name__ == "__main__":
    main()
