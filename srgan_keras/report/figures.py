"""Pictures of a run: SR side by side, training curves, strips of samples."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from srgan_keras import metrics
from srgan_keras.data.photograph import Photograph
from srgan_keras.data.registration import WeakRegistration
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.protocol import Method, Sample, Standard
from srgan_keras.models.bicubic import bicubic_upsample
from srgan_keras.report.labels import label

log = logging.getLogger(__name__)

SHOWN = 3
"""Photographs in a comparison."""

PANELS = {
    "Loss of the generator, by term": (
        *("pixel", "structure", "contrast", "content", "adversarial", "grid", "total"),
    ),
    "Loss of the discriminator": ("discriminator",),
    "Discriminator's mean output on HR and SR": ("d_hr", "d_sr"),
    "Validation, PSNR inner (dB)": ("val_psnr", "bicubic_psnr", "input_psnr"),
    "Gradient norm of each term at the output": (
        "pixel_gradient",
        "content_gradient",
        "adversarial_gradient",
        "grid_gradient",
    ),
}
LABELS = {
    "val_psnr": "model",
    "bicubic_psnr": "bicubic",
    "input_psnr": "input",
    "d_hr": "HR",
    "d_sr": "SR",
}
STYLES = {
    "total": {"linewidth": 4, "alpha": 0.3},
    "bicubic_psnr": {"linestyle": "--"},
    "input_psnr": {"linestyle": "--"},
}
LOGARITHMIC = ("Loss of the generator", "Gradient norm")
STAGE_NAMES = {"stage1": "stage 1", "stage2": "stage 2: adversarial"}


def comparison(
    models: Sequence[Method], photographs: Sequence[Photograph], standard: Standard, path: Path
) -> None:
    """Draw the first photographs: LR, bicubic, each model and HR, whole and a detail.

    At scale 1 the input takes the place of LR and bicubic.

    The detail is where HR shows most vessels inside the field of view. PSNR `inner` is below each
    SR. Photographs that cannot be shown are skipped with a warning.

    Raises:
        UsageError: no photograph can be shown.
    """
    shown: list[tuple[str, Sample, dict[str, np.ndarray]]] = []
    for photograph in photographs:
        if len(shown) == SHOWN:
            break
        try:
            sample = standard.prepare(photograph)
            columns = {} if standard.scale == 1 else {"LR": standard.baseline("nearest", sample)}
            columns[standard.reference] = standard.baseline(standard.reference, sample)
            columns |= {model.name: standard.upscale(model, sample) for model in models}
        except (UsageError, WeakRegistration) as error:
            log.warning("%s is skipped in the comparison: %s", photograph.id, error)
            continue
        shown.append((photograph.id, sample, columns | {"HR": sample.hr}))
    if not shown:
        raise UsageError("no photograph can be shown. Choose another split or dataset.")
    _draw_comparison(shown, standard).savefig(path)


def _draw_comparison(
    shown: list[tuple[str, Sample, dict[str, np.ndarray]]], standard: Standard
) -> Figure:
    names = list(shown[0][2])
    shapes = [sample.hr.shape for _, sample, _ in shown for _ in range(2)]
    heights = [1.0 if i % 2 else shape[0] / shape[1] for i, shape in enumerate(shapes)]
    inch = 2.1  # of a column
    figure = Figure(
        (inch * len(names) + 0.4, inch * sum(heights) + 0.4 * len(shown) + 0.9),
        dpi=150,
        layout="constrained",
    )
    grid = figure.subplots(2 * len(shown), len(names), height_ratios=heights, squeeze=False)
    for i, (photograph, sample, columns) in enumerate(shown):
        top, left, side = detail(sample, standard.scale)
        for j, (name, image) in enumerate(columns.items()):
            whole, part = grid[2 * i][j], grid[2 * i + 1][j]
            whole.imshow(image)
            whole.add_patch(Rectangle((left, top), side, side, fill=False, color="white"))
            part.imshow(image[top : top + side, left : left + side], interpolation="nearest")
            if i == 0:
                whole.set_title(label(name))
            if name == "HR":
                part.set_xlabel("original")
            else:
                value = metrics.psnr(sample.hr, image, sample.regions["inner"])
                part.set_xlabel(f"{value:.2f} dB")
        grid[2 * i][0].set_ylabel(label(photograph), fontsize="small")
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    figure.supxlabel(
        f"The first measured photographs, ×{standard.scale}, degradation {standard.degradation}. "
        "Below each: PSNR inner, protocol standard."
        + " LR is shown with its pixels repeated."
        * (standard.scale > 1),
        fontsize="small",
    )
    return figure


def detail(sample: Sample, scale: int) -> tuple[int, int, int]:
    """Find the square of HR with most vessels: thin structures darker than their surroundings.

    Its side is a fifth of the long side, and it begins on an LR pixel. It lies inside the region
    `inner` if the protocol has one with room for it.

    Returns:
        top, left and side, in HR px.
    """
    height, width = sample.hr.shape[:2]
    side = max(max(height, width) // 5, 8 * scale) // scale * scale
    side = min(side, height // scale * scale, width // scale * scale)
    thin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(5, side // 8),) * 2)
    green = cv2.GaussianBlur(sample.hr[..., 1], (0, 0), 1)
    vessels = cv2.morphologyEx(green, cv2.MORPH_BLACKHAT, thin).astype(np.float32)
    mask = sample.regions.get("inner")
    inner = np.ones(green.shape, np.float32) if mask is None else mask.astype(np.float32)

    def mean_over_squares(values: np.ndarray) -> np.ndarray:
        means = cv2.blur(values, (side, side), anchor=(0, 0))  # of the square that begins here
        return means[: height - side + 1 : scale, : width - side + 1 : scale]

    amount, inside = mean_over_squares(vessels * inner), mean_over_squares(inner)
    amount[inside < min(0.999, inside.max())] = -1
    top, left = np.unravel_index(amount.argmax(), amount.shape)
    return int(top) * scale, int(left) * scale, side


def curves(history: pd.DataFrame, path: Path) -> None:
    """Draw `history.csv`: losses, the discriminator's output, validation PSNR.

    Stage 2 follows stage 1 on the axis. Missing or empty columns are skipped.
    """
    measured = set(history.dropna(axis="columns", how="all").columns)
    panels = {t: columns for t, columns in PANELS.items() if measured & set(columns)}
    rows = max(1, -(-len(panels) // 2))
    figure = Figure((10, 3.2 * rows), dpi=150, layout="constrained")
    grid = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes, (title, columns) in zip(grid, panels.items(), strict=False):
        _panel(axes, history, [column for column in columns if column in measured])
        axes.set_title(title, fontsize="medium", pad=16)
        if title.startswith(LOGARITHMIC):
            axes.set_yscale("log")
    for axes in grid[len(panels) :]:
        axes.axis("off")
    if not panels:
        figure.suptitle("history.csv holds no values")
    figure.savefig(path)


def _panel(axes: Axes, history: pd.DataFrame, columns: list[str]) -> None:
    start = 0  # of a stage on the axis
    labelled: set[str] = set()
    for stage, part in history.groupby("stage", sort=False):
        filled = [column for column in columns if part[column].notna().any()]
        if filled:
            axes.axvline(start, color="grey", linewidth=0.8, linestyle=":")
            axes.text(
                start, 1.0, f" {STAGE_NAMES.get(stage, stage)}", fontsize="small", color="grey",
                va="bottom", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        for column in filled:
            shown = part.dropna(subset=[column])
            style = {"marker": ".", "color": f"C{columns.index(column)}"} | STYLES.get(column, {})
            known = None if column in labelled else LABELS.get(column, column.split("_")[0])
            axes.plot(start + shown["step"], shown[column], label=known, **style)
            labelled.add(column)
        start += part["step"].max()
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    if len(columns) > 1:
        axes.legend(fontsize="small")


def sample_strip(lr: np.ndarray, sr: np.ndarray, hr: np.ndarray, path: Path) -> None:
    """Write one PNG: LR with its pixels repeated, bicubic, SR and HR side by side.

    At scale 1: LR, SR and HR.

    Args:
        lr: uint8 RGB [h, w, 3].
        sr: uint8 RGB [s * h, s * w, 3].
        hr: uint8 RGB, same shape as `sr`.
        path: the file.
    """
    height, width = hr.shape[:2]
    scale = height // lr.shape[0]
    panels = [lr.repeat(scale, axis=0).repeat(scale, axis=1)]
    if scale > 1:
        floats = bicubic_upsample(lr[np.newaxis].astype(np.float32), scale)[0].numpy()
        panels.append(np.rint(floats.clip(0, 255)).astype(np.uint8))
    gap = np.full((height, max(1, width // 64), 3), 255, np.uint8)
    strip = np.concatenate(
        [part for panel in (*panels, sr) for part in (panel, gap)] + [hr], axis=1
    )
    Image.fromarray(strip).save(path)
