"""The splits of a preprocessed dataset: copies of one photograph are in the same split."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from srgan_keras.data.decode import decode
from srgan_keras.data.photograph import SPLITS
from srgan_keras.data.prepared import Row
from srgan_keras.preparation.duplicates import Described, groups


def group(described: dict[str, Described], rows: list[Row], out: Path) -> None:
    """Set `group` of the kept rows: copies of one photograph share the id of the first.

    Args:
        described: description of each photograph, by source.
        rows: all rows of the manifest.
        out: the preprocessed dataset; its images may be at the top or in the folder of any split.
    """
    kept = [row for row in rows if not row.reason]

    def read(index: int) -> np.ndarray:
        name = f"{kept[index].id}.png"
        # an image that was made again is at the top, its older version in the folder of a split
        folders = [out / "images", *(out / "images" / split for split in SPLITS)]
        return decode(next(f / name for f in folders if (f / name).exists()).read_bytes())

    known = [described[row.source] for row in kept]
    first: dict[int, str] = {}
    numbers = groups(known, read, [row.sha256 for row in kept]).tolist()
    for row, number in zip(kept, numbers, strict=True):
        row.group = first.setdefault(number, row.id)


def conflicts(rows: list[Row]) -> list[dict[str, int]]:
    """Return the groups of copies with more than one grade: id -> grade."""
    grades: dict[str, dict[str, int]] = {}
    for row in rows:
        if row.group and row.grade is not None:
            grades.setdefault(row.group, {})[row.id] = row.grade
    return [grade for grade in grades.values() if len(set(grade.values())) > 1]


def assign(rows: list[Row]) -> None:
    """Set `split` of the kept rows, so that all copies of a photograph are in the same split.

    If the folders of the source name splits, these stay. Photographs outside them are skipped. If
    two splits hold a copy of a photograph, test goes before validation, and validation before
    train: the other copy is skipped. If no folder is for test, a tenth of train becomes it; so with
    validation.

    If no folder names a split, 80/10/10 are drawn. Both draws take whole groups, evenly over grade
    and resolution, and depend on the photographs alone.
    """
    kept = [row for row in rows if not row.reason]
    if not any(row.split for row in kept):
        _draw(kept, ("test", "validation"))
        return
    for row in kept:
        if not row.split:
            row.reason = "outside the folders of the splits"
    _no_copies_across([row for row in kept if row.split])
    train = [row for row in kept if row.split == "train" and not row.reason]
    there = {row.split for row in kept if not row.reason}
    _draw(train, tuple(split for split in ("test", "validation") if split not in there))


def _no_copies_across(rows: list[Row]) -> None:
    for group in copies(rows):
        first = max((row.split for row in group), key=("train", "validation", "test").index)
        for row in group:
            if row.split != first:
                row.reason, row.split = f"copy of a photograph of the {first} split", ""


def _draw(rows: list[Row], splits: tuple[str, ...]) -> None:
    """Give a tenth of the groups to each of the splits, the rest to train.

    Each tenth takes every n-th group in the order of grade and resolution, so it represents all.
    """
    groups = sorted(copies(rows), key=_stratum)
    tenth = max(1, round(len(groups) / 10)) if len(groups) > len(splits) else 0
    for row in rows:
        row.split = SPLITS[0]
    for part, split in enumerate(splits):
        for index in range(tenth):
            position = (index + (part + 0.5) / len(splits)) * len(groups) / tenth
            for row in groups[int(position)]:
                row.split = split


def copies(rows: list[Row]) -> list[list[Row]]:
    """Return the rows by photograph: those with the same `group` together."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group or row.id].append(row)
    return list(groups.values())


def _stratum(group: list[Row]) -> tuple[int, int, int, str]:
    first = min(group, key=lambda row: row.sha256)
    grade = -1 if first.grade is None else first.grade
    return grade, first.source_width, first.source_height, first.sha256
