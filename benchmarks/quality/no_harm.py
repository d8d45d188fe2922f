"""The no-harm table: what models and filters gain or lose on clean, spoiled and real photographs.

    python benchmarks/quality/no_harm.py fundus-restore --data data --pairs runs/ridb/metrics.json
    python benchmarks/quality/no_harm.py fundus-x4 "Real-ESRGAN x4plus" --data data

The columns are the enhancement filters and models of scale 1, beside the untouched input; or models
of a larger scale and networks of `benchmarks/ncnn_network.py`, beside bicubic interpolation. The
rows are

- clean photographs of each camera that no model is trained on, at scale 1 as they are, otherwise
  reduced bicubically: at scale 1 every change of them is a loss;
- the same photographs spoiled by degradation `clinical` at three strengths, all cameras together;
- with `--pairs`, what `srgan-keras evaluate --pairs --segmenter` wrote: real pairs by grade.

The gains are of `agreement_green` and `agreement_vessels` (docs/pairs.md) with the clean
photograph, with 95 % bootstrap intervals over photographs. Finished photographs are kept in `--out`
and not measured again.
"""

import argparse
import csv
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srgan_keras.config import Clinical
from srgan_keras.data.photograph import decode_file
from srgan_keras.evaluation.filters import FILTERS
from srgan_keras.evaluation.guarded import Guarded
from srgan_keras.evaluation.protocol import Method, Standard
from srgan_keras.evaluation.statistics import paired_gain
from srgan_keras.metrics.agreement import Reference, field_of_view
from srgan_keras.tables import markdown_table

sys.path.append(str(Path(__file__).parents[1]))  # for ncnn_network
from ncnn_network import opened

CAMERAS = {
    "IDRiD, test": "idrid/images/test/*",
    "APTOS": "aptos2019/*_images/*.png",
    "DRIVE": "drive/*/images/*",
    "CHASE_DB1": "chase_db1/*.jpg",
    "STARE": "stare/images/*",
    "HRF, 08 to 15": "hrf/images/[01][0-9]_h.jpg",
}
TRAINED_ON = tuple(f"{number:02d}_h.jpg" for number in range(1, 8))  # of HRF
CLEAN = "clean"
METRICS = ("agreement_green", "agreement_vessels")
LONG_SIDE = 1024
Enhance = Callable[[np.ndarray], np.ndarray]
Row = dict[str, Any]


def main() -> None:
    """Measure what is not measured yet, and print a table for each metric."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="of one scale")
    parser.add_argument("--data", type=Path, required=True)
    pairs = "metrics.json of `evaluate --pairs`, or several"
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], help=pairs)
    parser.add_argument("--photographs", type=int, default=8, help="of each camera")
    parser.add_argument("--strength", type=float, nargs="+", default=[0.5, 1.0, 1.5])
    parser.add_argument("--out", type=Path, default=Path("runs/no-harm"))
    parser.add_argument("--guard", action="store_true", help="add the rows NAME+guard")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    models: list[Method] = [opened(name) for name in options.models]
    if options.guard:
        models += [Guarded(model) for model in models]
    scale, *others = {model.scale for model in models}
    if others:
        parser.error("the models have different scales: measure each scale on its own")
    rows = measured(models, scale, options)
    names = list(dict.fromkeys(row["method"] for row in rows))[1:]
    table = {metric: lines(rows, names, metric) for metric in METRICS}
    if options.pairs:
        for metric in (*METRICS, "vessel_dice", "false_vessels_per_megapixel"):
            table[metric] = table.get(metric, {}) | real(options.pairs, names, metric)
    if options.json:
        print(json.dumps(table))
        return
    for metric, found in table.items():
        cells = [[name, *(cell(row.get(n), metric) for n in names)] for name, row in found.items()]
        print(f"\n{metric}\n\n{markdown_table(['photographs', *names], cells)}")


def measured(models: list[Method], scale: int, options: argparse.Namespace) -> list[Row]:
    """Return the rows of all photographs: read from the file, or measured and added to it."""
    file = options.out / f"x{scale}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    done = {(row["photograph"], row["situation"], row["method"]) for row in rows}
    tasks = list(photographs(options.data, options.photographs))
    columns = ("camera", "photograph", "situation", "method", *METRICS)
    with file.open("a", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        if not rows:
            writer.writeheader()
        for camera, path in tqdm(tasks, unit="photo", disable=None):
            image = decode_file(path)
            for situation in (CLEAN, *options.strength):
                protocol = degraded(scale, situation)
                todo = {
                    name: enhance
                    for name, enhance in methods(protocol, models).items()
                    if (path.name, str(situation), name) not in done
                }
                keys = {"camera": camera, "photograph": path.name, "situation": str(situation)}
                for row in compared(protocol, image, todo):
                    writer.writerow(keys | row)
                    rows.append(keys | row)
            out.flush()
    wanted = {path.name for _, path in tasks}
    order = ["input", "bicubic", *FILTERS, *(model.name for model in models)]
    situations = {CLEAN, *map(str, options.strength)}
    kept = [row for row in rows if row["photograph"] in wanted and row["situation"] in situations]
    return sorted(
        (row for row in kept if row["method"] in order), key=lambda row: order.index(row["method"])
    )


def photographs(data: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Yield camera and file of evenly chosen photographs."""
    for camera, pattern in CAMERAS.items():
        files = [f for f in sorted(data.glob(pattern)) if f.name not in TRAINED_ON]
        for i in sorted({round(x) for x in np.linspace(0, len(files) - 1, count)} if files else ()):
            yield camera, files[i]


