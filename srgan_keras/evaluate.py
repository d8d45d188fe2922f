"""Compare models with interpolation: metrics.json, per_image.csv, report.html."""

import csv
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from srgan_keras import hub
from srgan_keras.configure import validate_clinical
from srgan_keras.console import say
from srgan_keras.data import datasets, prepared
from srgan_keras.data.degradations import DEGRADATIONS, PAIRED
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.evaluation import evaluate_beam, guarded, pairs
from srgan_keras.evaluation.clock import Clock
from srgan_keras.evaluation.observer import Observer, Run, tell
from srgan_keras.evaluation.photographs import Bench, Measured
from srgan_keras.evaluation.protocol import BASELINES, INPUT, Author, Method, Standard
from srgan_keras.evaluation.self_ensembled import SelfEnsembled
from srgan_keras.evaluation.summarise import Row, small_sample, strata, summarise
from srgan_keras.evaluation.trust import Trust
from srgan_keras.evaluation.vgg_distance import VggDistance, vgg_features
from srgan_keras.files import atomic_write, write_json
from srgan_keras.inference.open_model import open_model
from srgan_keras.inference.upscaler import FALLBACK
from srgan_keras.options import EvaluateOptions
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report import page as report
from srgan_keras.report.gallery import Gallery
from srgan_keras.report.markdown import table
from srgan_keras.report.pair_gallery import PairGallery
from srgan_keras.report.pairs import table as pairs_table

log = logging.getLogger(__name__)

SCHEMA = 1


def evaluate(
    models: Sequence[Method],
    photographs: Sequence[Photograph],
    protocols: Sequence[Standard | Author],
    out: Path,
    source: str | None = None,
    observers: Sequence[Observer] = (),
) -> dict[str, Any]:
    """Measure and write `metrics.json`, `per_image.csv` and the pictures of `gallery/` into `out`.

    Args:
        models: without any, only the baselines are measured.
        photographs: read one at a time. A photograph that cannot be measured is skipped and named.
        protocols: each makes one run of the result. The pictures are of the first.
        out: a folder, which is created if it does not exist.
        source: the DATASET of the photographs, for the record.
        observers: for example `Trust`, which writes trust maps into `out/trust`.

    Returns:
        The contents of metrics.json: schema and runs, each with protocol, data, n, models,
        gain_over_bicubic, strata, notes, failed, rejected and trust. `rejected` names pairs that
        cannot be aligned. See `statistics.summary` for the values, `trust.Trust.finish` for trust.
        At scale 1, gain_over_input replaces gain_over_bicubic.

    Raises:
        UsageError: no photograph can be measured, or a model has another scale.
    """
    bench = _begin(models, photographs, protocols, out, observers)
    evaluate_beam.clear(out)
    measured = bench.measure(photographs)
    bar = tqdm(measured, "measuring", len(photographs), unit="photo", disable=None)
    return _conclude(bench, photographs, bar, out, source)


def _begin(
    models: Sequence[Method],
    photographs: Sequence[Photograph],
    protocols: Sequence[Standard | Author],
    out: Path,
    observers: Sequence[Observer],
) -> Bench:
    """Check models and photographs, and that no file of somebody else is lost."""
    if not photographs:
        raise UsageError("there are no photographs to measure. Choose another split or dataset.")
    named = _names(models)
    for protocol in protocols:
        _check_models(protocol, named)
    output = OutputFolder(out)
    output.claim("metrics.json", "per_image.csv", "report.html")
    output.check_folders("trust", "gallery")
    bench = Bench(protocols, named, (*observers, Gallery()))
    tell(bench.observers, "start", protocols, named, out)
    return bench


def _conclude(
    bench: Bench,
    photographs: Sequence[Photograph],
    measured: Iterable[Measured],
    out: Path,
    source: str | None,
) -> dict[str, Any]:
    """Summarise the results of photographs, in their order, and write them."""
    protocols, named = bench.protocols, bench.models
    rows: list[list[Row]] = [[] for _ in protocols]
    failed: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for photograph, found in zip(photographs, measured, strict=True):
        if reason := found.failed or found.rejected:
            log.warning("%s is skipped: %s", photograph.id, reason)
            (rejected if found.rejected else failed)[photograph.id] = reason
            continue
        for all_rows, new_rows in zip(rows, found.rows, strict=True):
            all_rows += new_rows
    skipped = failed | rejected
    if len(skipped) == len(photographs):
        reason = next(iter(skipped.values()))
        raise UsageError(f"no photograph could be measured; the first: {reason}")
    good = [p for p in photographs if p.id not in skipped]
    record = {"data": _data_record(good, source, named)}
    for kind, reasons in (("failed", failed), ("rejected", rejected)):
        record[kind] = [{"id": id_, "reason": reason} for id_, reason in reasons.items()]
    runs = []
    for protocol, run_rows in zip(protocols, rows, strict=True):
        run = Run(protocol, good, run_rows)
        tell(bench.observers, "finish", run)
        runs.append(_summary(run, named) | record)
        tell(bench.observers, "done", "summary")
    result = {"schema": SCHEMA, "runs": runs}
    _write_rows(out / "per_image.csv", [row for run_rows in rows for row in run_rows])
    write_json(out / "metrics.json", result, indent=1)
    return result


