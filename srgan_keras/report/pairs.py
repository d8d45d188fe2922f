"""The result of protocol `pairs` as Markdown tables."""

from collections.abc import Callable
from typing import Any

from srgan_keras.evaluation.pairs import REGION
from srgan_keras.tables import markdown_table

_AGREEMENTS = {"agreement_green": "green", "agreement_vessels": "vessels"}
_FIDELITY = {"psnr": "PSNR", "ssim": "SSIM"}


def table(result: dict[str, Any]) -> str:
    """Return three tables: agreement, its gain over the input, PSNR and SSIM.

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
    said = [*run["notes"], *_not_averaged(run)]
    said += [
        f"{skip['poor']} is skipped: {skip['reason']}" for skip in run["rejected"] + run["failed"]
    ]
    return "\n".join([*lines, *(f"- {note}" for note in said)])


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
    digits = 2 if metric == "psnr" else 3
    return "-" if value is None else f"{value:.{digits}f}"


def _gain(stratum: dict[str, Any], name: str, metric: str) -> str:
    """Return the mean and its interval; nothing for the input itself."""
    if name not in stratum["gain_over_input"]:
        return ""
    gain = stratum["gain_over_input"][name][REGION][metric]
    if gain["mean"] is None:
        return "-"
    ends = gain["ci95"]
    return f"{gain['mean']:+.3f}" + (f" ({ends[0]:+.3f} to {ends[1]:+.3f})" if ends else "")


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
