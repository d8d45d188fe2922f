"""The values of one run of metrics.json, in the columns and rows of report.html."""

from typing import Any

from srgan_keras.evaluation.summarise import gains, reference
from srgan_keras.evaluation.trust import THRESHOLDS
from srgan_keras.report.markdown import FILES_ALONE

REGIONS = {
    "inner": "inner: field of view without its edge",
    "fov": "field of view",
    "full": "full frame",
}
METRICS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "psnr_green": "PSNR green, dB",
    "ssim_green": "SSIM green",
    "psnr_y": "PSNR Y, dB",
    "ssim_y": "SSIM Y",
    "ms_ssim": "MS-SSIM",
    "band_energy": "band energy",
    "grid_energy": "grid energy",
    "colour_drift": "colour drift, CIEDE2000",
    "vgg_distance": "VGG distance",
    "lr_consistency": "LR consistency, dB",
    "bright_precision": "bright precision",
    "bright_recall": "bright recall",
    "bright_f1": "bright F1",
    "agreement_green": "green",
    "agreement_vessels": "vessels",
    "vessel_dice": "vessel Dice",
    "false_vessels_per_megapixel": "false vessels a megapixel",
}

Columns = dict[str, list[str]]
"""Region -> metrics, both in the order of display."""


def primary_region(run: dict[str, Any]) -> str:
    """Return the region of the primary metric."""
    return next(name for name in REGIONS if name in run["models"][reference(run)])


def digits(metric: str) -> int:
    """Return the number of decimals of a metric."""
    if metric == "false_vessels_per_megapixel":
        return 0
    return 2 if METRICS.get(metric, "").endswith("dB") else 4


def table(run: dict[str, Any]) -> dict[str, Any]:
    """Arrange one run: `glance` has each metric once, `parts` a full table for each region."""
    every = _columns(run["models"][reference(run)])
    glance: Columns = {}
    for region, names in every.items():
        shown = {name for found in glance.values() for name in found} | set(FILES_ALONE)
        if fresh := [name for name in names if name not in shown]:
            glance[region] = fresh
    return {
        "protocol": run["protocol"],
        "data": run["data"],
        "n": run["n"],
        "failed": run.get("failed", []) + run.get("rejected", []),
        "notes": run.get("notes", []),
        "strata": run.get("strata", {}),
        "trust": run.get("trust", {}),
        "thresholds": THRESHOLDS,
        "baseline": reference(run),
        "primary_metric": "psnr",
        "gained": list(gains(run)),
        "primary_region": primary_region(run),
        "glance": _values(run, glance),
        "parted_by": "region",
        "parts": [] if glance == every else [_values(run, {r: c}) for r, c in every.items()],
    }


def _columns(found: dict[str, Any]) -> Columns:
    regions = [name for name in REGIONS if name in found] + [n for n in found if n not in REGIONS]
    order = [*METRICS, *sorted({metric for metrics in found.values() for metric in metrics})]
    return {region: sorted(found[region], key=order.index) for region in regions}


def _values(run: dict[str, Any], columns: Columns) -> dict[str, Any]:
    """Return groups (region, span), heads and rows (model, cells) of some columns."""
    over = gains(run)
    return {
        "groups": [(REGIONS.get(region, region), len(names)) for region, names in columns.items()],
        "heads": [METRICS.get(m, m.replace("_", " ")) for names in columns.values() for m in names],
        "rows": [
            (
                model,
                [
                    cell(metric, values[region][metric], over.get(model, {}).get(region, {}))
                    for region, metrics in columns.items()
                    for metric in metrics
                ],
            )
            for model, values in run["models"].items()
        ],
    }


def cell(metric: str, value: dict[str, Any], over: dict[str, Any]) -> dict[str, str]:
    """Format one value: mean, gain, their intervals, and values not in the mean."""
    form = f".{digits(metric)}f"
    gain = over.get(metric, {})
    uncounted = [f"{value[key]} {key}" for key in ("inf", "nan") if value.get(key)]
    return {
        "mean": "–" if value["mean"] is None else f"{value['mean']:{form}}",
        "ci95": _interval(value, form),
        "gain": "" if gain.get("mean") is None else f"{gain['mean']:+{form}}",
        "gain_ci95": _interval(gain, f"+{form}"),
        "uncounted": ", ".join(uncounted),
    }


def _interval(value: dict[str, Any], form: str) -> str:
    return " to ".join(f"{end:{form}}" for end in value.get("ci95") or ())
