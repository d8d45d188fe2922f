"""Trust maps: where LR supports the detail in SR. Only their calibration needs HR.

docs/trust.md says what they show and what they do not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from srgan_keras.data.degradations import PAIRED
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import calibration
from srgan_keras.evaluation.observer import Observer, Result, Run
from srgan_keras.evaluation.protocol import Author, Method, Sample, Standard
from srgan_keras.evaluation.self_ensembled import mean_and_deviation
from srgan_keras.output_folder import OutputFolder

Maps = dict[str, np.ndarray]
"""Name -> float32 [H, W], grey levels, at the size of HR; see `maps`."""

NAMES = ("uncertainty", "consistency", "detail", "departure")

THRESHOLDS = {"uncertainty": 3.5, "consistency": 2.5}
"""Grey levels above which LR does not support the detail in one of its pixels.

Stage 1 stays below them on 95 % of real photographs (x4, long side 512 px). They come from
benchmarks/quality/trust.py.
"""

LEVELS = 16
"""Steps of a map's PNG for one grey level; the PNG ends at 15.9 grey levels."""

DETAIL_LEVELS = 4
"""Steps of the PNG of `detail`, which is signed: 128 is zero, and it ends at 31.75 grey levels."""


def maps(
    protocol: Standard,
    model: Method,
    sample: Sample,
    sr: np.ndarray,
    stage1: np.ndarray | None = None,
) -> Maps:
    """Return the trust maps of one SR photograph.

    Args:
        protocol: the protocol that made LR.
        model: the model that made SR from LR.
        sample: LR and its index; HR is not used.
        sr: uint8 [H, W, 3].
        stage1: SR by the model's stage 1 from the same LR, uint8 [H, W, 3].

    Returns:
        `uncertainty`: standard deviation over the eight flips and rotations of LR, root mean square
        over RGB. `consistency`: distance of the degraded SR from LR, root mean square over RGB,
        one value for each LR pixel; a paired dataset has none. `detail`: SR - bicubic (at scale 1
        SR - LR), mean over RGB, signed. `departure`, where `stage1` is given: distance from it,
        root mean square over RGB.
    """
    _, deviation = mean_and_deviation(model, sample.lr)
    found = {"uncertainty": _rms(deviation * np.float32(255))}
    if protocol.degradation != PAIRED:  # which operator made LR of a pair is unknown
        error = distance(sample.lr, protocol.degraded(sr, sample.index))
        found["consistency"] = error.repeat(protocol.scale, 0).repeat(protocol.scale, 1)
    reference = protocol.baseline(protocol.reference, sample)
    found["detail"] = (sr.astype(np.float32) - reference).mean(axis=2)
    return found if stage1 is None else found | {"departure": distance(sr, stage1)}


