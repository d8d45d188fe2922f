"""The reader of DICOM files: photographs of the eye and secondary captures, of one frame.

This module needs the extra `dicom`.
"""

import math
import zlib
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread, uid
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels import apply_color_lut

from srgan_keras.data.dicom_pixels import NATIVE, SYNTAXES, Frame, decoded
from srgan_keras.data.image_file import (
    DAMAGED,
    DEPTH,
    MAX_PIXELS,
    SEVERAL,
    TOO_LARGE,
    Density,
    Reason,
    Samples,
    check_size,
)

WITHOUT_PIXELS = "a DICOM file without pixels"

CLASSES = (
    uid.OphthalmicPhotography8BitImageStorage,
    uid.OphthalmicPhotography16BitImageStorage,
    uid.WideFieldOphthalmicPhotographyStereographicProjectionImageStorage,
    uid.WideFieldOphthalmicPhotography3DCoordinatesImageStorage,
    uid.VLPhotographicImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
"""The SOP classes that are read: those of photographs, and those of captures of them."""

SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
"""The elements that give the distance of pixels in mm, the one that counts first."""

_CHANNELS = {
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip
_METHODS = {
    uid.JPEGBaseline8Bit: "ISO_10918_1",
    uid.JPEGExtended12Bit: "ISO_10918_1",
    uid.JPEGLSNearLossless: "ISO_14495_1",
    uid.JPEG2000: "ISO_15444_1",
    uid.HTJ2K: "ISO_15444_15",
}
"""Terms for the method of each transfer syntax that may be lossy (PS3.3, C.7.6.1.1.5)."""

_MOST_INFLATED = 6 * MAX_PIXELS + 2**27
"""Bytes of the largest pixels, and more for everything else."""


def read_dicom(data: bytes) -> Samples:
    """Read a DICOM file, with or without the preamble.

    Raises:
        Reason: the policy refuses it.
        Exception: it is damaged, in a way that a decoder words.
    """
    dataset = _parsed(data)
    _check_kind(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    frame = _frame(dataset)
    notes = _notes(dataset)
    pixels = decoded(dataset, frame, syntax, notes)
    lossy = _lossy(dataset, syntax, pixels.nbytes)
    bits = 16 if frame.bits == 8 else frame.bits
    if frame.colours == "PALETTE COLOR":
        pixels, bits = np.ascontiguousarray(apply_color_lut(pixels[..., 0], dataset)), 16
    del dataset.PixelData
    return Samples(
        pixels,
        profile=dataset.get("ICCProfile"),
        bits=bits,
        negative=frame.colours == "MONOCHROME1",
        notes=notes,
        density=density(dataset),
        lossy=lossy,
        header=dataset,
    )


def _parsed(data: bytes) -> Dataset:
    """Return the elements of a file, with the transfer syntax in its `file_meta`.

    Raises:
        Reason: it has no SOP class, as anything has that only looks like DICOM.
    """
    file = BytesIO(data)
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflated = inflater.decompress(data[file.tell() :], _MOST_INFLATED)
        if inflater.unconsumed_tail:
            raise Reason(TOO_LARGE)
        dataset = read_dataset(BytesIO(inflated), False, True)
        dataset.file_meta = meta
    else:
        dataset = dcmread(BytesIO(data), force=True)
    if "SOPClassUID" not in dataset:  # DICOMDIR has it in its head only
        kind = dataset.file_meta.get("MediaStorageSOPClassUID")
        if kind is None:
            raise Reason(DAMAGED)
        dataset.SOPClassUID = kind
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = NATIVE[0 if implicit else 1]
    return dataset


def _check_kind(dataset: Dataset) -> None:
    """Refuse what is not one photograph, before its pixels are looked at.

    Raises:
        Reason: see `docs/image-files.md`.
    """
    kind = dataset.SOPClassUID
    if kind not in CLASSES:
        raise Reason(f"a DICOM file of class {kind.name}: not a photograph")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise Reason(DEPTH)
    if not dataset.get("PixelData"):
        raise Reason(WITHOUT_PIXELS)
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise Reason(SEVERAL)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in SYNTAXES:
        raise Reason(
            f"a DICOM file of transfer syntax {syntax.name}: convert it to {NATIVE[1].name}"
        )
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if "ModalityLUTSequence" in dataset or slope not in (None, 1) or intercept not in (None, 0):
        raise Reason("rescaled values: convert them to those of a photograph")


def _frame(dataset: Dataset) -> Frame:
    """Describe the pixels.

    Raises:
        Reason: they are of another kind or size, or the description contradicts itself.
    """
    colours = dataset.PhotometricInterpretation
    if colours not in _CHANNELS:
        raise Reason(f"{colours} colours: convert it to RGB")
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    check_size(columns, rows)
    allocated, bits = dataset.BitsAllocated, dataset.BitsStored
    wrong = dataset.get("PixelRepresentation") or allocated not in (8, 16) or bits < 8
    if wrong:
        raise Reason(DEPTH)
    if bits > allocated or dataset.HighBit != bits - 1 or samples != _CHANNELS[colours]:
        raise Reason(DAMAGED)
    return Frame((rows, columns, samples), allocated, bits, colours)


def _notes(dataset: Dataset) -> list[str]:
    """Say what the file holds and the photograph does not."""
    notes = []
    if any(tag.group & 0xFF00 == 0x6000 and tag.element == 0x3000 for tag in dataset.keys()):  # noqa: SIM118
        notes.append("has overlays, which are dropped")
    if dataset.get("WindowWidth") or "VOILUTSequence" in dataset:
        notes.append("has a window for display, which is not applied")
    if dataset.get("BurnedInAnnotation") == "YES":
        notes.append("has annotations in its pixels, which may name the patient")
    return notes


def density(dataset: Dataset) -> Density | None:
    """Return pixels per metre, along a row and along a column, where both are known."""
    for name in SPACINGS:
        spacing = dataset.get(name)
        if spacing and len(spacing) == 2 and all(0 < v < math.inf for v in map(float, spacing)):
            return 1000 / float(spacing[1]), 1000 / float(spacing[0])
    return None


def _lossy(dataset: Dataset, syntax: str, size: int) -> tuple[tuple[str, float], ...]:
    """Return every lossy compression that the file declares, and the one of its own pixels."""
    if dataset.get("LossyImageCompression") == "01":
        ratios = _several(dataset.get("LossyImageCompressionRatio")) or [0.0]
        methods = _several(dataset.get("LossyImageCompressionMethod"))
        methods += [""] * (len(ratios) - len(methods))
        return tuple(zip(map(str, methods), map(float, ratios), strict=False))
    if syntax in _METHODS:
        return ((_METHODS[syntax], size / len(dataset.PixelData)),)
    return ()


def _several(value: object) -> list:
    return [] if value is None else [value] if isinstance(value, (str, float)) else list(value)
