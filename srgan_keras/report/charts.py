"""Charts of an evaluation, as SVG."""

import io
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from srgan_keras.report.labels import label

UNITS = {"psnr": "PSNR, dB", "ssim": "SSIM"}
AGREEMENTS = {"agreement_green": "agreement, green", "agreement_vessels": "agreement, vessels"}


def distribution(
    rows: pd.DataFrame, region: str, baseline: str = "bicubic", units: dict[str, str] = UNITS
) -> str:
    """Draw each photograph's gain over the baseline, with a box for each model.

    Args:
        rows: the rows of one protocol in per_image.csv.
        region: the region of the values.
        baseline: a model.
        units: two metrics, and how they are written.

    Returns:
        SVG.
    """
    rows = rows[rows["region"] == region]
    models = [model for model in rows["model"].unique() if model != baseline]
    figure = Figure((11, 0.9 + 0.5 * len(models)), layout="constrained")
    axes = figure.subplots(1, len(units), sharey=True)
    for part, (metric, unit) in zip(axes, units.items(), strict=True):
        table = rows.pivot_table(metric, "id", "model", sort=False)
        gains = table.sub(table[baseline], axis=0).replace([np.inf, -np.inf], np.nan)
        columns = [gains[model].dropna() for model in models]
        part.boxplot(
            columns, orientation="horizontal", showfliers=False, widths=0.6, manage_ticks=False,
            medianprops={"color": "black"}, boxprops={"color": "grey"},
        )  # fmt: skip
        for i, values in enumerate(columns, start=1):
            spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
            part.plot(values, i + spread, ".", color=f"C{i - 1}", alpha=0.6, markersize=4)
        part.axvline(0, color="black", linewidth=0.8, linestyle=":")
        part.set_xlabel(f"gain in {unit}, {region}")
        part.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(1, len(models) + 1), map(label, models))
    axes[0].invert_yaxis()
    return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    settings: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "srgan_keras"}
    with matplotlib.rc_context(settings):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