def evaluate_dataset(options: EvaluateOptions) -> dict[str, Any]:
    """Run the command `evaluate`: print the table, write the report, return metrics.json.

    Raises:
        UsageError: an option or the input is wrong.
        CommandError: the results are written, but some photographs could not be measured.
    """
    # pinned once, for the workers of Beam
    options = replace(options, models=tuple(map(hub.pinned, options.models)))
    models = [open_model(name) for name in options.models]
    output = OutputFolder(options.out, "evaluate")
    output.refuse_inputs(*_inputs(options))
    output.claim("metrics.json")
    if pairs.chosen(options):
        return _pairs(options, models)
    version = prepared.check(
        options.data, options.hr_long_side, options.protocol, fov_mask=options.fov_mask
    )
    protocol = _protocol(options, models, version)
    photographs = datasets.select(datasets.find(options.data), options.split)
    measured, observers = _measured(models, options)
    clock = Clock()
    observers = [clock, *observers]
    if options.runner == "beam":
        facts = evaluate_beam.facts(options, models, protocol)
        bench = _begin(measured, photographs, [protocol], options.out, observers)
        make = partial(_bench, replace(options, out=options.out.resolve()), protocol)
        found = evaluate_beam.measure(bench, make, photographs, options, facts)
        result = _conclude(bench, photographs, found, options.out, options.data)
    else:
        result = evaluate(measured, photographs, [protocol], options.out, options.data, observers)
    report.write(options.out, models)
    clock.done("report")
    evaluate_beam.forget(options.out)
    log.info("seconds: %s", clock.line())
    say(table(result))
    failed = [f["id"] for f in result["runs"][0]["failed"]]
    if failed:
        raise CommandError(f"{len(failed)} photographs were not measured: {', '.join(failed)}")
    return result


def _measured(
    models: Sequence[Method], options: EvaluateOptions
) -> tuple[list[Method], list[Observer]]:
    """Return the models with their variants, and the observers, as the options ask for."""
    measured, observers = [*models], []
    if options.vgg_weights != "none":
        observers.append(VggDistance(vgg_features(options.vgg_weights)))
    if options.self_ensemble:
        measured += map(SelfEnsembled, models)
    if options.guard:
        measured += map(guarded.Guarded, models)
        observers.append(guarded.Shares())
    if options.trust and len(measured) == len(models):
        # the spread of a self-ensemble is zero, so it has no trust maps
        observers.append(Trust())
    return measured, observers


def _bench(options: EvaluateOptions, protocol: Standard | Author) -> Bench:
    """Return what measures on a worker."""
    models = [open_model(name) for name in options.models]
    measured, observers = _measured(models, options)
    bench = Bench([protocol], _names(measured), (Clock(), *observers, Gallery()))
    tell(bench.observers, "start", bench.protocols, bench.models, options.out)
    return bench


def _pairs(options: EvaluateOptions, models: Sequence[Method]) -> dict[str, Any]:
    """Measure pairs of photographs: `evaluate --pairs`."""
    gallery = PairGallery(options.out)
    measured = [*models, *map(guarded.Guarded, models)] if options.guard else models
    result = pairs.evaluate_pairs(
        *(measured, options.pairs, options.out, options.full_size, options.segmenter, gallery.see)
    )
    gallery.finish()
    report.write(options.out, models)
    say(pairs_table(result))
    if failed := result["runs"][0]["failed"]:
        raise CommandError(f"{len(failed)} pairs could not be read: see the lines above")
    return result


def _inputs(options: EvaluateOptions) -> list[Path]:
    """Return the files and folders that the command reads."""
    named = [options.pairs, options.segmenter, *map(Path, (options.vgg_weights, *options.models))]
    named += [prepared.folder(options.data)] if options.data else []
    return [path for path in named if path and path.exists()]


