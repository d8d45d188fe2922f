"""Summaries of one protocol's rows: over all photographs, and over strata of them."""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from srgan_keras.evaluation.statistics import paired_gain, summary

Row = dict[str, Any]
"""One line of per_image.csv: `KEYS`, and a value for each metric."""

KEYS = ("protocol", "id", "grade", "width", "height", "model", "region")

FEWEST = 20
"""Fewer photographs make a percentile bootstrap interval too narrow."""


def summarise(rows: list[Row]) -> dict[str, Any]:
    """Return n, models and gain_over_bicubic of metrics.json: see `statistics.summary`."""
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        region = values.setdefault(row["model"], {}).setdefault(row["region"], {})
        for metric in row.keys() - set(KEYS):
            region.setdefault(metric, []).append(row[metric])
    means, gains = {}, {}
    for name, regions in values.items():
        means[name] = {
            region: {metric: summary(v) for metric, v in sorted(metrics.items())}
            for region, metrics in regions.items()
        }
        if name != "bicubic":
            gains[name] = {
                region: {
                    metric: paired_gain(v, values["bicubic"][region][metric])
                    for metric, v in sorted(metrics.items())
                    if metric in values["bicubic"][region]
                }
                for region, metrics in regions.items()
            }
    count = len({row["id"] for row in rows})
    return {"n": count, "models": means, "gain_over_bicubic": gains}


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
