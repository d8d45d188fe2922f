"""Protocol `pairs`: agreement of an enhanced poor photograph with a good one of the same eye."""

import csv
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from srgan_keras.data.decode import Reason, decode, read_bytes
from srgan_keras.data.degradations import degrade
from srgan_keras.data.listing import printable
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import protocol
from srgan_keras.evaluation.clusters import cluster_gain, cluster_summary
from srgan_keras.evaluation.filters import FILTERS
from srgan_keras.evaluation.pair_list import Pair, read_pairs
from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.registration import (
    Registration,
    WeakRegistration,
    overlap,
    register,
    warp,
)
from srgan_keras.evaluation.segmenter import (
    VESSEL_METRICS,
    Predictor,
    VesselReference,
    load_segmenter,
)
from srgan_keras.evaluation.summarise import FEWEST, Row
from srgan_keras.files import atomic_write, write_json
from srgan_keras.inference.upscaler import bicubic
from srgan_keras.metrics.agreement import Reference, halved
from srgan_keras.options import EvaluateOptions
from srgan_keras.output_folder import OutputFolder

log = logging.getLogger(__name__)

SCHEMA = 1
REFERENCE = "reference"
_OPTIONS = ("models", "pairs", "full_size", "segmenter", "out")
METRICS = ("agreement_green", "agreement_vessels", "psnr", "ssim", *VESSEL_METRICS)
"""In the order of display; those of vessels need a segmenter."""
REGION = "overlap"

Enhance = Callable[[np.ndarray], np.ndarray]
"""The poor photograph, uint8 RGB [H, W, 3] -> the enhanced one, of the same size and type."""

See = Callable[[list[Row], dict[str, np.ndarray]], None]
"""Sees a pair's rows, and its frames by method: on the reference's grid at half size, uint8 RGB.
The last frame is `REFERENCE`.
"""


def evaluate_pairs(
    models: Sequence[protocol.Method],
    source: Path,
    out: Path,
    full_size: bool = False,
    segmenter: Path | None = None,
    see: See | None = None,
) -> dict[str, Any]:
    """Measure and write `metrics.json` and `per_pair.csv` into `out`.

    Args:
        models: may be none: the untouched photograph and the filters alone.
        source: folder or table, see `pair_list.read_pairs`.
        out: a folder, made where it does not exist.
        full_size: see `methods`.
        segmenter: a training's folder, see `segmenter.load_segmenter`; adds its metrics.
        see: called after each pair, for example to keep pictures.

    Returns:
        The contents of metrics.json: schema and one run. The run has protocol, data, n (pairs),
        eyes, models, gain_over_input, strata by grade, notes, rejected and failed. The values come
        from `clusters.cluster_summary`. `rejected` holds weakly registered pairs and photographs
        without a partner, `failed` holds files that cannot be decoded, each with its reason.

    Raises:
        UsageError: no pairs, none that can be measured, or no segmenter in the folder.
    """
    predict = load_segmenter(segmenter) if segmenter else None
    pairs, alone = read_pairs(source)
    rejected = [{"poor": name, "reason": "no photograph of the same name"} for name in alone]
    for name in alone:
        log.warning("%s is skipped: no photograph of the same name", name)
    rows: list[Row] = []
    failed: list[dict[str, str]] = []
    hashes: set[str] = set()
    output = OutputFolder(out)
    output.refuse_inputs(*(path for pair in pairs for path in (pair.poor, pair.reference)))
    output.claim("metrics.json", "per_pair.csv", "report.html")
    output.check_folders("gallery")
    output.remove("gallery")  # of an earlier evaluation
    enhance = methods(models, full_size)
    for pair in tqdm(pairs, desc="measuring", unit="pair", disable=None):
        try:
            measured, read = _measure(pair, enhance, predict, see)
        except (WeakRegistration, Reason) as error:
            log.warning("%s is skipped: %s", pair.poor, error)
            target = failed if isinstance(error, Reason) else rejected
            target.append(_names(pair) | {"reason": str(error)})
            continue
        rows += measured
        hashes |= read
    if not rows:
        raise UsageError(
            f"no pair could be measured; the first: {(failed + rejected)[0]['reason']}"
        )
    run = _run(rows, models, source, sorted(hashes), full_size)
    run["protocol"]["segmenter"] = str(segmenter) if segmenter else None
    result = {"schema": SCHEMA, "runs": [run | {"rejected": rejected, "failed": failed}]}
    _write_rows(out / "per_pair.csv", rows)
    write_json(out / "metrics.json", result, indent=1)
    return result


def chosen(options: EvaluateOptions) -> bool:
    """Return whether `evaluate` measures pairs of photographs.

    Raises:
        UsageError: neither or both of --data and --pairs, or an option of the other one.
    """
    if (options.data is None) == (options.pairs is None):
        raise UsageError("`evaluate` needs either --data or --pairs")
    if options.pairs is None:
        if options.full_size:
            raise UsageError("--full-size is an option of --pairs only")
        if options.segmenter:
            raise UsageError("--segmenter is an option of --pairs only")
        return False
    plain = EvaluateOptions()
    for field in fields(options):
        if field.name not in _OPTIONS and getattr(options, field.name) != getattr(
            plain, field.name
        ):
            name = field.name.replace("_", "-")
            raise UsageError(f"--{name} is an option of --data only")
    return True


