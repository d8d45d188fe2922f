"""The card of a prepared folder: `card.md` with tables, and pictures to look at in `card/`."""

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from srgan_keras.data.photograph import SPLITS
from srgan_keras.data.prepared import Row

SHOWN = 100  # photographs on the contact sheet, evenly spaced over the manifest
GROUPS = 25  # groups of copies that are shown side by side
_CELL, _COLUMNS = 160, 10
_OUTLINE = (0, 255, 0)


def write_card(out: Path, rows: list[Row]) -> None:
    """Write `card.md`, `card/contact_sheet.jpg`, `card/figures.png` and, of copies, `copies.jpg`.

    Args:
        out: the prepared folder, its images in place.
        rows: of the manifest.
    """
    folder = out / "card"
    folder.mkdir(exist_ok=True)
    kept = [row for row in rows if not row.reason]
    groups = _groups(kept)
    every = max(1, -(-len(kept) // SHOWN))
    _sheet(out, [kept[::every]], folder / "contact_sheet.jpg")
    _figures(kept, folder / "figures.png")
    (folder / "copies.jpg").unlink(missing_ok=True)
    if groups:
        _sheet(out, groups[:GROUPS], folder / "copies.jpg")
    (out / "card.md").write_text(_text(rows, kept, groups, every), encoding="utf-8")


def _groups(kept: list[Row]) -> list[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in kept:
        groups.setdefault(row.group or row.id, []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _text(rows: list[Row], kept: list[Row], groups: list[list[Row]], every: int) -> str:
    sizes = Counter((row.source_width, row.source_height) for row in kept)
    names = {size: f"{size[0]} x {size[1]}" for size in sizes}
    grades = sorted({row.grade for row in kept if row.grade is not None})
    lines = ["# Prepared photographs", "", f"{len(rows)} files found, {len(kept)} kept.", ""]
    reasons = Counter(row.reason for row in rows if row.reason)
    lines += _table(["left out because", "files"], sorted(reasons.items()))
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
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]
    return [*lines, ""] if len(lines) > 2 else []


def _figures(kept: list[Row], file: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    colours = [-1 if row.grade is None else row.grade for row in kept]
    sides = [max(row.source_width, row.source_height) for row in kept]
    dots = axes.scatter(sides, [r.sharpness for r in kept], c=colours, s=12, vmin=-1, vmax=4)
    axes.set(xlabel="long side of the source, px", ylabel="sharpness, grey levels²", yscale="log")
    figure.colorbar(dots, label="grade; -1: none")
    figure.savefig(file, metadata={"Software": None})


def _sheet(out: Path, groups: list[list[Row]], file: Path) -> None:
    """Draw thumbnails, each group from a new line on."""
    empty = np.zeros((_CELL, _CELL, 3), np.uint8)
    lines = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for group in groups:
            cells = list(pool.map(partial(_thumbnail, out), group))
            for start in range(0, len(cells), _COLUMNS):
                line = cells[start : start + _COLUMNS]
                lines.append(np.hstack(line + [empty] * (_COLUMNS - len(line))))
    cv2.imwrite(str(file), np.vstack(lines))


def _thumbnail(out: Path, row: Row) -> np.ndarray:
    name = Path(row.split, f"{row.id}.png")
    # not by imread alone: a name may hold what a code page does not
    image, mask = (
        cv2.imdecode(np.fromfile(out / kind / name, np.uint8), cv2.IMREAD_COLOR)
        for kind in ("images", "masks")
    )
    cell = np.full((_CELL, _CELL, 3), 40, np.uint8)
    room = _CELL - 4
    factor = room / max(image.shape)
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask[..., 0], size, interpolation=cv2.INTER_NEAREST)
    left, top = ((_CELL - side) // 2 for side in size)
    cell[top : top + size[1], left : left + size[0]] = small
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(cell, outlines, -1, _OUTLINE, 1, offset=(left, top))
    return cell
