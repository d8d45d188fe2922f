"""The card of a preprocessed dataset: `card.md` with tables, and pictures in `card/`."""

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from srgan_keras.data.decode import decode, read_bytes
from srgan_keras.data.photograph import SPLITS
from srgan_keras.data.prepared import Row
from srgan_keras.preparation.contact_sheet import sheet, thumbnail
from srgan_keras.preparation.splits import copies
from srgan_keras.tables import markdown_table

SHOWN = 100  # photographs on the contact sheet, evenly spaced over the manifest
GROUPS = 25  # groups of copies, shown side by side


def write_card(out: Path, rows: list[Row], thumbnails: dict[str, np.ndarray]) -> None:
    """Write `card.md`, `card/contact_sheet.jpg`, `card/figures.png`; with copies, `copies.jpg`.

    Args:
        out: the preprocessed dataset, its images in place.
        rows: all rows of the manifest.
        thumbnails: known thumbnails by id; the others are drawn from the images.
    """
    folder = out / "card"
    folder.mkdir(exist_ok=True)
    kept = [row for row in rows if not row.reason]
    groups = [group for group in copies(kept) if len(group) > 1]
    every = max(1, -(-len(kept) // SHOWN))
    _write_sheet(out, [kept[::every]], thumbnails, folder / "contact_sheet.jpg")
    _figures(kept, folder / "figures.png")
    (folder / "copies.jpg").unlink(missing_ok=True)
    if groups:
        _write_sheet(out, groups[:GROUPS], thumbnails, folder / "copies.jpg")
    (out / "card.md").write_text(_text(rows, kept, groups, every), encoding="utf-8")


def _text(rows: list[Row], kept: list[Row], groups: list[list[Row]], every: int) -> str:
    sizes = Counter((row.source_width, row.source_height) for row in kept)
    names = {size: f"{size[0]} x {size[1]}" for size in sizes}
    grades = sorted({row.grade for row in kept if row.grade is not None})
    lines = ["# Prepared photographs", "", f"{len(rows)} files found, {len(kept)} kept.", ""]
    reasons = Counter(row.reason for row in rows if row.reason)
    lines += _table(["skipped because", "files"], sorted(reasons.items()))
    count = Counter((row.split, row.grade) for row in kept)
    lines += ["## Grade by split", ""]
    lines += _table(
        ["split", *map(str, grades), "none", "all"],
        [
            (split, *(count[split, g] for g in (*grades, None)), _sum(count, split))
            for split in SPLITS
        ],
    )
    by_size = Counter((row.source_width, row.source_height, row.grade) for row in kept)
    lines += ["## Source resolution by grade", ""]
    lines += _table(
        ["px", *map(str, grades), "none"],
        [(names[s], *(by_size[*s, g] for g in (*grades, None))) for s, _ in sizes.most_common()],
    )
    lines += ["## Measured", ""]
    lines += _table(
        ["", "least", "5 %", "median", "95 %", "largest"],
        [
            (title, *(f"{v:.4g}" for v in np.percentile([getattr(r, name) for r in kept], _PARTS)))
            for name, title in _MEASURED.items()
        ],
    )
    lines += ["![Sharpness and resolution](card/figures.png)", ""]
    which = "every photograph" if every == 1 else f"every {every}th photograph"
    lines += ["## Contact sheet", "", f"{which.capitalize()}, its field of view outlined.", ""]
    lines += ["![Contact sheet](card/contact_sheet.jpg)", ""]
    if groups:
        lines += ["## Copies of one photograph", "", "Each group is in one split.", ""]
        lines += _table(
            ["copies, each with its grade"],
            [(", ".join(f"{row.id} ({row.grade})" for row in group),) for group in groups],
        )
        lines += [f"The first {GROUPS} groups, a row each:", "", "![Copies](card/copies.jpg)", ""]
    return "\n".join(lines)


_PARTS = (0, 5, 50, 95, 100)
_MEASURED = {
    "width": "width, px",
    "height": "height, px",
    "fov_share": "share inside the field of view",
    "sharpness": "sharpness (variance of the Laplacian)",
}


def _sum(count: Counter, split: str) -> int:
    return sum(number for (part, _), number in count.items() if part == split)


def _table(head: list[str], rows: Iterable[tuple]) -> list[str]:
    rows = list(rows)
    return [*markdown_table(head, rows).splitlines(), ""] if rows else []


def _figures(kept: list[Row], file: Path) -> None:
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots(gridspec_kw={"left": 0.1, "right": 1, "top": 0.96, "bottom": 0.14})
    colours = [-1 if row.grade is None else row.grade for row in kept]
    sides = [max(row.source_width, row.source_height) for row in kept]
    dots = axes.scatter(sides, [r.sharpness for r in kept], c=colours, s=12, vmin=-1, vmax=4)
    axes.set(xlabel="long side of the source, px", ylabel="sharpness, grey levels²", yscale="log")
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter(LogFormatter())  # plain text: formulas take longer than the rest of the card
    figure.colorbar(dots, label="grade; -1: none")
    figure.savefig(file, metadata={"Software": None})


def _write_sheet(
    out: Path, groups: list[list[Row]], known: dict[str, np.ndarray], file: Path
) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cells = [list(pool.map(partial(_cell, out, known), group)) for group in groups]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(sheet(cells), cv2.COLOR_RGB2BGR))
    file.write_bytes(data)  # OpenCV itself crashes on a path that is not UTF-8


def _cell(out: Path, known: dict[str, np.ndarray], row: Row) -> np.ndarray:
    if row.id in known:
        return known[row.id]
    files = (out / kind / row.split / f"{row.id}.png" for kind in ("images", "masks"))
    image, mask = (decode(read_bytes(file)) for file in files)
    return thumbnail(image, cv2.extractChannel(mask, 0))
