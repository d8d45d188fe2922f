"""Pictures of an experiment: what was found on each input, and precision against recall."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from srgan_keras.downstream.scores import curve
from srgan_keras.downstream.tasks import CLASSES, Case
from srgan_keras.metrics.masks import found
from srgan_keras.report.labels import label

SHOWN = 2
"""Photographs of which overlays are drawn."""
RIGHT, FALSE, MISSED = (0, 200, 0), (230, 0, 0), (0, 90, 255)


def overlay(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Colour a grey copy of the image: green found, red found wrongly, blue missed."""
    grey = (image.mean(axis=2, keepdims=True) * 0.7).astype(np.uint8).repeat(3, axis=2)
    for where, colour in ((truth & mask, RIGHT), (mask & ~truth, FALSE), (truth & ~mask, MISSED)):
        grey[where] = colour
    return grey


def overlays(
    case: Case,
    images: Mapping[str, np.ndarray],
    probabilities: Mapping[str, np.ndarray],
    task: str,
    network: str,
    out: Path,
) -> None:
    """Write `overlays-NETWORK-ID.png`: a row a class, a column an input."""
    classes = CLASSES[task]
    figure = Figure(figsize=(4 * len(images), 4 * len(classes)), layout="constrained")
    figure.suptitle("green: found, red: found and not there, blue: missed")
    axes = figure.subplots(len(classes), len(images), squeeze=False)
    for c, class_ in enumerate(classes):
        for axis, (name, image) in zip(axes[c], images.items(), strict=True):
            mask = found(probabilities[name][..., c]) & case.fov
            axis.imshow(overlay(image, case.masks[..., c], mask), interpolation="none")
            axis.set_title(f"{class_}, {label(name)}")
            axis.set_axis_off()
    figure.savefig(out / f"overlays-{network}-{case.id}.png", dpi=110)


def precision_recall(
    counts: Mapping[tuple, list[np.ndarray]],
    names: list[str],
    classes: tuple[str, ...],
    out: Path,
) -> None:
    """Write `pr_curves.png`: a row an experiment, a column a class; all pixels in one curve."""
    experiments = list(dict.fromkeys(key[:3] for key in counts))
    size = (4 * len(classes), 3.4 * len(experiments))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(experiments), len(classes), squeeze=False)
    for row, experiment in zip(axes, experiments, strict=True):
        for axis, class_ in zip(row, classes, strict=True):
            for name in names:
                precision, recall = curve(np.sum(counts[(*experiment, name, class_)], axis=0))
                axis.plot(recall, precision, label=label(name))
            data = label(Path(experiment[0]).name)
            axis.set_title(f"{class_}: {data}, {experiment[2]}, {experiment[1]}", fontsize=8)
            axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
            axis.legend(fontsize=7)
    figure.savefig(out / "pr_curves.png", dpi=110)
