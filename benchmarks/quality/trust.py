"""Thresholds of the trust maps' flags, and the flags on planted lesions.

    python benchmarks/quality/trust.py [--model MODEL] --data data/aptos2019 data/idrid/images
        [--hr-long-side 512] [--photographs 27] [--pictures DIR] [--json]

A threshold is the 95th percentile over photographs of a map's largest value within `inner`, where
MODEL is a stage 1. Without MODEL it is bicubic. Lesions are planted in three ways:

- invented: into SR;
- erased: into HR before it is degraded to LR, while SR has no lesion;
- without a trace: into SR, which is then changed until it degrades to LR.

Expect `consistency` to flag the first two nearly always and the third never. `uncertainty` depends
only on LR and the model, so it cannot detect a lesion.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from defects import lesion
from matplotlib.figure import Figure

from srgan_keras.data import datasets
from srgan_keras.evaluation import trust
from srgan_keras.evaluation.protocol import Sample, Standard
from srgan_keras.inference.model import load
from srgan_keras.inference.upscaler import Upscaler, back_projected, bicubic

NONE, INVENTED, ERASED = "none", "invented haemorrhage, 8 px", "erased microaneurysm, 2 px"
HIDDEN = "invented microaneurysm, 2 px, without a trace in LR"
SIDE = 96  # px, of a picture

Case = tuple[Sample, np.ndarray]


class Bicubic:
    """Interpolation instead of a model."""

    name, scale, degradation = "bicubic", 4, "bicubic"

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [4 h, 4 w, 3]."""
        return bicubic(image, self.scale)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 in 0..1."""
        return self.upscale(image).astype(np.float32) / 255


def cases(protocol: Standard, sample: Sample, sr: np.ndarray) -> dict[str, Case]:
    """Return sample and SR without a lesion, and with one in the middle of `inner`."""
    centre = middle(sample)
    hr = with_lesion(sample.hr, centre, 2)
    with_it = replace(sample, hr=hr, lr=protocol.degraded(hr, sample.index))
    return {
        NONE: (sample, sr),
        INVENTED: (sample, with_lesion(sr, centre, 8)),
        ERASED: (with_it, sr),
        HIDDEN: (sample, without_trace(protocol, sample.lr, with_lesion(sr, centre, 2))),
    }


def middle(sample: Sample) -> tuple[int, int]:
    """Return x and y."""
    rows, columns = np.nonzero(sample.regions["inner"])
    return int(np.median(columns)), int(np.median(rows))


def with_lesion(image: np.ndarray, centre: tuple[int, int], radius: int) -> np.ndarray:
    """Draw a lesion and round."""
    return np.rint(lesion(image.astype(np.float32), centre, radius)).astype(np.uint8)


def without_trace(protocol: Standard, lr: np.ndarray, sr: np.ndarray) -> np.ndarray:
    """Move SR until it reduces to LR: what is left of a lesion is what LR cannot contradict."""
    floats = sr[np.newaxis].astype(np.float32) / 255
    fixed = Upscaler(lambda _: floats, protocol.scale, 0, 1)
    moved = back_projected(fixed, protocol.degradation, 20)
    return np.rint(moved.network(lr[np.newaxis] / np.float32(255))[0] * 255).astype(np.uint8)


def peaks(found: trust.Maps, scale: int, inside: np.ndarray) -> dict[str, float]:
    """Return the largest mean over an LR pixel of each map that flags, within a mask [H, W]."""
    size = tuple(side // scale for side in inside.shape[::-1])
    within = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    reduced = {
        name: cv2.resize(found[name], size, interpolation=cv2.INTER_AREA)
        for name in trust.THRESHOLDS
    }
    return {name: float(values[within].max(initial=0)) for name, values in reduced.items()}


def draw(shown: dict[str, tuple[Case, trust.Maps]], centre: tuple[int, int], file: Path) -> None:
    """Draw LR, HR, SR and the maps around the lesion, a row a case."""
    left, top = (max(0, c - SIDE // 2) for c in centre)
    part = slice(top, top + SIDE), slice(left, left + SIDE)
    figure = Figure((13, 2.4 * len(shown)), dpi=110, layout="constrained")
    grid = figure.subplots(len(shown), 6, squeeze=False)
    for row, (name, ((sample, sr), found)) in zip(grid, shown.items(), strict=True):
        lr = cv2.resize(sample.lr, sr.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        for axes, title, image in zip(row, ("LR", "HR", "SR"), (lr, sample.hr, sr), strict=False):
            axes.imshow(image[part], interpolation="nearest")
            axes.set_title(title)
        for axes, kind in zip(row[3:], trust.NAMES, strict=False):
            most = 16 if kind == "detail" else 2 * trust.THRESHOLDS[kind]
            limits = {"cmap": "coolwarm", "vmin": -most} if kind == "detail" else {"vmin": 0}
            picture = axes.imshow(found[kind][part], vmax=most, interpolation="nearest", **limits)
            axes.set_title(kind)
            figure.colorbar(picture, ax=axes)
        row[0].set_ylabel(name.replace(", ", ",\n"))
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    figure.savefig(file)


def main() -> None:
    """Print thresholds and how often what is flagged, as Markdown or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--data", nargs="+", default=["phantom:8"])
    parser.add_argument("--split", default="test")
    parser.add_argument("--photographs", type=int, default=27, help="of each data set, at most")
    parser.add_argument("--hr-long-side", type=int, default=512)
    parser.add_argument("--pictures", type=Path, help="folder: the first photograph of each set")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = load(options.model) if options.model else Bicubic()
    protocol = Standard(model.scale, model.degradation, options.hr_long_side)
    found: dict[str, list[dict[str, float]]] = {}
    for spec in options.data:
        photographs = datasets.select(datasets.find(spec), options.split)
        chosen = sorted(photographs, key=lambda p: p.sha256)[: options.photographs]
        for i, photograph in enumerate(chosen):
            sample = protocol.sample(photograph.read(), photograph.mask())
            planted = cases(protocol, sample, protocol.upscale(model, sample))
            x, y = middle(sample)
            near = np.zeros(sample.hr.shape[:2], np.uint8)
            cv2.circle(near, (x, y), 12, 1, -1)
            shown = {}
            for name, (case, sr) in planted.items():
                maps = trust.maps(protocol, model, case, sr)
                inside = sample.regions["inner"] if name == NONE else near > 0
                found.setdefault(name, []).append(peaks(maps, model.scale, inside))
                shown[name] = (case, sr), maps
            if options.pictures and i == 0:
                options.pictures.mkdir(parents=True, exist_ok=True)
                draw(shown, (x, y), options.pictures / f"{photograph.id}.png")
    report(found, options.json)


