"""Measure models beside interpolation: metrics.json, per_image.csv, report.html."""

import csv
import hashlib
import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from srgan_keras.configure import validate_clinical
from srgan_keras.data import datasets, prepared
from srgan_keras.data.degradations import DEGRADATIONS
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.evaluation import pairs
from srgan_keras.evaluation.clock import Clock
from srgan_keras.evaluation.protocol import (
    BASELINES,
    Author,
    Features,
    Standard,
    Upscaler,
    measure,
    vgg_features,
)
from srgan_keras.evaluation.self_ensembled import SelfEnsembled
from srgan_keras.evaluation.summarise import Row, small_sample, strata, summarise
from srgan_keras.evaluation.trust import Trust
from srgan_keras.inference.model import Model, load
from srgan_keras.inference.plain_saved_model import MARK, PlainSavedModel
from srgan_keras.options import EvaluateOptions
from srgan_keras.report import page as report
from srgan_keras.report.gallery import Gallery
from srgan_keras.report.markdown import table
from srgan_keras.report.pairs import table as pairs_table

log = logging.getLogger(__name__)

SCHEMA = 1


def evaluate(
    models: Sequence[Upscaler],
    photographs: Sequence[Photograph],
    protocols: Sequence[Standard | Author],
    out: Path,
    source: str | None = None,
    features: Features | None = None,
    trust: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Measure and write `metrics.json`, `per_image.csv` and the pictures of `gallery/` into `out`.

    Args:
        models: may be none: the baselines alone.
        photographs: read one at a time; one that cannot be measured is named and left out.
        protocols: each makes one run of the result; the pictures are of the first.
        out: a folder, made where it does not exist.
        source: SPEC of the photographs, for the record.
        features: of `protocol.vgg_features`, for vgg_distance; without them it is not measured.
        trust: make the models' trust maps of protocol `standard`, in `out/trust`.
        clock: gets the seconds of each part; a block of `metrics` is one row of one photograph.

    Returns:
        The contents of metrics.json: schema and runs, each with protocol, data, n, models,
        gain_over_bicubic, strata, notes, failed, and trust (by model, see `trust.Trust.finish`);
        see `statistics.summary` for the values.

    Raises:
        UsageError: no photographs, none that can be measured, or a model of another scale.
    """
    if not photographs:
        raise UsageError("no photographs to measure: choose another --split or --data")
    named = _names(models)
    for protocol in protocols:
        _check_models(protocol, named)
    _make_folder(out)
    rows: list[list[Row]] = [[] for _ in protocols]
    failed: list[dict[str, str]] = []
    clock = clock or Clock()
    trusts = [
        Trust(protocol, named, out / "trust")
        if trust and named and isinstance(protocol, Standard)
        else None
        for protocol in protocols
    ]
    gallery = Gallery(protocols[0], named, out)
    for photograph in tqdm(photographs, desc="measuring", unit="photo", disable=None):
        try:
            measured = _measure(photograph, protocols, named, features, clock, trusts, gallery)
        except UsageError as error:
            log.warning("%s is left out: %s", photograph.id, error)
            failed.append({"id": photograph.id, "reason": str(error)})
            continue
        for all_rows, new_rows in zip(rows, measured, strict=True):
            all_rows += new_rows
    if len(failed) == len(photographs):
        raise UsageError(f"no photograph could be measured; the first: {failed[0]['reason']}")
    bad = {f["id"] for f in failed}
    good = [p for p in photographs if p.id not in bad]
    data = _data_record(good, source, named)
    with clock.of("summary"):
        runs = [
            _run(protocol, named, run_rows, maps) | {"data": data, "failed": failed}
            for protocol, run_rows, maps in zip(protocols, rows, trusts, strict=True)
        ]
    with clock.of("pictures"):
        gallery.finish(good, rows[0], runs[0]["trust"])
    result = {"schema": SCHEMA, "runs": runs}
    _write_rows(out / "per_image.csv", [row for run_rows in rows for row in run_rows])
    text = json.dumps(result, indent=1, allow_nan=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    return result


def evaluate_dataset(options: EvaluateOptions) -> dict[str, Any]:
    """Do what the verb `evaluate` asks for, print the table, write the report, return metrics.json.

    Raises:
        UsageError: wrong use or input.
        CommandError: done, but some photographs could not be measured.
    """
    models = [_load(name) for name in options.models]
    if pairs.chosen(options):  # merge by hand: protocol `pairs`
        return _pairs(options, models)
    version = prepared.check(
        options.data, options.hr_long_side, options.protocol, fov_mask=options.fov_mask
    )
    protocol = _protocol(options, models, version)
    photographs = datasets.select(datasets.find(options.data), options.split)
    features = vgg_features(options.vgg_weights) if options.vgg_weights else None
    clock, out = Clock(), options.out
    measured, trust = models, options.trust
    if options.self_ensemble:  # whose own spread is zero
        measured, trust = [*models, *map(SelfEnsembled, models)], False
    result = evaluate(measured, photographs, [protocol], out, options.data, features, trust, clock)
    with clock.of("report"):
        report.write(out, models)
    log.info("seconds: %s", clock.line())
    print(table(result))  # noqa: T201
    failed = [f["id"] for f in result["runs"][0]["failed"]]
    if failed:
        raise CommandError(f"{len(failed)} photographs were not measured: {', '.join(failed)}")
    return result


def _pairs(options: EvaluateOptions, models: Sequence[Upscaler]) -> dict[str, Any]:
    """Measure pairs of photographs: `evaluate --pairs`."""
    result = pairs.evaluate_pairs(models, options.pairs, options.out, options.full_size)
    print(pairs_table(result))  # noqa: T201
    if failed := result["runs"][0]["failed"]:
        raise CommandError(f"{len(failed)} pairs could not be read: see the lines above")
    return result


def _load(name: str) -> Model | PlainSavedModel:
    """Return a model folder, a shipped model, or a SavedModel of which nothing else is known."""
    path = Path(name)
    if (path / MARK).is_file() and not (path / "model.json").is_file():
        return PlainSavedModel(path)
    return load(name)


def _protocol(
    options: EvaluateOptions, models: Sequence[Upscaler], fov_mask_version: int
) -> Standard | Author:
    """The protocol asked for; scale and degradation default to the first model's."""
    scale = options.scale
    if scale is None:
        scale = models[0].scale if models else 4
    if scale < 1 or options.hr_long_side < 0:
        raise UsageError("--scale must be 1 or more, --hr-long-side 0 (native size) or more")
    if options.protocol == Author.name:
        if scale != Author.scale:
            raise UsageError(f"protocol author is x{Author.scale} alone, not x{scale}")
        if options.degradation not in (None, Author.degradation):
            raise UsageError(f"protocol author has its own degradation, {Author.degradation}")
        return Author(options.rounding)
    if options.rounding != "truncate":
        raise UsageError("--rounding is an option of --protocol author alone")
    known = [m.degradation for m in models if m.degradation in DEGRADATIONS]
    degradation = options.degradation or (known[0] if known else "bicubic")
    version = options.degradation_version
    if version is None:
        version = next((v for name, v in map(_undoes, models) if name == degradation), None)
    validate_clinical(options.clinical)
    return Standard(
        *(scale, degradation, options.hr_long_side, fov_mask_version, version, options.clinical)
    )


def _undoes(model: Upscaler) -> tuple[str, int | None]:
    """Return name and version of the degradation that a model was trained for."""
    return model.degradation, getattr(model, "info", {}).get("degradation", {}).get("version")


def _names(models: Sequence[Upscaler]) -> dict[str, Upscaler]:
    """Name the rows: the models' names, numbered where one comes twice."""
    named: dict[str, Upscaler] = {}
    for model in models:
        name, number = model.name, 2
        while name in named or name in BASELINES:
            name, number = f"{model.name}-{number}", number + 1
        named[name] = model
    return named


def _check_models(protocol: Standard | Author, models: dict[str, Upscaler]) -> None:
    for name, model in models.items():
        if model.scale != protocol.scale:
            raise UsageError(
                f"model {name} enlarges x{model.scale}, this measurement x{protocol.scale}: "
                "measure it by itself"
            )
        if model.degradation != protocol.degradation:
            log.warning(
                "model %s was trained for the degradation %s and is measured on %s: where they "
                "differ it does worse than it can",
                name,
                model.degradation,
                protocol.degradation,
            )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error.strerror}") from None


