"""Protocol `pairs`: agreement of an enhanced poor photograph with a good one of the same eye."""

import csv
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srgan_keras.data.decode import Reason, decode, read_bytes
from srgan_keras.data.listing import printable
from srgan_keras.data.registration import (
    Registration,
    WeakRegistration,
    overlap,
    register,
    warp,
)
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import protocol
from srgan_keras.evaluation.clusters import cluster_gain, cluster_summary
from srgan_keras.evaluation.guarded import note
from srgan_keras.evaluation.pair_list import Pair, read_pairs
from srgan_keras.evaluation.pair_methods import Enhance, fallbacks, methods
from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.segmenter import (
    VESSEL_METRICS,
    Predictor,
    VesselReference,
    load_segmenter,
)
from srgan_keras.evaluation.summarise import FEWEST, Row
from srgan_keras.files import atomic_write, write_json
from srgan_keras.inference.upscaler import FALLBACK
from srgan_keras.metrics.agreement import Reference, field_of_view, halved
from srgan_keras.options import EvaluateOptions
from srgan_keras.output_folder import OutputFolder

log = logging.getLogger(__name__)

SCHEMA = 1
REFERENCE = "reference"
_OPTIONS = ("models", "pairs", "full_size", "segmenter", "guard", "out")
METRICS = ("agreement_green", "agreement_vessels", "psnr", "ssim", *VESSEL_METRICS)
"""In the order of display; those of vessels need a segmenter."""
REGION = "overlap"

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
        full_size: see `pair_methods.methods`.
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
    enhance, shares = methods(models, full_size), fallbacks(models, full_size)
    for pair in tqdm(pairs, desc="measuring", unit="pair", disable=None):
        try:
            measured, read = _measure(pair, enhance, shares, predict, see)
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


def _measure(
    pair: Pair,
    enhance: dict[str, Enhance],
    shares: dict[str, Enhance],
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
        row |= vessels.compare(frame) if vessels else {}
        if name in shares:
            row[FALLBACK] = float(shares[name](poor)[field_of_view(poor)].mean())
        return row, frame

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
    notes += _shares(by_grade | {"all": whole})
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


def _shares(strata: dict[str, Any]) -> list[str]:
    """Return a note for each guarded model: how much of its results fell back, by grade."""
    found: dict[str, dict[str, float | None]] = {}
    for grade, stratum in strata.items():
        for name, values in stratum["models"].items():
            if FALLBACK in values[REGION]:
                found.setdefault(name, {})[grade] = values[REGION][FALLBACK]["mean"]
    return [note(name, shares) for name, shares in found.items()]


def _summarise(rows: list[Row]) -> dict[str, Any]:
    """Return n, eyes, models and gain_over_input."""
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    eyes = [row["eye"] for row in by_model[INPUT]]
    values = {
        name: {m: [row[m] for row in group] for m in (*METRICS, FALLBACK) if m in group[0]}
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
            name: {
                REGION: {
                    m: cluster_gain(v, values[INPUT][m], eyes)
                    for m, v in found.items()
                    if m in values[INPUT]
                }
            }
            for name, found in values.items()
            if name != INPUT
        },
    }


def _write_rows(file: Path, rows: list[Row]) -> None:
    with atomic_write(file) as partly, partly.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, dict.fromkeys(key for row in rows for key in row))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})
