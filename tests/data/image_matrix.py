"""Image files of every kind, each with the pixels that it must be read to, or the reason why not.

The files are written by Pillow, tifffile and OpenCV from pixels drawn here. `cells` yields those of
one container: container x bit depth x channels x planes x compression x alpha x profile x frames x
orientation. Depth, channels, planes, compression and alpha are combined in full; profile, byte
order and orientation go round over these.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms

from tests.data.profiles import ADOBE, CMYK, DAMAGED, GREY, SRGB

CONTAINERS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "other")
RNG = np.random.default_rng(0)
SHAPE = (6, 9)
# the largest level occurs, as it does in a photograph
RGBA = RNG.integers(0, 256, (*SHAPE, 4), np.uint8)
RGBA[0, 0], RGBA[0, 1], RGBA[0, 2] = 255, (9, 8, 7, 0), (200, 100, 50, 255)
DEEP = RGBA.astype(np.uint16) * 256 + RNG.integers(0, 256, RGBA.shape, np.uint16)
DEEP[0, 0], DEEP[0, 1, 3] = 65535, 0
COUNT = {"grey": 1, "negative": 1, "grey alpha": 2, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class Cell:
    """A file.

    Attributes:
        name: what is in it.
        data: its bytes.
        refused: words of the reason, or an empty string.
        colour, alpha: pixels as stored, over the full range of their type; grey has [H, W].
        bits: of 16.
        orientation: to be applied to the pixels.
        profile: that is in the file.
        tolerance: grey levels.
        notes: words of what is said.
    """

    name: str
    data: bytes
    refused: str = ""
    colour: np.ndarray | None = None
    alpha: np.ndarray | None = None
    bits: int = 16
    orientation: int = 1
    profile: bytes | None = None
    tolerance: int = 0
    notes: tuple[str, ...] = ()

    @property
    def kept_profile(self) -> bytes | None:
        """The profile, if it is for the colours of the file."""
        wanted = b"GRAY" if self.colour.ndim == 2 else b"RGB "
        fits = self.profile is not None and self.profile[16:20] == wanted
        return self.profile if fits and self.profile != DAMAGED else None


def cells(container: str) -> Iterator[Cell]:
    """Yield the cells of one of `CONTAINERS`."""
    kinds = {
        "PNG": (_png, _png_palette, _frames),
        "JPEG": (_jpeg,),
        "MPO": (_mpo,),
        "WEBP": (_webp, _frames),
        "BMP": (_bmp,),
        "TIFF": (_tiff, _tiff_lossy, _tiff_channels, _tiff_pillow, _tiff_depths, _frames),
        "other": (_other,),
    }
    for make in kinds[container]:
        yield from make() if make is not _frames else make(container)


def _pixels(channels: str, depth: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Return what to store, and what to read: colour, alpha, bits."""
    full = RGBA if depth == "8" else DEEP
    bits = {"8": 16, "16": 16}.get(depth) or int(depth.split()[0])
    stored = full if bits == 16 else full >> (16 - bits)
    read = stored if bits == 16 else np.rint(stored * (65535 / (2**bits - 1))).astype(np.uint16)
    match COUNT[channels]:
        case 1:
            return stored[..., 0], read[..., 0], None, bits
        case 2:
            return stored[..., [0, 3]], read[..., 0], read[..., 3], bits
        case 3:
            return stored[..., :3], read[..., :3], None, bits
    return stored, read[..., :3], read[..., 3], bits


def _profiles(colour: np.ndarray) -> list[tuple[bytes | None, tuple[str, ...]]]:
    """Return profiles, and what is said about each."""
    if colour.ndim == 2:
        return [(None, ()), (GREY, ()), (SRGB, ("is grey, its colour profile is of kind RGB",))]
    dropped = "is RGB, its colour profile is of kind"
    return [
        (None, ()), (SRGB, ()), (ADOBE, ()), (GREY, (f"{dropped} GRAY",)),
        (CMYK, (f"{dropped} CMYK",)), (DAMAGED, ("damaged colour profile",)),
    ]  # fmt: skip