def _measure(
    photograph: Photograph,
    protocols: Sequence[Standard | Author],
    models: dict[str, Upscaler],
    features: Features | None,
    clock: Clock,
    trusts: Sequence[Trust | None],
    gallery: Gallery,
) -> list[list[Row]]:
    with clock.of("decoding"):
        image, mask = photograph.read(), photograph.mask()
    with clock.of("pictures"):
        gallery.thumbnail(photograph.id, image)
    height, width = image.shape[:2]
    about = {"id": photograph.id, "grade": photograph.grade, "width": width, "height": height}
    measured = []
    for protocol, trust in zip(protocols, trusts, strict=True):
        keys = {"protocol": protocol.name} | about
        look = partial(trust.look, photograph) if trust else None
        found = measure(protocol, image, models, mask, features, clock, look)
        measured.append(
            [keys | {"model": row, "region": region} | values for row, region, values in found]
        )
    return measured


def _data_record(
    photographs: Sequence[Photograph], source: str | None, models: dict[str, Upscaler]
) -> dict[str, Any]:
    """What was measured; how many of the photographs a model was trained on."""
    hashes = sorted(p.sha256 for p in photographs)
    seen = {}
    for name, model in models.items():
        trained_on = set(getattr(model, "info", {}).get("training_sha256", ()))
        if count := len(trained_on & set(hashes)):
            seen[name] = count
            log.warning("model %s was trained on %d of these photographs", name, count)
    return {
        "source": source,
        "splits": sorted({p.split for p in photographs}),
        "sha256": hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        "seen_in_training": seen,
    }


def _run(
    protocol: Standard | Author, models: dict[str, Upscaler], rows: list[Row], trust: Trust | None
) -> dict[str, Any]:
    """Summarise the rows of one protocol; those of `fov` get their interval's coverage."""
    by_model, coverage = trust.finish() if trust else ({}, {})
    for row in rows:
        if row["region"] == "fov" and (row["model"], row["id"]) in coverage:
            row["coverage"] = coverage[row["model"], row["id"]]
    record = protocol.record() | {"models": {n: m.degradation for n, m in models.items()}}
    summaries = summarise(rows)
    notes = small_sample(summaries["n"]) + [
        f"{name} was trained with random VGG-19 weights: its content and adversarial terms say "
        "nothing about real ones"
        for name, model in models.items()
        if getattr(model, "info", {}).get("vgg_weights") == "random"
    ]
    by_stratum = strata(rows, protocol.regions[-1])
    whole = {"protocol": record, "notes": notes, "strata": by_stratum, "trust": by_model}
    return whole | summaries


def _write_rows(file: Path, rows: list[Row]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})
