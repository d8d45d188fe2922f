"""A prepared folder: what is in it, how it is read.

`manifest.csv` (a row a source file, kept or left out), `images/SPLIT/ID.png`, `masks/SPLIT/ID.png`
(field of view, 0 or 255) and `prepared.json`, which is written last.
"""

import csv
import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from srgan_keras.data.fov import FOV_MASK_VERSION
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError

VERSION = 1
APTOS2019 = "aptos2019"
"""SPEC of the TensorFlow dataset, whose photographs the user puts into data/aptos2019."""
INFO, MANIFEST, JOURNAL = "prepared.json", "manifest.csv", "journal.jsonl"


@dataclass(slots=True)
class Row:
    """A line of the manifest: one source file."""

    source: str
    """Path below the source folder."""
    id: str
    split: str = ""
    grade: int | None = None
    group: str = ""
    """The same for copies of one photograph: the first one's id."""
    sha256: str = ""
    """Of the source file's bytes."""
    source_width: int = 0
    source_height: int = 0
    fov_left: int = 0
    """The field of view's box in px of the upright source, as are the next three."""
    fov_top: int = 0
    fov_width: int = 0
    fov_height: int = 0
    width: int = 0
    """Of the prepared image, in px."""
    height: int = 0
    fov_share: float = 0.0
    """Share of the prepared image inside the field of view."""
    sharpness: float = 0.0
    """Variance of the Laplacian of the prepared image's green channel inside the field of view."""
    reason: str = ""
    """Why it was left out; empty for what was kept."""


def is_prepared(root: Path) -> bool:
    """Tell whether `root` is a prepared folder, finished or not."""
    return (root / INFO).exists() or (root / JOURNAL).exists()


def folder(source: str) -> Path:
    """Return the folder that a SPEC stands for."""
    return Path("data", APTOS2019) if source == APTOS2019 else Path(source)


def information(root: Path) -> dict[str, Any]:
    """Return the contents of prepared.json.

    Raises:
        UsageError: the folder was not finished, or is of another version.
    """
    try:
        info = json.loads((root / INFO).read_text(encoding="utf-8"))
        version = info["version"]
    except (OSError, ValueError, KeyError):
        raise UsageError(
            f"{root} was not prepared to its end: give `srgan-keras prepare` again"
        ) from None
    if version != VERSION:
        raise UsageError(f"{root} is of version {version}, not {VERSION}: prepare it anew")
    return info


def read(root: Path) -> list[Photograph]:
    """Return the photographs of a prepared folder, sorted by id, in the manifest's splits.

    Raises:
        UsageError: it was not finished, or its manifest is not the one that was written.
    """
    info = information(root)
    if manifest_sha256(root) != info["manifest_sha256"]:
        raise UsageError(
            f"{root / MANIFEST} was changed or is gone: give `srgan-keras prepare` again"
        )
    found = []
    with (root / MANIFEST).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if not row["reason"]:
                name = Path(row["split"], row["id"] + ".png")
                found.append(
                    Photograph(
                        id=row["id"],
                        split=row["split"],
                        sha256=row["sha256"],
                        path=root / "images" / name,
                        grade=int(row["grade"]) if row["grade"] else None,
                        mask_path=root / "masks" / name,
                    )
                )
    return sorted(found, key=lambda p: p.id)


def check(
    source: str,
    hr_long_side: int,
    protocol: str = "standard",
    crop: bool = True,
    fov_mask: int | None = None,
) -> int:
    """Return the version of the field of view's mask that goes with a data source.

    Args:
        source: SPEC.
        hr_long_side: what is wanted, in px; 0 is native size.
        protocol: which is to measure it.
        crop: whether the field of view is wanted alone.
        fov_mask: version that is wanted; None takes what there is.

    Raises:
        UsageError: `source` is a prepared folder that cannot give what is wanted.
    """
    if source.startswith("phantom") or not is_prepared(folder(source)):
        return fov_mask or FOV_MASK_VERSION
    info = information(folder(source))
    own = info["options"]["hr_long_side"]
    originals = f"give the originals, {info['source']}"
    if protocol == "author" or not crop:
        raise UsageError(f"{source} is cropped to the field of view already: {originals}")
    if own and (hr_long_side > own or not hr_long_side):
        wanted = f"{hr_long_side} px" if hr_long_side else "native size"
        raise UsageError(f"{source} was prepared at {own} px and {wanted} is wanted: {originals}")
    if fov_mask not in (None, info["options"]["fov_mask"]):
        raise UsageError(f"{source} has masks of another version than {fov_mask}: {originals}")
    return info["options"]["fov_mask"]


def manifest_sha256(root: Path) -> str:
    """Return the hash of the manifest's bytes; empty where there is none."""
    file = root / MANIFEST
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def write_manifest(root: Path, rows: list[Row]) -> None:
    """Write the manifest, in the order of the source's names."""
    with (root / MANIFEST).open("w", newline="", encoding="utf-8") as out:
        names = [field.name for field in fields(Row)]
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)
