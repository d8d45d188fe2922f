"""The data of segmentation: photographs with masks that people drew, or phantoms with theirs.

Layouts: DRIVE (`training/` and `test/` with `images/`, `1st_manual/`, `mask/`), CHASE_DB1
(`Image_NNX.jpg` beside `Image_NNX_1stHO.png`), IDRiD (`images/SPLIT/ID.jpg` and
`masks/SPLIT/KIND/ID_KIND.png`; a photograph without a file has no lesion of that kind), phantoms.
Masks may have any suffix that Pillow reads.
"""

import glob
import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from srgan_keras.data.datasets import existing_folder
from srgan_keras.data.decode import SUFFIXES
from srgan_keras.data.fov import crop_to_fov, fov_mask, scale_to_long_side
from srgan_keras.data.listing import of_macos
from srgan_keras.data.photograph import decode_file, phantom_count, phantom_sha256
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

log = logging.getLogger(__name__)

Task = Literal["vessels", "lesions"]
CLASSES = {"vessels": ("vessel",), "lesions": ("microaneurysm", "haemorrhage", "exudate", "soft")}
IDRID = dict(zip(("MA", "HE", "EX", "SE"), CLASSES["lesions"], strict=True))
PHANTOM_SIDE = 256
"""px; phantoms are for trying things out."""
CHASE_TRAINING = 20
"""The first of the 28 photographs, as is usual."""
_NO_MASKS = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Case:
    """A photograph at working size.

    Attributes:
        id: of its file.
        split: train or test.
        image: uint8 RGB [H, W, 3], cropped to the field of view.
        fov: bool [H, W].
        masks: bool [H, W, C], one a class of the task; classes may overlap.
        sha256: of the photograph's file, see `Photograph.sha256`.
    """

    id: str
    split: str
    image: np.ndarray
    fov: np.ndarray
    masks: np.ndarray
    sha256: str = ""


def cases(dataset: str, task: Task, long_side: int = 1024, scale: int = 4) -> list[Case]:
    """Read all photographs and masks of DATASET, sorted by id.

    Args:
        dataset: a folder in one of the layouts, or phantom[:N], of which a quarter is for testing.
        task: which masks.
        long_side: photographs are scaled down to it, in px, never up; 0 keeps their size. A mask
            holds the pixels that are covered by half.
        scale: the sides are cropped at the right and the bottom to its multiple.

    Raises:
        UsageError: no such layout, a mask that is missing or not usable, a class absent from a
            split.
    """
    if count := phantom_count(dataset, least=4):
        raw = _phantoms(count, task)
    else:
        root = existing_folder(dataset)
        raw = _reader(root, task)(root)
    # one at a time: at full size the masks of all photographs would take gigabytes
    found = [_working(case, long_side, scale) for case in raw]
    for split in sorted({case.split for case in found}):
        there = np.any([c.masks.any((0, 1)) for c in found if c.split == split], axis=0)
        absent = [name for name, any_ in zip(CLASSES[task], there, strict=True) if not any_]
        if absent:
            raise UsageError(
                f"{dataset}: no pixel of class {', '.join(absent)} in split {split}. "
                "Give more photographs."
            )
    return sorted(found, key=lambda case: case.id)


def _reader(root: Path, task: Task) -> Callable[[Path], Iterator[Case]]:
    layouts = {
        "vessels": [("training/images", _drive), ("*_1stHO.*", _chase)],
        "lesions": [("masks/train", _idrid)],
    }
    for sign, reader in layouts[task]:
        if any(root.glob(sign)):
            return reader
    signs = " or ".join(sign for sign, _ in layouts[task])
    raise UsageError(
        f"{root} holds no {task}: {signs} is not there (data/README.md has the layouts)"
    )


def _phantoms(count: int, task: Task) -> Iterator[Case]:
    drawn, seed = 0, 0
    while drawn < count:
        eye = phantom(seed, PHANTOM_SIDE)
        seed += 1
        if task == "lesions" and eye.grade < 2:  # microaneurysms at most
            continue
        masks = [eye.vessels] if task == "vessels" else [eye.lesions[kind] for kind in IDRID]
        drawn += 1
        split = "train" if drawn % 4 else "test"
        name, planes = f"phantom-{seed - 1:05d}", np.stack(masks, 2)
        yield Case(name, split, eye.image, eye.fov, planes, phantom_sha256(seed - 1))


def _drive(root: Path) -> Iterator[Case]:
    folders = {"training": "train", "test": "test"}
    if whole := not (root / "test" / "1st_manual").is_dir():
        log.warning(
            "%s is missing, as in today's download of DRIVE: every fourth photograph of training/ "
            "is tested instead",
            root / "test" / "1st_manual",
        )
        del folders["test"]
    for folder, split in folders.items():
        for i, path in enumerate(_photographs(root / folder / "images"), 1):
            number = path.name.partition("_")[0]
            image = decode_file(path)
            stem = glob.escape(number)
            vessels = _only(root / folder / "1st_manual", f"{stem}_manual1.*", path)
            fov = _only(root / folder / "mask", f"{stem}_*mask.*", path)
            masks = _mask(vessels, image)[..., np.newaxis]
            part = "test" if whole and not i % 4 else split
            fov = _mask(fov, image)
            yield Case(f"{number}_{folder}", part, image, fov, masks, _sha256(path))