def methods(models: Sequence[protocol.Method], full_size: bool = False) -> dict[str, Enhance]:
    """Return the rows of the protocol in their order: input, filters, and each model.

    A model of scale 1 has the row NAME. A model of scale s > 1 has the row NAME-reduced: the poor
    photograph is reduced by s (`bicubic`) and upscaled again, beside bicubic-xS-reduced. With
    `full_size` it also has the row NAME: the poor photograph itself is upscaled. Area averaging
    reduces that SR by s again, because all rows are compared at one size.
    """
    found: dict[str, Enhance] = {INPUT: lambda image: image} | FILTERS
    for scale in sorted({model.scale for model in models if model.scale > 1}):
        found[f"bicubic-x{scale}-reduced"] = partial(_reduced, partial(bicubic, scale=scale), scale)
    for model in models:
        name, number = model.name, 2
        while {name, f"{name}-reduced"} & found.keys():
            name, number = f"{model.name}-{number}", number + 1
        if model.scale > 1:
            found[f"{name}-reduced"] = partial(_reduced, model.upscale, model.scale)
        if model.scale == 1 or full_size:
            found[name] = partial(_full_size, model.upscale)
    return found


def _reduced(upscale: Enhance, scale: int, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    margin = (0, -height % scale, 0, -width % scale)
    whole = cv2.copyMakeBorder(image, *margin, cv2.BORDER_REPLICATE)
    lr = degrade(whole[np.newaxis], "bicubic", scale)[0].numpy()
    return upscale(lr)[:height, :width]


def _full_size(upscale: Enhance, image: np.ndarray) -> np.ndarray:
    return cv2.resize(upscale(image), image.shape[1::-1], interpolation=cv2.INTER_AREA)


def _measure(
    pair: Pair,
    enhance: dict[str, Enhance],
    predict: Predictor | None,
    see: See | None,
) -> tuple[list[Row], set[str]]:
    """Return a row for each method, and the hashes of both files."""
    paths = (pair.poor, pair.reference)
    files = [read_bytes(path) for path in paths]
    poor, reference = map(decode, files, paths)
    found = register(poor, reference) if pair.homography is None else Registration(pair.homography)
    mask = overlap(poor, reference, found.homography)
    good = Reference(reference, mask)
    vessels = VesselReference(predict, good.image, good.mask) if predict else None
    share = np.count_nonzero(mask) / mask.size
    keys = _names(pair) | {"inliers": found.inliers, "overlap": share}

    def compared(name: str) -> tuple[Row, np.ndarray]:
        warped = warp(enhance[name](poor), found.homography, reference.shape)
        row, frame = keys | {"model": name} | good.compare(warped), halved(warped)
        return row | (vessels.compare(frame) if vessels else {}), frame

    with ThreadPoolExecutor() as pool:
        rows, frames = zip(*pool.map(compared, enhance), strict=True)
    if see:
        see(list(rows), dict(zip(enhance, frames, strict=True)) | {REFERENCE: good.image})
    return list(rows), {hashlib.sha256(data).hexdigest() for data in files}


def _names(pair: Pair) -> dict[str, str]:
    return {
        "eye": printable(pair.eye),
        "poor": printable(pair.poor.name),
        "reference": printable(pair.reference.name),
        "grade": pair.grade,
    }


def _run(
    rows: list[Row],
    models: Sequence[protocol.Method],
    source: Path,
    hashes: list[str],
    full_size: bool,
) -> dict[str, Any]:
    whole = _summarise(rows)
    grades = sorted({row["grade"] for row in rows})
    by_grade = {g or "none given": _summarise([r for r in rows if r["grade"] == g]) for g in grades}
    notes = []
    if whole["eyes"] < FEWEST:
        notes.append(
            f"{whole['eyes']} eyes: the 95 % intervals of fewer than {FEWEST} eyes are too narrow"
        )
    seen = {
        model.name: count
        for model in models
        if (count := len(set(hashes) & set(getattr(model, "info", {}).get("training_sha256", ()))))
    }
    notes += [f"{name} was trained on {count} of these files" for name, count in seen.items()]
    return {
        "protocol": {"name": "pairs", "full_size": full_size, "region": REGION},
        "data": {
            "source": str(source),
            "sha256": hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
            "seen_in_training": seen,
        },
        "notes": notes,
        "strata": {"grade": by_grade} if len(grades) > 1 else {},
    } | whole


def _summarise(rows: list[Row]) -> dict[str, Any]:
    """Return n, eyes, models and gain_over_input."""
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    eyes = [row["eye"] for row in by_model[INPUT]]
    metrics = [metric for metric in METRICS if metric in rows[0]]
    values = {
        name: {metric: [row[metric] for row in group] for metric in metrics}
        for name, group in by_model.items()
    }
    return {
        "n": len(eyes),
        "eyes": len(set(eyes)),
        "models": {
            name: {REGION: {m: cluster_summary(v, eyes) for m, v in found.items()}}
            for name, found in values.items()
        },
        "gain_over_input": {
            name: {REGION: {m: cluster_gain(v, values[INPUT][m], eyes) for m, v in found.items()}}
            for name, found in values.items()
            if name != INPUT
        },
    }


def _write_rows(file: Path, rows: list[Row]) -> None:
    with atomic_write(file) as partly, partly.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})
