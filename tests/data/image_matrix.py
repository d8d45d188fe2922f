"""Image files of every kind, each with the pixels that it must be read to, or the reason why not.

The files are written by Pillow, tifffile and OpenCV from pixels drawn here. `cells` yields those of
one container: container x bit depth x channels x planes x compression x alpha x profile x frames x
orientation. Depth, channels, planes, compression and alpha are combined in full; profile, byte
order and orientation go round over these.
"""

import io
import itertools
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from tests.data.image_cells import (
    COUNT,
    RGBA,
    RNG,
    Cell,
    by_pillow,
    drawn,
    profiles,
    said_of_bits,
    saved,
    tags,
)
from tests.data.image_matrix_dicom import dicom_cells
from tests.data.image_matrix_tiff import tiff_cells
from tests.data.profiles import CMYK, GREY, SRGB

CONTAINERS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "DICOM", "other")


def cells(container: str) -> Iterator[Cell]:
    """Yield the cells of one of `CONTAINERS`."""
    kinds = {
        "PNG": (_png, _png_palette, _frames),
        "JPEG": (_jpeg,),
        "MPO": (_mpo,),
        "WEBP": (_webp, _frames),
        "BMP": (_bmp,),
        "TIFF": (tiff_cells, _frames),
        "DICOM": (dicom_cells,),
        "other": (_other,),
    }
    for make in kinds[container]:
        yield from make() if make is not _frames else make(container)


def _png() -> Iterator[Cell]:
    turn = itertools.count()
    for depth, channels in itertools.product(
        ("8", "16", "10 in 16", "12 in 16", "14 in 16"), COUNT
    ):
        if channels == "negative":
            continue
        stored, colour, alpha, bits = drawn(channels, depth)
        for profile, notes in profiles(colour):
            if profile and alpha is not None and colour.ndim == 2 and profile != GREY:
                notes = ("colour profile is of kind",)
            orientation = 1 + next(turn) % 9
            name = f"PNG {depth} {channels} orientation {orientation}"
            if depth == "8":
                options = {} if profile is None else {"icc_profile": profile}
                data = saved(stored, "PNG", exif=tags(orientation), **options)
            elif channels == "grey alpha":
                continue  # nothing at hand writes it
            else:
                order = [2, 1, 0, 3][: COUNT[channels]] if stored.ndim == 3 else Ellipsis
                kinds, parts = [cv2.IMAGE_METADATA_EXIF], [tags(orientation).tobytes()[6:]]
                if profile:
                    kinds.append(cv2.IMAGE_METADATA_ICCP)
                    parts.append(profile)
                image = stored if stored.ndim == 2 else stored[..., order]
                parts = [np.frombuffer(part, np.uint8) for part in parts]
                data = cv2.imencodeWithMetadata(".png", image, kinds, parts)[1].tobytes()
            said = notes + said_of_bits(bits)
            yield Cell(name, data, "", colour, alpha, bits, orientation, profile, 0, said)


def _png_palette() -> Iterator[Cell]:
    for bits in (1, 2, 4, 8):
        grey = RGBA[..., 0] >> (8 - bits)
        image = Image.fromarray(grey, "P")
        colours = RNG.integers(0, 256, (256, 3), np.uint8)
        image.putpalette(colours[: 2**bits].tobytes())
        expected = colours[grey]
        yield Cell(f"PNG palette {bits}", saved(image, "PNG", bits=bits), "", expected)
        data = saved(image, "PNG", bits=bits, transparency=0)
        alpha = np.where(grey == 0, 0, 255).astype(np.uint8)
        yield Cell(f"PNG palette {bits}, a clear colour", data, "", expected, alpha)
    bilevel = RGBA[..., 0] > 99
    yield Cell("PNG 1", saved(bilevel, "PNG"), "", bilevel * np.uint8(255))
    clear = np.where(RGBA[..., 0] == 255, 0, 255).astype(np.uint8)
    data = saved(RGBA[..., 0], "PNG", transparency=255)
    yield Cell("PNG grey, a clear level", data, "", RGBA[..., 0], clear)
    clear = np.where((RGBA[..., :3] == 255).all(-1), 0, 255).astype(np.uint8)
    data = saved(RGBA[..., :3], "PNG", transparency=(255, 255, 255))
    yield Cell("PNG RGB, a clear colour", data, "", RGBA[..., :3], clear)


