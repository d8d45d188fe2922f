"""Summaries of one protocol's rows: over all photographs, and over strata of them."""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.statistics import paired_gain, summary

Row = dict[str, Any]
"""One line of per_image.csv: `KEYS`, and a value for each metric."""

KEYS = ("protocol", "id", "grade", "width", "height", "model", "region")

FEWEST = 20
"""Fewer photographs make a percentile bootstrap interval too narrow."""


def reference(run: dict[str, Any]) -> str:
    """Return the row that the gains of a run of metrics.json are over: `bicubic` or `input`."""
    return next(name for name in ("bicubic", INPUT) if name in run["models"])


def gains(run: dict[str, Any]) -> dict[str, Any]:
    """Return the gains of a run of metrics.json: model -> region -> metric -> summary."""
    return run[f"gain_over_{reference(run)}"]


def summarise(rows: list[Row]) -> dict[str, Any]:
    """Return n, models and gain_over_bicubic of metrics.json: see `statistics.summary`.

    Rows of scale 1 have the reference `input` instead, and gain_over_input.
    """
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        region = values.setdefault(row["model"], {}).setdefault(row["region"], {})
        for metric in row.keys() - set(KEYS):
            region.setdefault(metric, []).append(row[metric])
    means, found = {}, {}
    base = reference({"models": values})
    for name, regions in values.items():
        means[name] = {
            region: {metric: summary(v) for metric, v in sorted(metrics.items())}
            for region, metrics in regions.items()
        }
        if name != base:
            found[name] = {
                region: {
                    metric: paired_gain(v, values[base][region][metric])
                    for metric, v in sorted(metrics.items())
                    if metric in values[base][region]
                }
                for region, metrics in regions.items()
            }
    count = len({row["id"] for row in rows})
    return {"n": count, "models": means, f"gain_over_{base}": found}


def strata(rows: list[Row], region: str) -> dict[str, dict[str, Any]]:
    """Summarise PSNR and SSIM of one region by grade, resolution and camera size.

    Returns:
        {"grade" | "resolution" | "camera_size": {LABEL: result of `summarise`}}. A stratification
        with a single label is omitted. Sizes are those of the files.
    """
    wanted = (*KEYS, "psnr", "ssim")
    short = [{key: row[key] for key in wanted} for row in rows if row["region"] == region]
    found = {}
    for kind, label in _LABELS.items():
        groups = defaultdict(list)
        for row in short:
            groups[label(row)].append(row)
        if len(groups) > 1:
            found[kind] = {name: summarise(groups[name]) for name in sorted(groups, key=_natural)}
    return found


def small_sample(count: int) -> list[str]:
    """Return a note if the photographs are too few for the intervals."""
    if count >= FEWEST:
        return []
    return [f"n = {count}: the 95 % intervals of fewer than {FEWEST} photographs are too narrow"]


def _natural(name: str) -> tuple[bool, list[int], str]:
    """Sort key: numbers in the name, names without any last; 640 x 480 before 2048 x 1536."""
    numbers = [int(number) for number in re.findall(r"\d+", name)]
    return not numbers, numbers, name


def _grade(row: Row) -> str:
    return "none given" if row["grade"] is None else str(row["grade"])


def _resolution(row: Row) -> str:
    side = max(row["width"], row["height"])
    if side < 1024:
        return "long side below 1024 px"
    return "long side from 2048 px" if side >= 2048 else "long side from 1024 px"


def _camera_size(row: Row) -> str:
    return f"{row['width']} x {row['height']}"


_LABELS: dict[str, Callable[[Row], str]] = {
    "grade": _grade,
    "resolution": _resolution,
    "camera_size": _camera_size,
}
