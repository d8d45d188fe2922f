"""The result of protocol `pairs`: Markdown tables, and the values of report.html."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from srgan_keras.evaluation.pairs import METRICS, REGION
from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.segmenter import VESSEL_METRICS
from srgan_keras.report import tables
from srgan_keras.report.pair_gallery import pair_id
from srgan_keras.tables import markdown_table

_AGREEMENTS = {"agreement_green": "green", "agreement_vessels": "vessels"}
_FIDELITY = {"psnr": "PSNR", "ssim": "SSIM"}
_VESSELS = dict(zip(VESSEL_METRICS, ("Dice", "false"), strict=True))


def table(result: dict[str, Any]) -> str:
    """Return the tables: agreement, its gain over the input, PSNR and SSIM, and a segmenter's.

    Args:
        result: the contents of metrics.json, see `evaluation.pairs.evaluate_pairs`.
    """
    (run,) = result["runs"]
    strata = run["strata"].get("grade", {}) | {"all": run}
    skipped = len(run["rejected"]) + len(run["failed"])
    groups = "; ".join(f"{g}: {s['n']} pairs, {s['eyes']} eyes" for g, s in strata.items())
    lines = [
        f"protocol pairs; {run['data']['source']}; {groups}; {skipped} skipped",
        "",
        "Agreement with the good photograph, mean over pairs:",
        "",
        _table(run, strata, _AGREEMENTS, _mean),
        "Gain over the untouched input, 95 % interval over eyes:",
        "",
        _table(run, strata, _AGREEMENTS, _gain),
        "PSNR in dB and SSIM after matching mean and deviation of each channel:",
        "",
        _table(run, strata, _FIDELITY, _mean),
    ]
    if run["protocol"]["segmenter"]:
        lines += [
            "Vessels of the segmenter: Dice, and false vessels a megapixel:",
            "",
            _table(run, strata, _VESSELS, _mean),
            "Gain over the untouched input, 95 % interval over eyes:",
            "",
            _table(run, strata, _VESSELS, _gain),
        ]
    said = [*run["notes"], *_not_averaged(run)]
    said += [
        f"{skip['poor']} is skipped: {skip['reason']}" for skip in run["rejected"] + run["failed"]
    ]
    return "\n".join([*lines, *(f"- {note}" for note in said)])


def arranged(run: dict[str, Any]) -> dict[str, Any]:
    """Arrange a run for report.html, as `tables.table` does: a group of columns for each grade."""
    strata = run["strata"].get("grade", {}) | {"all": run}
    known = run["models"][INPUT][REGION]
    glance = [metric for metric in METRICS if metric in known and metric not in _FIDELITY]
    skipped = [{"id": s["poor"], "reason": s["reason"]} for s in run["rejected"] + run["failed"]]
    return {
        "protocol": run["protocol"],
        "data": run["data"] | {"splits": [f"{run['eyes']} eyes"]},
        "n": run["n"],
        "failed": skipped,
        "notes": run["notes"],
        "strata": {},
        "trust": {},
        "baseline": INPUT,
        "primary_metric": "agreement_vessels",
        "primary_region": REGION,
        "gained": list(run["gain_over_input"]),
        "glance": _values(strata, glance),
        "parted_by": "grade",
        "parts": [_values(strata, list(_FIDELITY))],
    }


def per_image(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of per_pair.csv in the columns of per_image.csv."""
    metrics = [metric for metric in METRICS if metric in rows]
    about = {
        "protocol": "pairs",
        "id": [pair_id(row) for row in rows.to_dict("records")],
        "model": rows["model"],
        "region": REGION,
    }
    return pd.DataFrame(about | {m: pd.to_numeric(rows[m], errors="coerce") for m in metrics})


def _values(strata: dict[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    """Return groups (grade, span), heads and rows (method, cells)."""
    return {
        "groups": [
            (f"{grade}: {part['n']} pairs, {part['eyes']} eyes", len(metrics))
            for grade, part in strata.items()
        ],
        "heads": [tables.METRICS[metric] for metric in metrics] * len(strata),
        "rows": [
            (
                name,
                [
                    tables.cell(
                        metric,
                        part["models"][name][REGION][metric],
                        part["gain_over_input"].get(name, {}).get(REGION, {}),
                    )
                    for part in strata.values()
                    for metric in metrics
                ],
            )
            for name in strata["all"]["models"]
        ],
    }


def _table(
    run: dict[str, Any], strata: dict[str, Any], metrics: dict[str, str], cell: Callable[..., str]
) -> str:
    columns = [(group, metric) for group in strata for metric in metrics]
    header = ["method", *(f"{group} {metrics[metric]}" for group, metric in columns)]
    rows = []
    for name in run["models"]:
        cells = [cell(strata[group], name, metric) for group, metric in columns]
        if all(cells):
            rows.append([name, *cells])
    return markdown_table(header, rows, align=True)


def _mean(stratum: dict[str, Any], name: str, metric: str) -> str:
    value = stratum["models"][name][REGION][metric]["mean"]
    return "-" if value is None else f"{value:.{_digits(metric)}f}"


def _gain(stratum: dict[str, Any], name: str, metric: str) -> str:
    """Return the mean and its interval; nothing for the input itself."""
    if name not in stratum["gain_over_input"]:
        return ""
    gain = stratum["gain_over_input"][name][REGION][metric]
    if gain["mean"] is None:
        return "-"
    ends, form = gain["ci95"], f"+.{_digits(metric)}f"
    return f"{gain['mean']:{form}}" + (f" ({ends[0]:{form}} to {ends[1]:{form}})" if ends else "")


def _digits(metric: str) -> int:
    return {"psnr": 2, "false_vessels_per_megapixel": 0}.get(metric, 3)


def _not_averaged(run: dict[str, Any]) -> list[str]:
    """Say which values entered no mean."""
    words = {"inf": "identical to the reference", "nan": "undefined"}
    return [
        f"{metric} of {name}: {count} of {run['n']} {word}, not in the mean"
        for name, regions in run["models"].items()
        for metric, found in regions[REGION].items()
        for key, word in words.items()
        if (count := found.get(key))
    ]
