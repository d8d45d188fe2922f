"""The contents of a preprocessed dataset, and how to read it.

It holds `manifest.csv` (one row per source file, kept or skipped), `images/SPLIT/ID.png`,
`masks/SPLIT/ID.png` (field of view, 0 or 255) and `prepared.json`, which is written last.
"""

import csv
import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from srgan_keras.data.fov import FOV_MASK_VERSION
from srgan_keras.data.photograph import SPLITS, Photograph, phantom_count
from srgan_keras.errors import UsageError
from srgan_keras.files import is_file_name

VERSION = 1
APTOS2019 = "aptos2019"
"""DATASET that names the TensorFlow dataset of the photographs in data/aptos2019."""
INFO, MANIFEST, JOURNAL = "prepared.json", "manifest.csv", "journal.jsonl"


@dataclass(slots=True)
class Row:
    """A row of the manifest: one source file."""

    source: str
    """Path of the file below the source folder."""
    id: str
    split: str = ""
    grade: int | None = None
    group: str = ""
    """Id of the first copy, which all copies of a photograph share."""
    sha256: str = ""
    """Hash of the bytes of the source file."""
    source_width: int = 0
    source_height: int = 0
    fov_left: int = 0
    """Box of the field of view in px of the upright source, with the next three."""
    fov_top: int = 0
    fov_width: int = 0
    fov_height: int = 0
    width: int = 0
    """Width of the preprocessed image in px."""
    height: int = 0
    fov_share: float = 0.0
    """Share of the preprocessed image inside the field of view."""
    sharpness: float = 0.0
    """Variance of the Laplacian of the green channel inside the field of view."""
    reason: str = ""
    """Reason why the file was skipped; empty if it was kept."""


def is_prepared(root: Path) -> bool:
    """Tell whether `root` is a preprocessed dataset, finished or not."""
    return (root / INFO).exists() or (root / JOURNAL).exists()


def folder(dataset: str) -> Path:
    """Return the folder that DATASET stands for."""
    return Path("data", APTOS2019) if dataset == APTOS2019 else Path(dataset)


def information(root: Path) -> dict[str, Any]:
    """Return the contents of prepared.json.

    Raises:
        UsageError: `prepare` did not finish the folder, or another version wrote it.
    """
    try:
        info = json.loads((root / INFO).read_text(encoding="utf-8"))
        version = info["version"]
    except (OSError, ValueError, KeyError):
        raise UsageError(f"{root} is not finished: run `srgan-keras prepare` again") from None
    if version != VERSION:
        raise UsageError(f"{root} has version {version}, not {VERSION}: prepare it again")
    return info


def read(root: Path) -> list[Photograph]:
    """Return the photographs of a preprocessed dataset, sorted by id, in the manifest's splits.

    Raises:
        UsageError: `prepare` did not finish it, or its manifest was changed.
    """
    info = information(root)
    if manifest_sha256(root) != info["manifest_sha256"]:
        raise UsageError(
            f"{root / MANIFEST} was changed or deleted: run `srgan-keras prepare` again"
        )
    found: dict[str, Photograph] = {}
    with (root / MANIFEST).open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            try:
                photograph = None if row["reason"] else _photograph(root, row)
                if photograph and found.setdefault(photograph.id, photograph) is not photograph:
                    raise ValueError(f"two rows have the id {photograph.id!r}")
            except (KeyError, TypeError, ValueError) as error:
                where = f"{root / MANIFEST}, line {rows.line_num}"
                raise UsageError(f"{where}: {error}. Prepare the originals again.") from None
    return sorted(found.values(), key=lambda p: p.id)


def _photograph(root: Path, row: dict[str, str]) -> Photograph:
    id_, split = row["id"], row["split"]
    # results are written to files with this name, so it must not lead to another folder
    if not is_file_name(id_):
        raise ValueError(f"{id_!r} is no file name")
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split")
    name = Path(split, id_ + ".png")
    return Photograph(
        id=id_,
        split=split,
        sha256=row["sha256"],
        path=root / "images" / name,
        grade=int(row["grade"]) if row["grade"] else None,
        mask_path=root / "masks" / name,
    )


def check(
    dataset: str,
    hr_long_side: int,
    protocol: str = "standard",
    crop: bool = True,
    fov_mask: int | None = None,
) -> int:
    """Return the version of the field-of-view masks to use with DATASET.

    Args:
        dataset: DATASET.
        hr_long_side: wanted long side in px; 0 is native size.
        protocol: name of the protocol of the measurement.
        crop: whether the caller crops to the field of view.
        fov_mask: wanted version; None takes the dataset's own.

    Raises:
        UsageError: DATASET is a preprocessed dataset that lacks the wanted pixels or masks.
    """
    if phantom_count(dataset) is not None or not is_prepared(folder(dataset)):
        return fov_mask or FOV_MASK_VERSION
    info = information(folder(dataset))
    own = info["options"]["hr_long_side"]
    originals = f"use the originals, {info['source']}"
    if protocol == "author" or not crop:
        raise UsageError(f"{dataset} is already cropped to the field of view: {originals}")
    if own and (hr_long_side > own or not hr_long_side):
        wanted = f"{hr_long_side} px" if hr_long_side else "native size"
        raise UsageError(f"{dataset} has a long side of {own} px, not {wanted}: {originals}")
    if fov_mask not in (None, info["options"]["fov_mask"]):
        raise UsageError(f"{dataset} has masks of another version than {fov_mask}: {originals}")
    return info["options"]["fov_mask"]


def manifest_sha256(root: Path) -> str:
    """Return the hash of the manifest's bytes; empty if there is no manifest."""
    file = root / MANIFEST
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def write_manifest(root: Path, rows: list[Row]) -> None:
    """Write the manifest, in the order of the rows."""
    with (root / MANIFEST).open("w", newline="", encoding="utf-8") as out:
        names = [field.name for field in fields(Row)]
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)
