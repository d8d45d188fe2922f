"""The data of segmentation: photographs with masks that people drew, or phantoms with theirs.

Layouts: DRIVE (`training/` and `test/` with `images/`, `1st_manual/`, `mask/`), CHASE_DB1
(`Image_NNX.jpg` beside `Image_NNX_1stHO.png`), IDRiD (`images/SPLIT/ID.jpg` and
`masks/SPLIT/KIND/ID_KIND.png`; a photograph without a file has no lesion of that kind), phantoms.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from srgan_keras.data.datasets import existing_folder, phantom_count
from srgan_keras.data.decode import SUFFIXES
from srgan_keras.data.fov import crop_to_fov, fov_mask, scale_to_long_side
from srgan_keras.data.photograph import decode_file
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

Task = Literal["vessels", "lesions"]
CLASSES = {"vessels": ("vessel",), "lesions": ("microaneurysm", "haemorrhage", "exudate", "soft")}
IDRID = dict(zip(("MA", "HE", "EX", "SE"), CLASSES["lesions"], strict=True))
PHANTOM_SIDE = 256
"""px; phantoms are for trying things out."""
CHASE_TRAINING = 20
"""The first of the 28 photographs, as is usual."""


@dataclass(frozen=True)
class Case:
    """A photograph at working size.

    Attributes:
        id: of its file.
        split: train or test.
        image: uint8 RGB [H, W, 3], cropped to the field of view.
        fov: bool [H, W].
        masks: bool [H, W, C], one a class of the task; classes may overlap.
    """

    id: str
    split: str
    image: np.ndarray
    fov: np.ndarray
    masks: np.ndarray


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
        "vessels": [("training/images", _drive), ("*_1stHO.png", _chase)],
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
        yield Case(f"phantom-{seed - 1:05d}", split, eye.image, eye.fov, np.stack(masks, 2))


def _drive(root: Path) -> Iterator[Case]:
    for folder, split in (("training", "train"), ("test", "test")):
        for path in _photographs(root / folder / "images"):
            number = path.name.partition("_")[0]
            image = decode_file(path)
            vessels = _only(root / folder / "1st_manual", f"{number}_manual1.*", path)
            fov = _only(root / folder / "mask", f"{number}_*mask.*", path)
            masks = _mask(vessels, image)[..., np.newaxis]
            yield Case(f"{number}_{folder}", split, image, _mask(fov, image), masks)


def _chase(root: Path) -> Iterator[Case]:
    paths = [path for path in _photographs(root) if not path.stem.endswith("HO")]
    for i, path in enumerate(paths):
        image = decode_file(path)
        vessels = _mask(_only(root, f"{path.stem}_1stHO.*", path), image)
        split = "train" if i < CHASE_TRAINING else "test"
        yield Case(path.stem, split, image, fov_mask(image), vessels[..., np.newaxis])


def _idrid(root: Path) -> Iterator[Case]:
    for split in ("train", "test"):
        for kind in IDRID:
            if not (root / "masks" / split / kind).is_dir():
                raise UsageError(f"{root / 'masks' / split / kind} is missing: masks of {kind}")
        for path in _photographs(root / "images" / split):
            image = decode_file(path)
            files = [root / "masks" / split / k / f"{path.stem}_{k}.png" for k in IDRID]
            none = np.zeros(image.shape[:2], bool)
            masks = [_mask(file, image) if file.exists() else none for file in files]
            yield Case(path.stem, split, image, fov_mask(image), np.stack(masks, 2))


def _photographs(folder: Path) -> list[Path]:
    found = [p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES]
    if not found:
        raise UsageError(f"no photographs in {folder}")
    return sorted(found)


def _only(folder: Path, pattern: str, photograph: Path) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        what = "no mask" if not found else f"{len(found)} masks"
        raise UsageError(f"{what} {folder / pattern} for the photograph {photograph.name}")
    return found[0]


def _mask(path: Path, image: np.ndarray) -> np.ndarray:
    """Read a mask by Pillow, since OpenCV may read no GIF: bool [H, W]."""
    try:
        with Image.open(path) as file:
            values = np.asarray(file.convert("L"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        raise UsageError(f"cannot decode the mask {path}: replace it") from None
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
    return Case(case.id, case.split, image[box].copy(), small, masks)
