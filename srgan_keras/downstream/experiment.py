"""`srgan-keras downstream segmentation`: does super-resolution help the segmenter?

Reads from top to bottom: photographs, inputs, the trainings (each resumable), every network on
every input it is tested on, then the comparison and its files.
"""

import hashlib
import logging
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from srgan_keras.downstream import figures, scores
from srgan_keras.downstream.compare import gap_recovery, pooled_aupr, sentence
from srgan_keras.downstream.fit import Fit, FitSettings, fit
from srgan_keras.downstream.inputs import Inputs
from srgan_keras.downstream.tasks import CLASSES, Case, cases
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.protocol import INPUT, Standard
from srgan_keras.evaluation.segmenter import Predictor
from srgan_keras.evaluation.statistics import paired_gain, summary
from srgan_keras.evaluation.summarise import small_sample
from srgan_keras.files import atomic_write, write_json
from srgan_keras.inference.model import Model, load
from srgan_keras.metrics import masks
from srgan_keras.options import DownstreamOptions
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report import page as report
from srgan_keras.tables import markdown_table

log = logging.getLogger(__name__)

HEADLINE = {"vessels": "vessel_dice", "lesions": "exudate_aupr"}
"""The metric of gap_recovery in downstream.json, by task."""
MISSED_WEIGHT = {"vessels": 0.0, "lesions": 0.1}
"""Weight of `segmenter.missed`.

Without it, haemorrhages and microaneurysms are learnt late, or never.
"""
RESULTS = ("per_image.csv", "downstream.json", "pr_curves.png", "report.html")
ONE_SEED = "one training of each kind: how much another would move the figures is not known"
FROZEN, RETRAINED = "trained on HR", "retrained"


def run_experiment(options: DownstreamOptions) -> None:
    """Train what is not trained yet, measure, and write everything into `options.out`.

    Raises:
        UsageError: wrong data or models, or `out` holds trainings of other settings.
        NonFiniteError, StopSignalError: see `training/loop.py`.
    """
    # === Photographs, and what the networks are shown of them ===
    models = _models(options)
    output = _output(options, models)
    scale = options.scale or (models[0].scale if models else 4)
    if other := [model.name for model in models if model.scale != scale]:
        raise UsageError(f"{', '.join(other)} is not of scale {scale}: give models of one scale")
    degradation = options.degradation or (models[0].degradation if models else "bicubic")
    protocol = Standard(scale, degradation, options.hr_long_side)
    train, sets = _photographs(options, scale, models)
    pictures = [f"overlays-{n}-{case.id}.png" for n in options.networks for case in _shown(sets)]
    output.check(*pictures)
    inputs = Inputs(models, protocol, options.out / "inputs", options.task)

    # === Trainings: protocol, network, what it is trained on, what it is tested on ===
    plans = [(FROZEN, network, "hr", inputs.names) for network in options.networks]
    if options.retrain:
        plans += [(RETRAINED, options.networks[0], name, [name]) for name in inputs.names]
    trained = [
        (plan, seed, _trained(options, *plan[1:3], seed, train, inputs))
        for plan in plans
        for seed in range(1, options.seeds + 1)
    ]

    # === Measurement, after all trainings: a stopped experiment repeats it ===
    output.remove(*(name for name in output.names if name.startswith("overlays-")))
    found = _Measured(inputs, options.task)
    for (label, network, _, tested), seed, predict in trained:
        for source, test in sets.items():
            found.add((source, label, network), seed, predict, tested, test)

    # === The comparison ===
    table = pd.DataFrame(found.rows)
    with atomic_write(options.out / "per_image.csv") as partial:
        table.to_csv(partial, index=False)
    experiments = [
        _compared(key, part, inputs.names, options.task, found.counts)
        for key, part in table.groupby(["data", "protocol", "network"], sort=False)
    ]
    for experiment in experiments:
        seen = _seen_in_training(models, sets[experiment["data"]])
        experiment["seen_in_training"] = seen
        experiment["notes"] += [
            f"{name} was trained on {count} of the test photographs" for name, count in seen.items()
        ]
    record = protocol.record() | {"seeds": options.seeds, "steps": options.steps}
    content = {"schema": 1, "protocol": record, "experiments": experiments}
    write_json(options.out / "downstream.json", content)
    figures.precision_recall(found.counts, inputs.names, CLASSES[options.task], options.out)
    for experiment in experiments:
        log.info("%s", _text(experiment))
    report.write(options.out)
    log.info("done: %s holds downstream.json, per_image.csv, figures, report.html", options.out)


