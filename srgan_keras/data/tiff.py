"""The reader of TIFF files: tifffile, and Pillow for 8 bit files that tifffile does not decode."""

import io
from dataclasses import replace

import numpy as np
import tifffile
from PIL import ExifTags, Image

from srgan_keras.data.image_file import (
    DAMAGED,
    DEPTH,
    SEVERAL,
    Density,
    Reason,
    Samples,
    check_size,
    per_metre,
    scaled,
)
from srgan_keras.data.raster import by_pillow

_COLOURS = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3}
"""Channels of each photometric interpretation that is read."""

_THUMBNAILS = 16

_LOSSY = {"JPEG": "ISO_10918_1", "OJPEG": "ISO_10918_1"}
"""DICOM's terms for compressions that are lossy."""

_UNSIGNED = (tifffile.SAMPLEFORMAT.UINT, tifffile.SAMPLEFORMAT.VOID)


def read_tiff(data: bytes) -> Samples:
    """Read a TIFF or BigTIFF file.

    Raises:
        Reason: the policy refuses it.
        Exception: it is damaged, in a way that a decoder words.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _only_page(file, len(data))
        orientation = page.tags.valueof(ExifTags.Base.Orientation, default=1)
        profile = page.tags.valueof(ExifTags.Base.InterColorProfile)
        profile = profile if isinstance(profile, bytes) else None
        try:
            if page.photometric.name == "YCBCR" and page.compression.name != "JPEG":
                raise NotImplementedError  # tifffile returns YCbCr values
            samples = _grey_or_rgb(page)
        except Exception:
            if page.bitspersample not in (1, 8):  # Pillow drops bits
                raise
            samples = _by_pillow(data)
        found = density(page)
        lossy = ()
        if page.compression.name in _LOSSY:
            lossy = ((_LOSSY[page.compression.name], page.nbytes / sum(page.databytecounts)),)
    return replace(samples, orientation=orientation, profile=profile, density=found, lossy=lossy)


def density(page: tifffile.TiffPage) -> Density | None:
    """Return the density in the tags of a page."""
    x, y = (
        page.tags.valueof(tag) for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution)
    )
    return per_metre(x, y, page.tags.valueof(ExifTags.Base.ResolutionUnit, default=2))


def _only_page(file: tifffile.TiffFile, size: int) -> tifffile.TiffPage:
    page = None
    for index, other in enumerate(file.pages):  # of a damaged file, they may be endless
        if index > _THUMBNAILS:
            raise Reason(SEVERAL)
        if not other.is_reduced:  # a thumbnail is
            if page is not None:
                raise Reason(SEVERAL)
            page = other
    if page is None:
        raise Reason(DAMAGED)
    check_size(page.imagewidth, page.imagelength)
    if page.imagedepth != 1:
        raise Reason(SEVERAL)
    if page.photometric.name not in _COLOURS:
        kind = {"SEPARATED": "CMYK"}.get(page.photometric.name, page.photometric.name)
        raise Reason(f"{kind} colours: convert it to RGB")
    if page.sampleformat not in _UNSIGNED or page.bitspersample not in range(1, 17):
        raise Reason(DEPTH)
    # tifffile fills a part that is not there with zeros
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)
    if not all(0 < count <= size - offset for offset, count in parts):
        raise Reason(DAMAGED)
    return page


def _grey_or_rgb(page: tifffile.TiffPage) -> Samples:
    colours, bits = _COLOURS[page.photometric.name], page.bitspersample
    stored = page.asarray()
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
    if page.axes == "SYX":  # a plane for each channel
        stored = np.moveaxis(stored, 0, 2)
    pixels = np.atleast_3d(stored)
    if pixels.shape[:2] != (page.imagelength, page.imagewidth) or pixels.shape[2] < colours:
        raise Reason(DAMAGED)
    if page.photometric.name == "PALETTE":
        table = (page.colormap.T >> 8).astype(np.uint8)
        return Samples(table[pixels[..., 0]])
    if bits < 8:
        pixels = scaled(pixels, 2**bits - 1, 255).astype(np.uint8)
    kind, channels, dropped = _channels(pixels.shape[2], colours, page)
    return Samples(
        pixels[..., channels],
        bits=max(bits, 8) if pixels.dtype == np.uint16 else 16,
        negative=page.photometric.name == "MINISWHITE",
        associated=kind == "ASSOCALPHA",
        notes=[f"has {dropped} channels beyond colour and alpha: dropped"] * bool(dropped),
    )


def _channels(count: int, colours: int, page: tifffile.TiffPage) -> tuple[str, list[int], int]:
    """Choose the colours and one alpha (TIFF 6.0, tag ExtraSamples).

    Returns:
        The kind of alpha or "", the channels to keep, and the number of those that are dropped.
    """
    kinds = [kind.name for kind in page.extrasamples]
    if not kinds and count == colours + 1:
        kinds = ["UNASSALPHA"]  # no tag: as Pillow reads it
    alphas = [index for index, kind in enumerate(kinds) if kind.endswith("ALPHA")][:1]
    channels = [*range(colours), *(colours + index for index in alphas)]
    return "".join(kinds[index] for index in alphas), channels, count - len(channels)


def _by_pillow(data: bytes) -> Samples:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        check_size(*image.size)
        return Samples(by_pillow(image))