def _chase(root: Path) -> Iterator[Case]:
    paths = [path for path in _photographs(root) if not path.stem.endswith("HO")]
    for i, path in enumerate(paths):
        image = decode_file(path)
        vessels = _mask(_only(root, f"{glob.escape(path.stem)}_1stHO.*", path), image)
        split = "train" if i < CHASE_TRAINING else "test"
        fov, planes = fov_mask(image), vessels[..., np.newaxis]
        yield Case(path.stem, split, image, fov, planes, _sha256(path))


def _idrid(root: Path) -> Iterator[Case]:
    for split in ("train", "test"):
        for kind in IDRID:
            if not (root / "masks" / split / kind).is_dir():
                raise UsageError(f"{root / 'masks' / split / kind} is missing: masks of {kind}")
        photographs = _photographs(root / "images" / split)
        files = {kind: _by_photograph(root / "masks" / split / kind, photographs) for kind in IDRID}
        for path in photographs:
            image = decode_file(path)
            none = np.zeros(image.shape[:2], bool)
            found = [files[kind].get(path) for kind in IDRID]
            masks = np.stack([none if file is None else _mask(file, image) for file in found], 2)
            yield Case(path.stem, split, image, fov_mask(image), masks, _sha256(path))


def _by_photograph(folder: Path, photographs: list[Path]) -> dict[Path, Path]:
    """Return the masks of a kind by photograph; each file of the folder must belong to one."""
    by_name = {f"{path.stem}_{folder.name}".lower(): path for path in photographs}
    found: dict[Path, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_dir() or of_macos(str(file.relative_to(folder))) or file.name in _NO_MASKS:
            continue
        photograph = by_name.get(file.stem.lower())
        if photograph is None:
            raise UsageError(
                f"the mask {file} belongs to no photograph: name it ID_{folder.name}, where ID is "
                "the name of a photograph, or remove it"
            )
        if photograph in found:
            raise UsageError(f"two masks for {photograph}: remove {file} or {found[photograph]}")
        found[photograph] = file
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _photographs(folder: Path) -> list[Path]:
    found = [p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and not of_macos(p.name)]
    if not found:
        raise UsageError(f"no photographs in {folder}")
    return sorted(found)


def _only(folder: Path, pattern: str, photograph: Path) -> Path:
    found = sorted(file for file in folder.glob(pattern) if not of_macos(file.name))
    if len(found) != 1:
        what = "no mask" if not found else f"{len(found)} masks"
        raise UsageError(f"{what} {folder / pattern} for the photograph {photograph.name}")
    return found[0]


def _mask(path: Path, image: np.ndarray) -> np.ndarray:
    """Read a mask by Pillow, since OpenCV may read no GIF: bool [H, W]."""
    try:
        with Image.open(path) as file:
            frames = getattr(file, "n_frames", 1)
            values = np.asarray(ImageOps.exif_transpose(file).convert("L"))
    except (OSError, SyntaxError, TypeError, ValueError, Image.DecompressionBombError):
        raise UsageError(f"cannot decode the mask {path}: replace it") from None
    if frames > 1:
        raise UsageError(f"mask {path} holds {frames} images: give one")
    if values.shape != image.shape[:2]:
        (h, w), (height, width) = values.shape, image.shape[:2]
        raise UsageError(f"mask {path} is {w} x {h} px, its photograph {width} x {height}")
    levels = np.unique(values)
    if not set(levels.tolist()) <= {0, int(levels[-1])}:
        raise UsageError(f"mask {path} holds {len(levels)} values: give 0 and one other")
    return values > 0


def _working(case: Case, long_side: int, scale: int) -> Case:
    if not case.fov.any():
        raise UsageError(f"{case.id}: the field of view is empty")
    image, fov = crop_to_fov(case.image, case.fov)
    labels, _ = crop_to_fov(case.masks, case.fov)
    image, small = scale_to_long_side(image, fov, long_side)
    planes = [
        scale_to_long_side(labels[..., i] * np.uint8(255), fov, long_side)[0]
        for i in range(labels.shape[2])
    ]
    height, width = (side - side % scale for side in small.shape)
    if not height * width:
        raise UsageError(f"{case.id}: too few pixels for a scale of {scale}")
    box = slice(height), slice(width)
    small = small[box].copy()
    masks = (np.stack(planes, 2)[box] >= 128) & small[..., np.newaxis]
    return replace(case, image=image[box].copy(), fov=small, masks=masks)
