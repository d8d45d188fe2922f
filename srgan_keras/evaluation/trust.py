"""Trust maps: where SR is to be believed. All but their calibration needs LR and the model alone.

See docs/trust.md for what they show and what they do not.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import calibration
from srgan_keras.evaluation.protocol import Sample, Standard, Upscaler, Values
from srgan_keras.evaluation.self_ensembled import mean_and_deviation

Maps = dict[str, np.ndarray]
"""Name -> float32 [H, W], grey levels, at the size of HR; see `maps`."""

NAMES = ("uncertainty", "consistency", "detail", "departure")

THRESHOLDS = {"uncertainty": 3.5, "consistency": 2.5}
"""Grey levels in an LR pixel from which on detail there is not supported by the input: what
stage 1 stays below on 95 % of real photographs (x4, long side 512 px; benchmarks/trust.py)."""

LEVELS = 16
"""Of a map's PNG for one grey level; it ends at 15.9 grey levels."""

DETAIL_LEVELS = 4
"""Of the PNG of `detail`, which is signed: 128 is zero, and it ends at 31.75 grey levels."""


def maps(
    protocol: Standard,
    model: Upscaler,
    sample: Sample,
    sr: np.ndarray,
    stage1: np.ndarray | None = None,
) -> Maps:
    """Return the trust maps of one SR photograph.

    Args:
        protocol: by which LR was made.
        model: that made SR of the sample's LR.
        sample: HR itself is not looked at.
        sr: uint8 [H, W, 3].
        stage1: what the model's stage 1 made of the same LR, uint8 [H, W, 3].

    Returns:
        `uncertainty`: standard deviation over the eight flips and rotations of LR, root mean square
        over RGB. `consistency`: distance of the degraded SR from LR, root mean square over RGB,
        one value an LR pixel. `detail`: SR - bicubic, mean over RGB, signed. `departure`, where
        `stage1` is given: distance from it, root mean square over RGB.
    """
    _, deviation = mean_and_deviation(model, sample.lr)
    again = protocol.degraded(sr, sample.index)
    error = distance(sample.lr, again)
    bicubic = protocol.baseline("bicubic", sample)
    found = {
        "uncertainty": _rms(deviation * np.float32(255)),
        "consistency": error.repeat(protocol.scale, 0).repeat(protocol.scale, 1),
        "detail": (sr.astype(np.float32) - bicubic).mean(axis=2),
    }
    return found if stage1 is None else found | {"departure": distance(sr, stage1)}