def _output(options: DownstreamOptions, models: list[Model]) -> OutputFolder:
    """Return the folder for everything, after a look at what is in it."""
    output = OutputFolder(options.out, "downstream")
    data = [Path(name) for name in (options.data, options.also) if name and Path(name).exists()]
    output.refuse_inputs(*data, *(model.path for model in models))
    output.claim(*RESULTS)
    return output


def _shown(sets: dict[str, list[Case]]) -> list[Case]:
    """Return the test photographs of which overlays are drawn."""
    return [case for test in sets.values() for case in test[: figures.SHOWN]]


def _models(options: DownstreamOptions) -> list[Model]:
    """Check the options and load the models."""
    sizes = ("steps", "batch_size", "patch", "seeds", "depth", "width")
    if small := [name for name in sizes if getattr(options, name) < 1]:
        raise UsageError(f"{', '.join(small)} must be at least 1")
    if not options.networks:
        raise UsageError("networks is empty: name one of unet, resunet")
    models = [load(name) for name in options.models]
    names = [model.name for model in models]
    taken = {"hr", "bicubic", INPUT}
    if len({*names, *taken}) < len(names) + len(taken):
        raise UsageError(
            f"models need names of their own, other than {', '.join(sorted(taken))}: {names}"
        )
    if not models:
        log.info("no model is given: HR and the reference are compared, no gap recovery")
    return models


def _photographs(
    options: DownstreamOptions, scale: int, models: list[Model]
) -> tuple[list[Case], dict[str, list[Case]]]:
    """Return the training photographs, and each test set by its name."""
    found = cases(options.data, options.task, options.hr_long_side, scale)
    parts = {split: [c for c in found if c.split == split] for split in ("train", "test")}
    for split, part in parts.items():
        if not part:
            raise UsageError(f"{options.data} has no photographs in split {split}")
    sets = {options.data: parts["test"]}
    if options.also:
        sets[options.also] = cases(options.also, options.task, options.hr_long_side, scale)
        known = {zlib.crc32(case.image) for case in parts["train"]}
        if seen := [c.id for c in sets[options.also] if zlib.crc32(c.image) in known]:
            raise UsageError(f"also {options.also} holds training photographs: {', '.join(seen)}")
    log.info("%s: %d train, %d test", options.data, *(len(part) for part in parts.values()))
    for source, test in sets.items():
        for name, count in _seen_in_training(models, test).items():
            log.warning("model %s was trained on %d test photographs of %s", name, count, source)
    return parts["train"], sets


def _seen_in_training(models: list[Model], test: list[Case]) -> dict[str, int]:
    """Count the test photographs that each model was trained on; without those of none."""
    hashes = {case.sha256 for case in test}
    counts = {m.name: len(hashes.intersection(m.info["training_sha256"])) for m in models}
    return {name: count for name, count in counts.items() if count}


def _trained(
    options: DownstreamOptions,
    network: str,
    trained_on: str,
    seed: int,
    train: list[Case],
    inputs: Inputs,
) -> Predictor:
    folder = options.out / "trainings" / f"{network}-{trained_on}-{seed}"
    images = [inputs.seen(trained_on, case) for case in train]
    digest = hashlib.sha256()
    for image, case in zip(images, train, strict=True):
        digest.update(image.tobytes() + np.packbits(case.masks).tobytes())
    settings = FitSettings(
        options.steps,
        options.batch_size,
        options.learning_rate,
        options.precision,
        seed,
        validate_every_steps=options.steps,
    )
    plan = Fit(
        options.task,
        network,
        trained_on,
        digest.hexdigest(),
        options.depth,
        options.width,
        options.patch,
        settings,
        MISSED_WEIGHT[options.task],
    )
    log.info("%s", folder)
    return Predictor(fit(plan, images, train, folder), options.depth)


class _Measured:
    """The results of every network: rows of per_image.csv, and histograms for pooled curves."""

    def __init__(self, inputs: Inputs, task: str) -> None:
        self.inputs, self.task = inputs, task
        self.rows: list[dict[str, Any]] = []
        self.counts: dict[tuple, list[np.ndarray]] = defaultdict(list)

    def add(
        self,
        key: tuple[str, str, str],
        seed: int,
        predict: Predictor,
        tested: list[str],
        test: list[Case],
    ) -> None:
        """Measure a network on the inputs `tested` of each photograph."""
        source, label, network = key
        for i, case in enumerate(test):
            by_input = {name: predict(self.inputs.seen(name, case)) for name in tested}
            for name, probability in by_input.items():
                row = {"data": source, "protocol": label, "network": network, "seed": seed}
                row |= {"input": name, "image": case.id}
                on_hr = by_input["hr"] if label == FROZEN else None
                self.rows.append(row | self._scores((*key, name), case, probability, on_hr))
            if seed == 1 and i < figures.SHOWN and label == FROZEN:
                shown = {name: self.inputs.image(name, case) for name in tested}
                out = self.inputs.folder.parent
                OutputFolder(out).claim(f"overlays-{network}-{case.id}.png")
                figures.overlays(case, shown, by_input, self.task, network, out)

    def _scores(
        self, key: tuple, case: Case, probability: np.ndarray, on_hr: np.ndarray | None
    ) -> dict[str, float]:
        row = {}
        for c, class_ in enumerate(CLASSES[self.task]):
            truth, here = case.masks[..., c], probability[..., c]
            row |= scores.score(class_, self.task, truth, here, case.fov)
            histogram = scores.histogram(truth[case.fov], here[case.fov])
            self.counts[(*key, class_)].append(histogram.astype(np.int32))
            if on_hr is not None:
                row[f"{class_}_false_per_megapixel"] = masks.false_regions(
                    masks.found(here), masks.found(on_hr[..., c]), truth, case.fov
                )
        return row