def _frames(kind: str) -> Iterator[Cell]:
    frame = Image.fromarray(RGBA[..., :3])
    data = saved(frame, kind, save_all=True, append_images=[frame.rotate(180)])
    yield Cell(f"{kind} of 2 frames", data, "several frames")


def _jpeg() -> Iterator[Cell]:
    turn = itertools.count()
    for channels, quality, sampling, progressive in itertools.product(
        ("grey", "RGB"), (60, 100), (0, 2), (False, True)
    ):
        stored = drawn(channels, "8")[0]
        for profile, notes in profiles(stored):
            orientation = 1 + next(turn) % 9
            options = {} if profile is None else {"icc_profile": profile}
            data = saved(
                stored, "JPEG", quality=quality, subsampling=sampling, progressive=progressive,
                exif=tags(orientation), **options,
            )  # fmt: skip
            name = f"JPEG {channels} {quality} {sampling} {progressive} orientation {orientation}"
            yield Cell(name, data, "", by_pillow(data), None, 16, orientation, profile, 1, notes)
    for profile in (None, CMYK, SRGB):
        options = {} if profile is None else {"icc_profile": profile}
        yield Cell("JPEG CMYK", saved(Image.fromarray(RGBA, "CMYK"), "JPEG", **options), "CMYK")
    other = saved(RGBA[..., :3], "JPEG")
    segment = b"\xff\xe2" + (2 + 40).to_bytes(2, "big") + b"not a profile".ljust(40, b"\0")
    yield Cell(
        "JPEG with another APP2",
        other[:2] + segment + other[2:],
        "",
        by_pillow(other),
        tolerance=1,
    )


def _mpo() -> Iterator[Cell]:
    first = Image.fromarray(RGBA[..., :3])
    data = saved(first, "MPO", save_all=True, append_images=[first.rotate(180)])
    yield Cell("MPO", data, "", by_pillow(data), tolerance=1, notes=("holds 2 pictures",))


def _webp() -> Iterator[Cell]:
    turn = itertools.count()
    for channels, lossless in itertools.product(("RGB", "RGBA"), (True, False)):
        stored, colour, alpha, _ = drawn(channels, "8")
        for profile, notes in profiles(colour):
            orientation = 1 + next(turn) % 9
            options = {} if profile is None else {"icc_profile": profile}
            data = saved(
                stored, "WEBP", lossless=lossless, exact=True, exif=tags(orientation), **options
            )
            seen = by_pillow(data) if not lossless else stored
            yield Cell(
                f"WebP {channels} lossless {lossless} orientation {orientation}", data, "",
                seen[..., :3], alpha, 16, orientation, profile, int(not lossless), notes,
            )  # fmt: skip


def _bmp() -> Iterator[Cell]:
    rgb = RGBA[..., :3]
    yield Cell("BMP RGB", saved(rgb, "BMP"), "", rgb)
    yield Cell("BMP grey", saved(RGBA[..., 0], "BMP"), "", RGBA[..., 0])
    yield Cell("BMP 1", saved(RGBA[..., 0] > 99, "BMP"), "", (RGBA[..., 0] > 99) * np.uint8(255))
    palette = Image.fromarray(rgb).quantize(16)
    yield Cell("BMP palette", saved(palette, "BMP"), "", np.asarray(palette.convert("RGB")))
    rgba = cv2.imencode(".bmp", RGBA[..., [2, 1, 0, 3]])[1].tobytes()
    with Image.open(io.BytesIO(rgba)) as image:
        mode = image.mode
    yield Cell("BMP RGBA", rgba, "", rgb, RGBA[..., 3] if mode == "RGBA" else None)


def _other() -> Iterator[Cell]:
    rgb = RGBA[..., :3]
    for kind in ("GIF", "PPM", "JPEG2000", "TGA", "ICO"):
        yield Cell(kind, saved(rgb, kind), "not a PNG, JPEG, TIFF, BMP, WebP or DICOM file")
    yield Cell("text", b"no image at all", "not a PNG")
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF"):
        data = saved(cv2.resize(rgb, (64, 64)), kind)
        for share in (0.02, 0.5, 0.9):
            cut = data[: max(8 if kind != "WEBP" else 12, int(len(data) * share))]
            yield Cell(f"{kind} cut at {share}", cut, "truncated or damaged")
        yield Cell(f"{kind} of 64 px", data, "", by_pillow(data), tolerance=1)