def _tags(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _saved(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _said(bits: int) -> tuple[str, ...]:
    return (f"uses {bits} of its 16 bits",) if bits < 16 else ()


def _png() -> Iterator[Cell]:
    turn = itertools.count()
    for depth, channels in itertools.product(("8", "16", "10 in 16", "12 in 16", "14 in 16"), COUNT):
        if channels == "negative":
            continue
        stored, colour, alpha, bits = _pixels(channels, depth)
        for profile, notes in _profiles(colour):
            if profile and alpha is not None and colour.ndim == 2 and profile != GREY:
                notes = ("colour profile is of kind",)
            orientation = 1 + next(turn) % 9
            name = f"PNG {depth} {channels} orientation {orientation}"
            if depth == "8":
                options = {} if profile is None else {"icc_profile": profile}
                data = _saved(stored, "PNG", exif=_tags(orientation), **options)
            elif channels == "grey alpha":
                continue  # nothing at hand writes it
            else:
                order = [2, 1, 0, 3][: COUNT[channels]] if stored.ndim == 3 else Ellipsis
                kinds, parts = [cv2.IMAGE_METADATA_EXIF], [_tags(orientation).tobytes()[6:]]
                if profile:
                    kinds.append(cv2.IMAGE_METADATA_ICCP)
                    parts.append(profile)
                image = stored if stored.ndim == 2 else stored[..., order]
                parts = [np.frombuffer(part, np.uint8) for part in parts]
                data = cv2.imencodeWithMetadata(".png", image, kinds, parts)[1].tobytes()
            said = notes + _said(bits)
            yield Cell(name, data, "", colour, alpha, bits, orientation, profile, 0, said)


def _png_palette() -> Iterator[Cell]:
    for bits in (1, 2, 4, 8):
        grey = RGBA[..., 0] >> (8 - bits)
        image = Image.fromarray(grey, "P")
        colours = RNG.integers(0, 256, (256, 3), np.uint8)
        image.putpalette(colours[: 2**bits].tobytes())
        expected = colours[grey]
        yield Cell(f"PNG palette {bits}", _saved(image, "PNG", bits=bits), "", expected)
        data = _saved(image, "PNG", bits=bits, transparency=0)
        alpha = np.where(grey == 0, 0, 255).astype(np.uint8)
        yield Cell(f"PNG palette {bits}, a clear colour", data, "", expected, alpha)
    bilevel = RGBA[..., 0] > 99
    yield Cell("PNG 1", _saved(bilevel, "PNG"), "", bilevel * np.uint8(255))
    clear = np.where(RGBA[..., 0] == 255, 0, 255).astype(np.uint8)
    data = _saved(RGBA[..., 0], "PNG", transparency=255)
    yield Cell("PNG grey, a clear level", data, "", RGBA[..., 0], clear)
    clear = np.where((RGBA[..., :3] == 255).all(-1), 0, 255).astype(np.uint8)
    data = _saved(RGBA[..., :3], "PNG", transparency=(255, 255, 255))
    yield Cell("PNG RGB, a clear colour", data, "", RGBA[..., :3], clear)


def _frames(kind: str) -> Iterator[Cell]:
    frame = Image.fromarray(RGBA[..., :3])
    data = _saved(frame, kind, save_all=True, append_images=[frame.rotate(180)])
    yield Cell(f"{kind} of 2 frames", data, "several frames")


def _jpeg() -> Iterator[Cell]:
    turn = itertools.count()
    for channels, quality, sampling, progressive in itertools.product(
        ("grey", "RGB"), (60, 100), (0, 2), (False, True)
    ):
        stored = _pixels(channels, "8")[0]
        for profile, notes in _profiles(stored):
            orientation = 1 + next(turn) % 9
            options = {} if profile is None else {"icc_profile": profile}
            data = _saved(
                stored, "JPEG", quality=quality, subsampling=sampling, progressive=progressive,
                exif=_tags(orientation), **options,
            )  # fmt: skip
            name = f"JPEG {channels} {quality} {sampling} {progressive} orientation {orientation}"
            yield Cell(
                name, data, "", _by_pillow(data), None, 16, orientation, profile, 1, notes
            )
    for profile in (None, CMYK, SRGB):
        options = {} if profile is None else {"icc_profile": profile}
        yield Cell("JPEG CMYK", _saved(Image.fromarray(RGBA, "CMYK"), "JPEG", **options), "CMYK")
    other = _saved(RGBA[..., :3], "JPEG")
    segment = b"\xff\xe2" + (2 + 40).to_bytes(2, "big") + b"not a profile".ljust(40, b"\0")
    yield Cell(
        "JPEG with another APP2", other[:2] + segment + other[2:], "", _by_pillow(other), tolerance=1
    )


def _mpo() -> Iterator[Cell]:
    first = Image.fromarray(RGBA[..., :3])
    data = _saved(first, "MPO", save_all=True, append_images=[first.rotate(180)])
    yield Cell("MPO", data, "", _by_pillow(data), tolerance=1, notes=("holds 2 pictures",))


def _webp() -> Iterator[Cell]:
    turn = itertools.count()
    for channels, lossless in itertools.product(("RGB", "RGBA"), (True, False)):
        stored, colour, alpha, _ = _pixels(channels, "8")
        for profile, notes in _profiles(colour):
            orientation = 1 + next(turn) % 9
            options = {} if profile is None else {"icc_profile": profile}
            data = _saved(
                stored, "WEBP", lossless=lossless, exact=True, exif=_tags(orientation), **options
            )
            seen = _by_pillow(data) if not lossless else stored
            yield Cell(
                f"WebP {channels} lossless {lossless} orientation {orientation}", data, "",
                seen[..., :3], alpha, 16, orientation, profile, int(not lossless), notes,
            )  # fmt: skip


def _bmp() -> Iterator[Cell]:
    rgb = RGBA[..., :3]
    yield Cell("BMP RGB", _saved(rgb, "BMP"), "", rgb)
    yield Cell("BMP grey", _saved(RGBA[..., 0], "BMP"), "", RGBA[..., 0])
    yield Cell("BMP 1", _saved(RGBA[..., 0] > 99, "BMP"), "", (RGBA[..., 0] > 99) * np.uint8(255))
    palette = Image.fromarray(rgb).quantize(16)
    yield Cell("BMP palette", _saved(palette, "BMP"), "", np.asarray(palette.convert("RGB")))
    rgba = cv2.imencode(".bmp", RGBA[..., [2, 1, 0, 3]])[1].tobytes()
    with Image.open(io.BytesIO(rgba)) as image:
        mode = image.mode
    yield Cell("BMP RGBA", rgba, "", rgb, RGBA[..., 3] if mode == "RGBA" else None)


def _written(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


TIFF_COMPRESSIONS = [
    {}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True},
    {"compression": "lzw"}, {"compression": "lzw", "predictor": True}, {"compression": "packbits"},
    {"compression": "zstd"}, {"compression": "lzma"}, {"tile": (16, 16), "compression": "lzw"},
    {"rowsperstrip": 2}, {"bigtiff": True},
]  # fmt: skip


def _tiff() -> Iterator[Cell]:
    turn = itertools.count()
    alphas = {"grey alpha": ("unassalpha", "assocalpha"), "RGBA": ("unassalpha", "assocalpha")}
    for depth, channels, planes, how in itertools.product(
        ("8", "12 in 16", "16"), COUNT, ("contig", "separate"), TIFF_COMPRESSIONS
    ):
        if planes == "separate" and COUNT[channels] == 1:
            continue
        stored, colour, alpha, bits = _pixels(channels, depth)
        for kind in alphas.get(channels, (None,)):
            profile, notes = (some := _profiles(colour))[next(turn) % len(some)]
            orientation = 1 + (i := next(turn)) % 9
            pixels, seen, top = stored, colour, 2**bits - 1 if depth != "8" else 255
            if channels == "negative":
                pixels = top - stored
                if depth == "12 in 16":
                    seen = colour
            if kind == "assocalpha":
                pixels, seen = _multiplied(stored, top, depth)
            data = _written(
                pixels if planes == "contig" else np.ascontiguousarray(np.moveaxis(pixels, 2, 0)),
                photometric={"RGB": "rgb", "RGBA": "rgb", "negative": "miniswhite"}.get(
                    channels, "minisblack"
                ),
                planarconfig=None if COUNT[channels] == 1 else planes,
                extrasamples=[kind] if kind else None,
                iccprofile=profile,
                byteorder="<>"[i // 2 % 2],
                extratags=[(274, "H", 1, orientation, True)],
                **how,
            )
            name = f"TIFF {depth} {channels} {kind} {planes} {how} orientation {orientation}"
            said = notes + _said(bits)
            yield Cell(name, data, "", seen, alpha, bits, orientation, profile, 0, said)


def _multiplied(stored: np.ndarray, top: int, depth: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels with associated alpha, and the colours that can be got back."""
    alpha = stored[..., -1:].astype(np.int64)
    colours = (stored[..., :-1] * alpha + top // 2) // top
    back = np.where(alpha > 0, (2 * colours * top + alpha) // (2 * np.maximum(alpha, 1)), 0)
    back = np.minimum(back, top)
    if depth == "12 in 16":
        back = (2 * back * 65535 + top) // (2 * top)
    pixels = np.concatenate([colours, alpha], axis=-1).astype(stored.dtype)
    back = back.astype(stored.dtype)
    return pixels, back[..., 0] if back.shape[-1] == 1 else back


def _tiff_lossy() -> Iterator[Cell]:
    smooth = cv2.resize(RGBA, (32, 32), interpolation=cv2.INTER_CUBIC)
    for channels, planes, how in itertools.product(
        ("grey", "RGB"), ("contig", "separate"), ("jpeg", "webp", "group4", "group3")
    ):
        if channels == "grey" and planes == "separate":
            continue
        stored = smooth[..., 0] if channels == "grey" else smooth[..., :3]
        name = f"TIFF {channels} {planes} {how}"
        if how.startswith("group"):
            if channels == "grey":
                data = _saved(stored > 99, "TIFF", compression=how)
                yield Cell(name, data, "", (stored > 99) * np.uint8(255))
            continue
        if how == "webp" and (channels, planes) != ("RGB", "contig"):
            continue
        options = {"compressionargs": {"lossless": True}} if how == "webp" else {}
        pixels = stored if planes == "contig" else np.moveaxis(stored, 2, 0).copy()
        data = _written(
            pixels, compression=how, photometric="minisblack" if channels == "grey" else "rgb",
            planarconfig=None if channels == "grey" else planes, **options,
        )  # fmt: skip
        if how == "webp":
            yield Cell(name, data, "", stored)
        else:
            yield Cell(name, data, "", _by_pillow(data), tolerance=1)
    data = _saved(smooth[..., :3], "TIFF", compression="jpeg")
    yield Cell("TIFF JPEG by Pillow", data, "", _by_pillow(data), tolerance=1)
    ycbcr = _written(smooth[..., :3].copy(), compression="jpeg", photometric="ycbcr")
    yield Cell("TIFF JPEG YCbCr", ycbcr, "", _by_pillow(ycbcr), tolerance=1)


def _tiff_channels() -> Iterator[Cell]:
    for full in (RGBA, DEEP):
        depth = f"TIFF {8 * full.itemsize}"
        noted = ("channels that are neither colour nor alpha",)
        unnamed = _written(full, photometric="rgb", extrasamples=["unspecified"])
        yield Cell(f"{depth} RGB and one more", unnamed, "", full[..., :3], notes=noted)
        six = np.concatenate([full, full[..., :2]], axis=2)
        data = _written(six, photometric="rgb", extrasamples=["unassalpha", *["unspecified"] * 2])
        yield Cell(f"{depth} RGBA and two more", data, "", full[..., :3], full[..., 3], notes=noted)
        data = _written(six, photometric="separated")
        yield Cell(f"{depth} CMYK and two more", data, "CMYK")
        data = _written(full, photometric="separated")
        yield Cell(f"{depth} CMYK", data, "CMYK")
        data = _written(np.ascontiguousarray(full[..., :3]), photometric="cielab")
        yield Cell(f"{depth} Lab", data, "CIELAB")
        data = _written(np.stack([full[..., :3]] * 2), photometric="rgb")
        yield Cell(f"{depth} of 2 pages", data, "several frames")
        table = RNG.integers(0, 65536, (3, 256), np.uint16)
        if full is RGBA:
            data = _written(full[..., 0].copy(), photometric="palette", colormap=table)
            expected = (table >> 8).astype(np.uint8).T[full[..., 0]]
            yield Cell(f"{depth} palette", data, "", expected)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(RGBA[::2, ::2, :3].copy(), photometric="rgb", subfiletype=1, metadata=None)
        file.write(RGBA[..., :3].copy(), photometric="rgb", metadata=None)
    yield Cell("TIFF with a thumbnail", buffer.getvalue(), "", RGBA[..., :3])


def _tiff_pillow() -> Iterator[Cell]:
    images = {
        "1": Image.fromarray(RGBA[..., 0] > 99), "L": Image.fromarray(RGBA[..., 0]),
        "LA": Image.fromarray(RGBA[..., [0, 3]]), "P": Image.fromarray(RGBA[..., :3]).quantize(64),
        "RGB": Image.fromarray(RGBA[..., :3]), "RGBA": Image.fromarray(RGBA),
        "I;16": Image.fromarray(DEEP[..., 0]),
    }  # fmt: skip
    for (mode, image), compression in itertools.product(
        images.items(), (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")
    ):
        data = _saved(image, "TIFF", compression=compression)
        pixels = np.asarray(image.convert("RGB") if mode == "P" else image)
        pixels = pixels * np.uint8(255) if mode == "1" else pixels
        alpha = pixels[..., -1] if mode in ("LA", "RGBA") else None
        colour = {"LA": pixels[..., 0] if mode == "LA" else None, "RGBA": pixels[..., :3]}
        yield Cell(f"TIFF {mode} {compression}", data, "", colour.get(mode, pixels), alpha)
    for mode, refused in (("CMYK", "CMYK"), ("LAB", "LAB"), ("F", "pixels other"), ("I", "pixels other")):
        flat = np.ascontiguousarray(RGBA[..., 0])
        image = {
            "CMYK": lambda: Image.fromarray(RGBA, "CMYK"),
            "LAB": lambda: Image.fromarray(RGBA[..., :3].copy(), "LAB"),
            "F": lambda: Image.fromarray(flat.astype(np.float32)),
            "I": lambda: Image.fromarray(flat.astype(np.int32)),
        }[mode]()
        yield Cell(f"TIFF {mode}", _saved(image, "TIFF"), refused)


def _tiff_depths() -> Iterator[Cell]:
    for bits in (1, 2, 4, 6, 10, 12, 14):
        full = DEEP >> (16 - bits)
        top = 2**bits - 1
        new = 255 if bits < 8 else 65535
        small = full.astype(np.uint8 if bits < 8 else np.uint16)
        read = ((2 * small.astype(np.int64) * new + top) // (2 * top)).astype(small.dtype)
        # a row starts at a whole byte
        for name, planes in (("grey", slice(0, 1)), ("RGB", slice(0, 3))):
            pixels = np.ascontiguousarray(np.squeeze(small[..., planes]))
            photometric = "minisblack" if name == "grey" else "rgb"
            if bits == 1:
                if name == "RGB":
                    continue
                pixels = pixels.astype(bool)
            data = _written(pixels, photometric=photometric, bitspersample=bits)
            yield Cell(
                f"TIFF {name} of {bits} bits", data, "", np.squeeze(read[..., planes]),
                bits=bits if bits > 8 else 16,
            )  # fmt: skip
    for kind in (np.float32, np.float16, np.uint32, np.int16, np.int8, np.float64, np.int32):
        for count, photometric in ((1, "minisblack"), (3, "rgb")):
            pixels = np.squeeze(RGBA[..., :count].astype(kind))
            data = _written(pixels, photometric=photometric)
            yield Cell(f"TIFF {kind.__name__} {photometric}", data, "pixels other than 8 or 16 bit")


def _other() -> Iterator[Cell]:
    rgb = RGBA[..., :3]
    for kind in ("GIF", "PPM", "JPEG2000", "TGA", "ICO"):
        yield Cell(kind, _saved(rgb, kind), "not a PNG, JPEG, TIFF, BMP or WebP file")
    yield Cell("text", b"no image at all", "not a PNG")
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF"):
        data = _saved(cv2.resize(rgb, (64, 64)), kind)
        for share in (0.02, 0.5, 0.9):
            cut = data[: max(8 if kind != "WEBP" else 12, int(len(data) * share))]
            yield Cell(f"{kind} cut at {share}", cut, "truncated or damaged")
        yield replace(Cell(f"{kind} named otherwise", data, "", _by_pillow(data), tolerance=1))