def unsupported(found: Maps, scale: int) -> np.ndarray:
    """Return the LR pixels that do not support the detail in SR, bool [h, w].

    There a map's mean over the LR pixel is above its entry in `THRESHOLDS`.
    """
    size = tuple(side // scale for side in found["uncertainty"].shape[::-1])
    return np.logical_or.reduce(
        [
            cv2.resize(found[name], size, interpolation=cv2.INTER_AREA) > most
            for name, most in THRESHOLDS.items()
            if name in found
        ]
    )


def boxes(flags: np.ndarray, scale: int) -> list[list[int]]:
    """Return regions of flagged pixels, [top, left, bottom, right] in px, the largest first.

    Args:
        flags: bool [H, W], at the size of HR.
        scale: flags nearer than two LR px form one region, and a box has a margin of one LR px.
    """
    side = 2 * scale + 1
    near = cv2.dilate(flags.astype(np.uint8), np.ones((side, side), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    regions = sorted(stats[1:].tolist(), key=lambda region: -region[cv2.CC_STAT_AREA])
    return [[top, left, top + height, left + width] for left, top, width, height, _ in regions]


class Trust(Observer):
    """Writes, flags and calibrates the trust maps of the models under protocol `standard`.

    The maps are OUT/trust/MODEL/ID.MAP.png: see `write`. The first model is the stage 1 from which
    the others depart.
    """

    def __init__(self) -> None:
        self._scores: dict[str, dict[str, calibration.Scores]] = {}
        self._regions: dict[str, dict[str, list[list[int]]]] = {}

    def start(
        self, protocols: Sequence[Standard | Author], models: dict[str, Method], out: Path
    ) -> None:
        """Choose the models and the folder of the maps."""
        del protocols
        self._models, self._output = models, OutputFolder(out)
        self._reference = next(iter(models), None)

    def photograph(self, photograph: Photograph, image: np.ndarray) -> None:
        """Remember the photograph whose results follow."""
        del image
        self._photograph = photograph

    def measured(self, result: Result) -> str | None:
        """Write the maps of a model's SR, and add to its values.

        Each region gets the mean `uncertainty`, grey levels, and `unsupported`, the share of its
        pixels that are flagged.
        """
        protocol, sample, name, sr = result.protocol, result.sample, result.name, result.sr
        if name not in self._models or not isinstance(protocol, Standard):
            return None
        id_ = self._photograph.id
        if name == self._reference:
            self._stage1 = sr
        stage1 = None if name == self._reference else self._stage1
        found = maps(protocol, self._models[name], sample, sr, stage1)
        self._output.claim(*(f"trust/{name}/{_file(id_, kind)}" for kind in found))
        write(self._output.path / "trust" / name, id_, found)
        flags = unsupported(found, protocol.scale)
        flags = flags.repeat(protocol.scale, 0).repeat(protocol.scale, 1)
        fov, inner = sample.regions["fov"], sample.regions["inner"]
        self._regions.setdefault(name, {})[id_] = boxes(flags & inner, protocol.scale)
        if fov.any():
            error = distance(sample.hr, sr)[fov]
            kept = calibration.scores(self._photograph.sha256, error, found["uncertainty"][fov])
            self._scores.setdefault(name, {})[id_] = kept
        for region, mask in sample.regions.items():
            result.values[region]["uncertainty"] = _mean(found["uncertainty"], mask)
            result.values[region]["unsupported"] = _mean(flags, mask)
        return "trust maps"

    def files(self, id_: str) -> list[str]:
        """Name the maps of a photograph; a model may have fewer."""
        return [f"trust/{name}/{_file(id_, kind)}" for name in self._models for kind in NAMES]

    def taken(self) -> Any:  # noqa: ANN401
        """Return the scores and boxes since the last call, and forget them."""
        scores = {
            name: {id_: each.as_json() for id_, each in found.items()}
            for name, found in self._scores.items()
        }
        facts = {"scores": scores, "regions": self._regions}
        self._scores, self._regions = {}, {}
        return facts

    def learn(self, facts: Any) -> None:  # noqa: ANN401
        """Add what `taken` returned."""
        for name, found in facts["regions"].items():
            self._regions.setdefault(name, {}).update(found)
        for name, found in facts["scores"].items():
            kept = {id_: calibration.Scores.of_json(values) for id_, values in found.items()}
            self._scores.setdefault(name, {}).update(kept)

    def finish(self, run: Run) -> str | None:
        """Calibrate: add the entry `trust`, and the interval's coverage to the rows of `fov`."""
        if not isinstance(run.protocol, Standard):
            return None
        coverage: dict[tuple[str, str], float] = {}
        for name, regions in self._regions.items():
            run.trust[name] = {
                "thresholds": THRESHOLDS,
                "flagged": {id_: found for id_, found in regions.items() if found},
                "departs_from": self._reference if name != self._reference else None,
                "calibration": None,
            }
            found = self._scores.get(name, {})
            if len(found) > 1:
                record, covered = calibration.calibrate(list(found.values()))
                run.trust[name]["calibration"] = record
                coverage |= {(name, id_): c for id_, c in zip(found, covered, strict=True)}
        for row in run.rows:
            if row["region"] == "fov" and (row["model"], row["id"]) in coverage:
                row["coverage"] = coverage[row["model"], row["id"]]
        return "calibration"


def write(folder: Path, id_: str, found: Maps) -> None:
    """Write maps as 8-bit PNGs, ID.MAP.png: `LEVELS` (`detail`: `DETAIL_LEVELS`) a grey level."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in found.items():
        zero, levels = _coding(name)
        pixels = np.clip(np.rint(zero + levels * values), 0, 255).astype(np.uint8)
        file = folder / _file(id_, name)
        file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def read(folder: Path, id_: str) -> Maps:
    """Read the maps that `write` wrote for a photograph, float32 in grey levels.

    Raises:
        UsageError: a file cannot be decoded.
    """
    found = {}
    for name in NAMES:
        file = folder / _file(id_, name)
        if not file.is_file():
            continue
        try:
            with Image.open(file) as image:
                pixels = np.asarray(image)
        except (OSError, SyntaxError):
            raise UsageError(f"{file} is damaged. Run `evaluate` again.") from None
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


def _file(id_: str, name: str) -> str:
    return f"{id_}.{name}.png"


def _coding(name: str) -> tuple[int, int]:
    return (128, DETAIL_LEVELS) if name == "detail" else (0, LEVELS)
