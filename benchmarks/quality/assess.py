"""How well `assess` tells faults from none, and the thresholds that it uses.

    python benchmarks/quality/assess.py --data data --thresholds
    python benchmarks/quality/assess.py --data data [--photographs 9] [--strength 1 2] [--json]

With `--thresholds` it prints the limits of `srgan_keras.assessment.recommend`. They are the worst
values of good photographs: the takes of grade C and the references of RIDB's eyes 11 to 20. The
limit for `retake` is three quarters of the least contrast of these eyes.

Otherwise it prints areas under the ROC curve (AUC). The first is that of contrast, between RIDB's
takes of grade A and C, eyes 1 to 10. The table compares clean photographs of five cameras with the
same ones after one planted fault of degradation `clinical`. It has the AUC over all photographs,
and the mean over the cameras. None of these photographs sets a threshold. They are cropped to their
field of view and reduced to 1024 px, as `evaluate` does.
"""

import argparse
import dataclasses
import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from srgan_keras.assessment.measures import Measures, measure
from srgan_keras.assessment.recommend import LIMITS
from srgan_keras.config import Clinical
from srgan_keras.data import fov
from srgan_keras.data.clinical2 import degrade
from srgan_keras.data.photograph import decode_file
from srgan_keras.evaluation.pair_list import read_pairs
from srgan_keras.rounding import to_uint8
from srgan_keras.tables import markdown_table

CAMERAS = {
    "APTOS": "aptos2019/*_images/*.png",
    "DRIVE": "drive/*/images/*",
    "CHASE_DB1": "chase_db1/*.jpg",
    "STARE": "stare/images/*",
    "HRF": "hrf/images/*",
}
MEASURE_OF = {
    "veil": "veil",
    "falloff": "falloff",
    "shadow": "shadow",
    "halo": "halo",
    "dust": "dust",
    "cast": "cast",
    "defocus": "blur",
    "motion": "blur",
    "noise": "noise",
    "jpeg": "blocks",
}
"""The measure that tells each fault."""

FAULTS = (*MEASURE_OF, "lashes")
LONG_SIDE = 1024


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=9, help="of each camera")
    parser.add_argument("--strength", type=float, nargs="+", default=[1.0, 2.0])
    parser.add_argument("--thresholds", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    grades = ridb(options.data / "ridb")
    if options.thresholds:
        print(json.dumps(thresholds(grades), indent=2))
        return
    low = [found for eye, grade, found in grades if eye <= 10 and grade == "A"]
    high = [found for eye, grade, found in grades if eye <= 10 and grade == "C"]
    ours = auc([-found.contrast for found in low], [-found.contrast for found in high])
    colour = np.median([[m.red_green, m.green_blue] for eye, _, m in grades if eye > 10], axis=0)
    rows = faults(options.data, options.photographs, options.strength, colour)
    if options.json:
        print(json.dumps({"grades": ours, "faults": rows}))
        return
    print(f"RIDB, eyes 1 to 10: {len(low)} takes of grade A, {len(high)} of C: AUC {ours:.3f}\n")
    header = ["fault", "measure"]
    header += [f"strength {s:g}: {word}" for s in options.strength for word in ("all", "mean")]
    print(markdown_table(header, [list(row.values()) for row in rows], align=True))


def ridb(folder: Path) -> list[tuple[int, str, Measures]]:
    """Return eye, grade and measures of each take; the grade of a reference is `best`."""
    pairs, _ = read_pairs(folder / "pairs.csv")
    takes = {pair.reference: (int(pair.eye), "best") for pair in pairs}
    takes |= {pair.poor: (int(pair.eye), pair.grade) for pair in pairs}
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda file: measure(decode_file(file)), takes)
        return [(*about, m) for about, m in zip(takes.values(), found, strict=True)]


def thresholds(grades: list[tuple[int, str, Measures]]) -> dict[str, float]:
    """Return LIMITS and RETAKE_CONTRAST of `srgan_keras.assessment.recommend`."""
    good = [m for eye, grade, m in grades if eye > 10 and grade in ("C", "best")]
    limits = {
        name: (min if name == "contrast" else max)(getattr(m, name) for m in good)
        for name in LIMITS
    }
    limits["retake_contrast"] = 0.75 * min(m.contrast for eye, _, m in grades if eye > 10)
    # away from the good photographs, so that rounding flags none of them
    rounded = {
        n: np.floor(v * 1e4) if "contrast" in n else np.ceil(v * 1e4) for n, v in limits.items()
    }
    return {name: float(value) / 1e4 for name, value in rounded.items()}


def faults(
    data: Path, count: int, strengths: list[float], colour: np.ndarray
) -> list[dict[str, str]]:
    """Return a row of AUCs for each fault."""
    shown = [(camera, image) for camera in CAMERAS for image in photographs(data, camera, count)]
    with ThreadPoolExecutor() as pool:
        clean = list(pool.map(lambda item: score(item[1], colour), shown))
        rows = []
        for fault, name in MEASURE_OF.items():
            row = {"fault": fault, "measure": name}
            for strength in strengths:
                make = planted(fault, strength)
                poor = list(pool.map(lambda item, m=make: score(m(item[1]), colour), shown))
                row |= compared(shown, name, poor, clean, strength)
            print(row, flush=True)
            rows.append(row)
    return rows


def photographs(data: Path, camera: str, count: int) -> Iterator[np.ndarray]:
    """Yield evenly chosen photographs of a camera, cropped and reduced."""
    files = sorted(file for file in data.glob(CAMERAS[camera]))
    for i in np.linspace(0, len(files) - 1, count).round().astype(int):
        image, _, _ = fov.cropped_to_fov(decode_file(files[i]), LONG_SIDE)
        yield np.ascontiguousarray(image)


def planted(fault: str, strength: float):  # noqa: ANN201
    """Return a function that spoils a photograph by one fault alone."""
    shares = {f"{name}_share": float(name == fault) for name in FAULTS}
    settings = dataclasses.replace(Clinical(), clean_share=0.0, strength=strength, **shares)
    return lambda image: to_uint8(degrade(image, settings, 1, 0, zlib.crc32(image)))


def score(image: np.ndarray, colour: np.ndarray) -> dict[str, float]:
    """Return the measures, and how far the colour is from RIDB's."""
    found = dataclasses.asdict(measure(image))
    cast = np.hypot(found["red_green"] - colour[0], found["green_blue"] - colour[1])
    return found | {"cast": float(cast)}


def compared(
    shown: list[tuple[str, np.ndarray]],
    name: str,
    poor: list[dict[str, float]],
    clean: list[dict[str, float]],
    strength: float,
) -> dict[str, str]:
    """Return the AUC over all photographs, and the mean over the cameras."""
    values = [
        (camera, p[name], c[name]) for (camera, _), p, c in zip(shown, poor, clean, strict=True)
    ]
    by_camera = [
        auc([p for c, p, _ in values if c == camera], [n for c, _, n in values if c == camera])
        for camera in CAMERAS
    ]
    whole = auc([p for _, p, _ in values], [n for _, _, n in values])
    return {f"all {strength:g}": f"{whole:.2f}", f"mean {strength:g}": f"{np.mean(by_camera):.2f}"}


def auc(poor: list[float], good: list[float]) -> float:
    """Return the share of (poor, good) in which the poor one has the larger value."""
    return float(mannwhitneyu(poor, good).statistic / (len(poor) * len(good)))


if __name__ == "__main__":
    main()