def _protocol(
    options: EvaluateOptions, models: Sequence[Method], fov_mask_version: int
) -> Standard | Author:
    """Return the protocol; scale and degradation default to those of the first model."""
    scale = options.scale
    if scale is None:
        scale = models[0].scale if models else 4
    if datasets.is_paired(options.data) and options.protocol == Author.name:
        raise UsageError(
            f"protocol author makes its own LR: measure {Path(options.data, datasets.HR)}"
        )
    if scale < 1 or options.hr_long_side < 0:
        raise UsageError("scale must be 1 or more, hr_long_side 0 (native size) or more")
    if options.protocol == Author.name:
        if scale != Author.scale:
            raise UsageError(
                f"protocol author has scale {Author.scale}, not {scale}. Choose protocol standard."
            )
        if options.degradation not in (None, Author.degradation):
            raise UsageError(
                f"protocol author has the degradation {Author.degradation}. Do not set another."
            )
        return Author(options.rounding)
    if options.rounding != "truncate":
        raise UsageError("only protocol author has a setting rounding. Leave it at truncate.")
    known = [m.degradation for m in models if m.degradation in DEGRADATIONS]
    degradation = options.degradation or (known[0] if known else "bicubic")
    if datasets.is_paired(options.data):
        if options.degradation not in (None, PAIRED):
            raise UsageError(
                f"{options.data} has its own LR: leave degradation out, or measure "
                f"{Path(options.data, datasets.HR)}"
            )
        degradation = PAIRED
    elif degradation == PAIRED:
        raise UsageError(f"{options.data} has no lr/ and hr/: choose another degradation")
    version = options.degradation_version
    if version is None:
        version = next((v for name, v in map(_undoes, models) if name == degradation), None)
    validate_clinical(options.clinical)
    return Standard(
        *(scale, degradation, options.hr_long_side, fov_mask_version, version, options.clinical)
    )


def _undoes(model: Method) -> tuple[str, int | None]:
    """Return name and version of the degradation that a model was trained for."""
    return model.degradation, getattr(model, "info", {}).get("degradation", {}).get("version")


def _names(models: Sequence[Method]) -> dict[str, Method]:
    """Name the rows by model, and number repeated names."""
    named: dict[str, Method] = {}
    for model in models:
        name, number = model.name, 2
        while name in named or name in (*BASELINES, INPUT):
            name, number = f"{model.name}-{number}", number + 1
        named[name] = model
    return named


def _check_models(protocol: Standard | Author, models: dict[str, Method]) -> None:
    for name, model in models.items():
        if model.scale != protocol.scale:
            raise UsageError(
                f"model {name} has scale {model.scale}, this evaluation {protocol.scale}. "
                "Evaluate it on its own."
            )
        if model.degradation != protocol.degradation:
            log.warning(
                "model %s was trained for the degradation %s and is measured on %s, so its "
                "results are worse than they could be",
                name,
                model.degradation,
                protocol.degradation,
            )


def _data_record(
    photographs: Sequence[Photograph], source: str | None, models: dict[str, Method]
) -> dict[str, Any]:
    """Describe the photographs, and count those that a model was trained on."""
    hashes = sorted(each for p in photographs for each in p.hashes)
    seen = {}
    for name, model in models.items():
        trained_on = set(getattr(model, "info", {}).get("training_sha256", ()))
        if count := sum(not trained_on.isdisjoint(p.hashes) for p in photographs):
            seen[name] = count
            log.warning("model %s was trained on %d of these photographs", name, count)
    return {
        "source": source,
        "splits": sorted({p.split for p in photographs}),
        "sha256": hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        "seen_in_training": seen,
    }


def _summary(run: Run, models: dict[str, Method]) -> dict[str, Any]:
    """Summarise the rows of one protocol."""
    record = run.protocol.record() | {"models": {n: m.degradation for n, m in models.items()}}
    summaries = summarise(run.rows)
    notes = small_sample(summaries["n"])
    if run.protocol.scale == 1:
        notes.append(
            "band_energy and grid_energy are not measured at scale 1: HR has no frequencies above "
            "LR's Nyquist frequency"
        )
    notes += [
        f"{name} was trained with random VGG-19 weights: its content and adversarial terms say "
        "nothing about real ones"
        for name, model in models.items()
        if getattr(model, "info", {}).get("vgg_weights") == "random"
    ]
    region = run.protocol.regions[-1]
    notes += [
        guarded.note(name, {region: found[region][FALLBACK]["mean"]})
        for name, found in summaries["models"].items()
        if FALLBACK in found[region]
    ]
    by_stratum = strata(run.rows, region)
    whole = {"protocol": record, "notes": notes, "strata": by_stratum, "trust": run.trust}
    return whole | summaries


def _write_rows(file: Path, rows: list[Row]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_write(file) as partial, partial.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})