def _compared(
    key: tuple[str, str, str],
    part: pd.DataFrame,
    names: list[str],
    task: str,
    counts: dict[tuple, list[np.ndarray]],
) -> dict[str, Any]:
    """Return one experiment of downstream.json; a photograph's value is the mean over the seeds."""
    metrics = [m for m in part.columns[6:] if part[m].notna().any()]
    seeds = part["seed"].nunique()
    by_seed = {
        name: part[part["input"] == name].set_index(["seed", "image"])[metrics].sort_index()
        for name in names
    }
    values = {name: table.groupby("image").mean() for name, table in by_seed.items()}
    found: dict[str, dict[str, Any]] = {
        name: {metric: summary(table[metric]) for metric in metrics}
        for name, table in values.items()
    }
    for name in names:
        for class_ in CLASSES[task]:
            each = np.stack(counts[(*key, name, class_)])
            # the seeds of a photograph stay together
            each = each.reshape(seeds, -1, *each.shape[1:]).sum(axis=0)
            found[name][f"{class_}_aupr_pooled"] = pooled_aupr(each)
    gains, sentences, recovered = {}, [], {}
    reference = names[1]
    for name in names[1:]:
        others = ["hr"] if name == reference else [reference, "hr"]
        for other in others:
            for metric in metrics:
                gain = paired_gain(values[name][metric], values[other][metric])
                gains.setdefault(name, {}).setdefault(other, {})[metric] = gain
                lower = metric.endswith("false_per_megapixel")
                if lower and other == "hr":
                    continue  # zero on HR by definition
                if gain["mean"] is not None:
                    each = (by_seed[name][metric] - by_seed[other][metric]).unstack().to_numpy()
                    sentences.append(sentence(metric, name, other, gain, each, lower))
        if name != reference:
            recovered[name] = {
                metric: gap_recovery(*(values[n][metric] for n in ("hr", reference, name)))
                for metric in metrics
                if not metric.endswith("false_per_megapixel")
            }
    count = int(part["image"].nunique())
    return {
        "task": task,
        "data": key[0],
        "protocol": key[1],
        "network": key[2],
        "n": count,
        "seeds": seeds,
        "inputs": found,
        "gap_recovery_metric": HEADLINE[task],
        "gap_recovery": {name: by[HEADLINE[task]] for name, by in recovered.items()},
        "gap_recovery_by_metric": recovered,
        "gain": gains,
        "notes": small_sample(count) + ([] if seeds > 1 else [ONE_SEED]),
        "sentences": sentences,
    }


def _text(experiment: dict[str, Any]) -> str:
    """Lay an experiment out as a Markdown table, and its sentences."""
    inputs = experiment["inputs"]
    title = "{task}, {data}, {network}, {protocol}, n = {n}, seeds {seeds}".format(**experiment)
    rows = [
        [metric.replace("_", " "), *(_cell(values[metric]) for values in inputs.values())]
        for metric in inputs["hr"]
    ]
    lines = ["", title, "", markdown_table(["metric", *inputs], rows, align=True)]
    for name, value in experiment["gap_recovery"].items():
        what = experiment["gap_recovery_metric"].replace("_", " ")
        lines.append(f"gap recovery of {name}, {what}: {_cell(value) or value['reason']}")
    return "\n".join([*lines, *experiment["sentences"], *experiment["notes"]])


def _cell(value: dict[str, Any]) -> str:
    if value["mean"] is None:
        return "" if "reason" in value else "–"
    between = " ({:.3f} to {:.3f})".format(*value["ci95"]) if value["ci95"] else ""
    uncounted = f", {value['nan']} undefined" if value.get("nan") else ""
    return f"{value['mean']:.3f}{between}{uncounted}"
