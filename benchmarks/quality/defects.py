"""Response of each metric to planted defects: HR with one defect, measured as if it were SR.

    python benchmarks/quality/defects.py --data data/aptos2019 [--photographs 12] [--json]

Expect each defect to move the metrics that docs/metrics.md names for it, and others by less.
"""

import argparse
import json
from collections.abc import Callable

import cv2
import numpy as np

from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Standard

SHOWN = {
    "inner": ("psnr", "ssim", "band_energy", "grid_energy", "colour_drift"),
    "full": ("ms_ssim", "lr_consistency"),
}
LESION = (90, 20, 10)  # RGB of a haemorrhage


def defects(scale: int, centre: tuple[int, int]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return name -> function of HR uint8 [H, W, 3]; `centre` (x, y) is where a lesion goes."""
    rng = np.random.default_rng(0)
    line = 4.0 * (np.arange(8192) % scale < scale / 2) - 2

    def of(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda hr: np.clip(np.rint(change(hr.astype(np.float32))), 0, 255).astype(np.uint8)

    return {
        "blur, sigma 1.5 px": of(lambda x: cv2.GaussianBlur(x, (0, 0), 1.5)),
        "noise, sigma 4": of(lambda x: x + rng.normal(0, 4, x.shape)),
        "shift by 1 px": of(lambda x: np.roll(x, 1, axis=1)),
        "colour cast, blue + 6": of(lambda x: x + np.array([0, 0, 6])),
        "truncation": of(lambda x: np.floor(x + rng.random(x.shape) - 0.5)),
        "checkerboard, 2 levels": of(
            lambda x: x + (line[: len(x), None] + line[: x.shape[1]])[..., None] / 2
        ),
        "invented haemorrhage, 8 px": of(lambda x: lesion(x, centre, 8)),
    }


def lesion(image: np.ndarray, centre: tuple[int, int], radius: int) -> np.ndarray:
    """Draw a soft dark red spot."""
    spot = cv2.circle(np.zeros(image.shape[:2], np.float32), centre, radius, 1.0, -1)
    share = cv2.GaussianBlur(spot, (0, 0), radius / 4)[..., None]
    return image * (1 - share) + np.array(LESION, np.float32) * share


def measure(protocol: Standard, image: np.ndarray) -> dict[str, list[float]]:
    """Return defect -> the values of SHOWN, in its order, on one photograph."""
    sample = protocol.sample(image)
    rows, columns = np.nonzero(sample.regions["inner"])
    middle = int(np.median(columns)), int(np.median(rows))
    pairs = {name: (sample.hr, f(sample.hr)) for name, f in defects(4, middle).items()}
    with_spot = np.clip(np.rint(lesion(sample.hr.astype(np.float32), middle, 2)), 0, 255)
    pairs["erased microaneurysm, 2 px"] = (with_spot.astype(np.uint8), sample.hr)
    found = {}
    for name, (hr, sr) in pairs.items():
        lr = protocol.degraded(hr, sample.index)
        case = type(sample)(hr, lr, sample.regions, sample.index)
        values = protocol.compare(case, sr)
        found[name] = [values[region][m] for region, names in SHOWN.items() for m in names]
    return found


def main() -> None:
    """Print a Markdown table, or with --json the means."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="phantom:8")
    parser.add_argument("--photographs", type=int, default=12)
    parser.add_argument("--hr-long-side", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    protocol = Standard(4, "bicubic", options.hr_long_side)
    chosen = sorted(datasets.find(options.data), key=lambda p: p.sha256)[: options.photographs]
    all_values = [measure(protocol, p.read()) for p in chosen]
    heads = [f"{metric}_{region}" for region, names in SHOWN.items() for metric in names]
    means = {
        name: dict(zip(heads, np.mean([v[name] for v in all_values], axis=0).tolist(), strict=True))
        for name in all_values[0]
    }
    if options.json:
        print(json.dumps(means))
        return
    print(f"| defect, n = {len(chosen)} |", " | ".join(heads), "|")
    print("|---" * (len(heads) + 1) + "|")
    for name, values in means.items():
        print(f"| {name} |", " | ".join(f"{v:.4g}" for v in values.values()), "|")


if __name__ == "__main__":
    main()