def unsupported(found: Maps, scale: int) -> np.ndarray:
    """Return the LR pixels where detail is not supported by the input, bool [h, w].

    Those where a map's mean over the LR pixel is above its entry of `THRESHOLDS`.
    """
    size = tuple(side // scale for side in found["uncertainty"].shape[::-1])
    reduced = {
        name: cv2.resize(found[name], size, interpolation=cv2.INTER_AREA) for name in THRESHOLDS
    }
    return np.logical_or.reduce([reduced[name] > most for name, most in THRESHOLDS.items()])


def boxes(flags: np.ndarray, scale: int) -> list[list[int]]:
    """Return regions of flagged pixels, [top, left, bottom, right] in px, the largest first.

    Args:
        flags: bool [H, W], at the size of HR.
        scale: what is nearer than two LR px is of one region; a box has an LR px around it.
    """
    side = 2 * scale + 1
    near = cv2.dilate(flags.astype(np.uint8), np.ones((side, side), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    regions = sorted(stats[1:].tolist(), key=lambda region: -region[cv2.CC_STAT_AREA])
    return [[top, left, top + height, left + width] for left, top, width, height, _ in regions]


class Trust:
    """The trust maps of a measurement by protocol `standard`: written, flagged, calibrated.

    Args:
        protocol: by which is measured.
        models: that are measured, by name; the first is the stage 1 that others depart from.
        folder: for the maps, FOLDER/MODEL/ID.MAP.png: see `write`.
    """

    def __init__(self, protocol: Standard, models: dict[str, Upscaler], folder: Path) -> None:
        self.protocol, self.models, self.folder = protocol, models, folder
        self.reference = next(iter(models))
        self._stage1: np.ndarray | None = None
        self._scores: dict[str, dict[str, calibration.Scores]] = {}
        self._regions: dict[str, dict[str, list[list[int]]]] = {}

    def look(
        self, photograph: Photograph, name: str, sample: Sample, sr: np.ndarray
    ) -> dict[str, Values]:
        """Make and write the maps of one SR photograph, of the models in their order.

        Returns:
            For each region the mean `uncertainty`, grey levels, and `unsupported`, the share of its
            pixels that are flagged.
        """
        id_, scale = photograph.id, self.protocol.scale
        if name == self.reference:
            self._stage1 = sr
        stage1 = None if name == self.reference else self._stage1
        found = maps(self.protocol, self.models[name], sample, sr, stage1)
        write(self.folder / name, id_, found)
        flags = unsupported(found, scale).repeat(scale, 0).repeat(scale, 1)
        fov, inner = sample.regions["fov"], sample.regions["inner"]
        self._regions.setdefault(name, {})[id_] = boxes(flags & inner, scale)
        if fov.any():
            error = distance(sample.hr, sr)[fov]
            kept = calibration.scores(photograph.sha256, error, found["uncertainty"][fov])
            self._scores.setdefault(name, {})[id_] = kept
        return {
            region: {
                "uncertainty": _mean(found["uncertainty"], mask),
                "unsupported": _mean(flags, mask),
            }
            for region, mask in sample.regions.items()
        }

    def finish(self) -> tuple[dict[str, Any], dict[tuple[str, str], float]]:
        """Calibrate.

        Returns:
            The entry `trust` of metrics.json, and the coverage by (model, id of photograph).
        """
        record, coverage = {}, {}
        for name, regions in self._regions.items():
            record[name] = {
                "thresholds": THRESHOLDS,
                "flagged": {id_: found for id_, found in regions.items() if found},
                "departs_from": self.reference if name != self.reference else None,
                "calibration": None,
            }
            found = self._scores.get(name, {})
            if len(found) > 1:
                record[name]["calibration"], covered = calibration.calibrate(list(found.values()))
                coverage |= {(name, id_): c for id_, c in zip(found, covered, strict=True)}
        return record, coverage


def write(folder: Path, id_: str, found: Maps) -> None:
    """Write maps as 8-bit PNGs, ID.MAP.png: `LEVELS` (`detail`: `DETAIL_LEVELS`) a grey level."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in found.items():
        zero, levels = _coding(name)
        pixels = np.clip(np.rint(zero + levels * values), 0, 255).astype(np.uint8)
        file = folder / f"{id_}.{name}.png"
        file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def read(folder: Path, id_: str) -> Maps:
    """Return the maps of a photograph that `write` wrote, float32 in grey levels.

    Raises:
        UsageError: one cannot be decoded.
    """
    found = {}
    for name in NAMES:
        file = folder / f"{id_}.{name}.png"
        if not file.is_file():
            continue
        pixels = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            raise UsageError(f"{file} is damaged: evaluate again")
        zero, levels = _coding(name)
        found[name] = (pixels.astype(np.float32) - zero) / levels
    return found


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square over RGB of the difference: uint8 [H, W, 3] -> float32 [H, W]."""
    return _rms(a.astype(np.float32) - b)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(values**2, axis=2))


def _mean(values: np.ndarray, mask: np.ndarray | None) -> float:
    inside = values if mask is None else values[mask]
    return float(inside.mean(dtype=np.float64)) if inside.size else np.nan


def _coding(name: str) -> tuple[int, int]:
    return (128, DETAIL_LEVELS) if name == "detail" else (0, LEVELS)