def degraded(scale: int, situation: str | float) -> Standard:
    """Return the protocol of a situation."""
    if situation == CLEAN:
        return Standard(scale, "bicubic", LONG_SIDE)
    faults = dataclasses.replace(Clinical(), clean_share=0.0, strength=float(situation))
    return Standard(scale, "clinical", LONG_SIDE, clinical=faults)


def methods(protocol: Standard, models: list[Method]) -> dict[str, Enhance | None]:
    """Return the reference, the filters (scale 1) and the models; None is the reference."""
    filters = FILTERS if protocol.scale == 1 else {}
    return {protocol.reference: None} | filters | {m.name: m.upscale for m in models}


def compared(
    protocol: Standard, image: np.ndarray, methods: dict[str, Enhance | None]
) -> Iterator[Row]:
    """Yield method and metrics of one photograph."""
    if not methods:
        return
    sample = protocol.sample(image)
    clean = Reference(sample.hr, field_of_view(sample.hr))
    for name, enhance in methods.items():
        sr = enhance(sample.lr) if enhance else protocol.baseline(name, sample)
        values = clean.compare(sr)
        yield {"method": name} | {metric: values[metric] for metric in METRICS}


def lines(rows: list[Row], names: list[str], metric: str) -> dict[str, dict[str, Any]]:
    """Return the gains by situation and method."""
    first = rows[0]["method"]
    groups = {camera: ("camera", camera) for camera in CAMERAS} | {
        f"strength {s}": ("situation", s)
        for s in dict.fromkeys(row["situation"] for row in rows)
        if s != CLEAN
    }
    result = {}
    for name, (key, value) in groups.items():
        part = [
            row
            for row in rows
            if row[key] == value and (key == "situation" or row["situation"] == CLEAN)
        ]
        by_method = {
            method: {
                (row["photograph"], row["situation"]): float(row[metric])
                for row in part
                if row["method"] == method
            }
            for method in (first, *names)
        }
        if by_method[first]:
            label = name if key == "situation" else f"clean, {name}"
            result[label] = {
                method: paired_gain(list(by_method[method].values()), list(base))
                for method in names
                if (base := [by_method[first][k] for k in by_method[method]])
            }
    return result


def real(files: list[Path], names: list[str], metric: str) -> dict[str, dict[str, Any]]:
    """Return the gains on real pairs by grade."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        (run,) = json.loads(file.read_text())["runs"]
        for grade, part in run["strata"]["grade"].items():
            gains = part["gain_over_input"]
            found.setdefault(f"real pairs, {grade}", {}).update(
                (name, gains[row]["overlap"][metric])
                for name in names
                if (row := name if name in gains else f"{name}-reduced") in gains
                and metric in gains[row]["overlap"]
            )
    return found


def cell(gain: dict[str, Any] | None, metric: str) -> str:
    """Return the mean with its interval; bold where all of the interval is a loss."""
    if not gain or gain["mean"] is None:
        return ""
    digits, worse = (0, 1) if metric.startswith("false") else (3, -1)
    mean, ends = f"{gain['mean']:+.{digits}f}", gain["ci95"] or [gain["mean"]] * 2
    harm = min(end * worse for end in ends) > 0
    span = " to ".join(f"{end:+.{digits}f}" for end in ends)
    return f"**{mean}** ({span})" if harm else f"{mean} ({span})"


if __name__ == "__main__":
    main()
