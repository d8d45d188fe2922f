"""The results of an evaluation as a Markdown table."""

from typing import Any

from srgan_keras.evaluation.summarise import gains, reference
from srgan_keras.tables import markdown_table

_REGIONS = ("inner", "fov", "full")  # the primary one first
_METRICS = ("psnr", "ssim")  # these first
_DIGITS = {"psnr": 3, "lr_consistency": 3, "vgg_distance": 6}  # of the others: 4
FILES_ALONE = ("psnr_green", "ssim_green", "psnr_y", "ssim_y")  # too many columns
_ONE_REGION = {"colour_drift": "fov"}


def table(result: dict[str, Any]) -> str:
    """Return a table for each run: means, and in parentheses the gain over bicubic or the input.

    PSNR is in dB. Only the files have the values of the green channel and of Y.

    Args:
        result: the contents of metrics.json.
    """
    return "\n\n".join(_run(run) for run in result["runs"])


def _run(run: dict[str, Any]) -> str:
    protocol, models, base = run["protocol"], run["models"], reference(run)
    columns = _columns(models[base])
    header = ["model", *(f"{metric} {region}" for metric, region in columns)]
    lines = []
    for name, values in models.items():
        over = gains(run).get(name)
        line = [name]
        for metric, region in columns:
            gain = over[region][metric]["mean"] if over else None
            line.append(_cell(metric, values[region][metric]["mean"], gain))
        lines.append(line)
    side = f"long side {protocol['hr_long_side']} px" if protocol["hr_long_side"] else "native size"
    source = run["data"]["source"] or "photographs"
    title = (
        f"protocol {protocol['name']}, x{protocol['scale']}, {protocol['degradation']}, {side}, "
        f"rounding {protocol['rounding']}; {source}, n = {run['n']}; means (gain over {base})"
    )
    said = (*_not_averaged(models, base, columns, run["n"]), *run["notes"], *_trust(run))
    notes = "".join(f"\n- {note}" for note in said)
    return f"{title}\n\n{markdown_table(header, lines, align=True)}{notes}".rstrip("\n")


def _columns(regions: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (metric, region) in the order of the table."""
    metrics = {metric for values in regions.values() for metric in values} - set(FILES_ALONE)
    ordered = [*(m for m in _METRICS if m in metrics), *sorted(metrics - set(_METRICS))]
    return [(m, r) for m in ordered for r in _REGIONS if _shown(m, r, regions)]


def _shown(metric: str, region: str, regions: dict[str, dict[str, Any]]) -> bool:
    return metric in regions.get(region, {}) and _ONE_REGION.get(metric, region) == region


def _cell(metric: str, mean: float | None, gain: float | None) -> str:
    digits = _DIGITS.get(metric, 4)
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}" + ("" if gain is None else f" ({gain:+.{digits}f})")


def _not_averaged(
    models: dict[str, Any], base: str, columns: list[tuple[str, str]], n: int
) -> list[str]:
    """Return a note for each mean that does not include all values.

    A photograph whose value of the reference is missing has no gain either.
    """
    words = {"inf": "identical to HR", "nan": "without a pixel to measure"}
    return [
        f"{metric} {region} of {name}: {count} of {n} {word}, not in the mean"
        + (", nor in the gains" if name == base and len(models) > 1 else "")
        for name, values in models.items()
        for metric, region in columns
        for key, word in words.items()
        if (count := values[region][metric].get(key))
    ]


def _trust(run: dict[str, Any]) -> list[str]:
    """Return a note for each model: flags, and width and coverage of its intervals."""
    lines = []
    for name, found in run["trust"].items():
        line = f"{name}: {len(found['flagged'])} of {run['n']} flagged: detail not supported by LR"
        if known := found["calibration"]:
            line += (
                f"; its intervals of {100 * known['level']:.0f} % cover "
                f"{100 * known['coverage']['mean']:.1f} % of the field of view, half-width "
                f"{known['half_width']['mean']:.2f} grey levels "
                f"({known['constant_half_width']['mean']:.2f} without the uncertainty map)"
            )
        lines.append(line)
    return lines