def report(found: dict[str, list[dict[str, float]]], as_json: bool) -> None:
    """Print the summary of all photographs."""
    values = {
        name: {kind: np.array([v[kind] for v in rows]) for kind in trust.THRESHOLDS}
        for name, rows in found.items()
    }
    summary = {
        "n": len(found[NONE]),
        "percentile_95": {k: float(np.quantile(v, 0.95)) for k, v in values[NONE].items()},
        "thresholds": trust.THRESHOLDS,
        "flagged": {
            name: {k: float(np.mean(v > trust.THRESHOLDS[k])) for k, v in by_map.items()}
            | {
                "either": float(
                    np.mean(np.any([v > trust.THRESHOLDS[k] for k, v in by_map.items()], 0))
                )
            }
            for name, by_map in values.items()
        },
        "median_peak": {
            name: {k: float(np.median(v)) for k, v in by_map.items()}
            for name, by_map in values.items()
        },
    }
    if as_json:
        print(json.dumps(summary))
        return
    print("95th percentiles:", summary["percentile_95"], "thresholds:", trust.THRESHOLDS)
    kinds = [*trust.THRESHOLDS, "either"]
    print(
        f"| lesion, n = {summary['n']} |",
        " | ".join(f"{k}: flagged, median peak" for k in kinds),
        "|",
    )
    print("|---" * (len(kinds) + 1) + "|")
    for name, shares in summary["flagged"].items():
        peak = summary["median_peak"][name]
        cells = [
            f"{100 * shares[k]:.0f} %" + (f", {peak[k]:.2f}" if k in peak else "") for k in kinds
        ]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
