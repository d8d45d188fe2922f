"""The pixels of a DICOM file's frame: native, RLE, JPEG, JPEG-LS, and JPEG 2000.

pydicom separates the parts of a file, and imagecodecs decodes them. The sizes in a compressed
stream are compared with the file's before it is decoded: memory stays bounded.
"""

import struct
from typing import NamedTuple

import imagecodecs
import numpy as np
from pydicom import Dataset, uid
from pydicom.encaps import get_frame, parse_basic_offsets
from pydicom.filebase import DicomBytesIO
from pydicom.pixels import get_decoder

from srgan_keras.data.image_file import DAMAGED, DEPTH, SEVERAL, Reason

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
_JPEG_2000 = (
    *(uid.JPEG2000Lossless, uid.JPEG2000),
    *(uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K),
)
SYNTAXES = (*NATIVE, uid.RLELossless, *_JPEG, *_JPEG_LS, *_JPEG_2000)
"""The transfer syntaxes that are read."""

_SEGMENTS = 15  # of RLE, at most


class Frame(NamedTuple):
    """The pixels as the header describes them.

    Attributes:
        shape: rows, columns, and samples of a pixel.
        allocated: bits of a sample with its padding, 8 or 16.
        bits: bits that are used, 8 to 16.
        colours: the photometric interpretation.
    """

    shape: tuple[int, int, int]
    allocated: int
    bits: int
    colours: str


class Stream(NamedTuple):
    """The facts at the head of a compressed stream.

    Attributes:
        shape: rows, columns, and samples of a pixel.
        bits: bits of a sample.
        lossless: whether it is JPEG without loss (SOF 3).
        ycc: whether a marker says that the colours are YCbCr; None: no marker says so or denies it.
    """

    shape: tuple[int, int, int]
    bits: int
    lossless: bool = False
    ycc: bool | None = None


def decoded(dataset: Dataset, frame: Frame, syntax: str, notes: list[str]) -> np.ndarray:
    """Decode the only frame; YCbCr becomes RGB.

    Args:
        dataset: of a file with the element PixelData.
        frame: its description.
        syntax: UID of one of `SYNTAXES`.
        notes: what is said about the file gets more predicates.

    Returns:
        [H, W, C], uint8 for 8 bits, uint16 for more.

    Raises:
        Reason: the length or the size of the pixels is wrong.
        Exception: they are damaged, in a way that a decoder words.
    """
    if syntax in NATIVE:
        pixels = _native(dataset, frame)
    else:
        pixels = _compressed(_stream(dataset), frame, syntax, notes)
    if pixels.shape != frame.shape or pixels.dtype not in (np.uint8, np.uint16):
        raise Reason(DAMAGED)
    if pixels.dtype == np.uint16 and int(pixels.max()) >= 1 << frame.bits:
        raise Reason(DAMAGED)
    return pixels.astype(np.uint8 if frame.bits == 8 else np.uint16, copy=False)


def _native(dataset: Dataset, frame: Frame) -> np.ndarray:
    bits = np.prod(frame.shape) * frame.allocated
    if frame.colours == "YBR_FULL_422":  # of two pixels two, one and one sample
        if frame.allocated != 8 or frame.shape[1] % 2:
            raise Reason(DAMAGED)
        bits = bits * 2 // 3
    size = int(bits) // 8
    if len(dataset.PixelData) not in (size, size + size % 2):
        raise Reason(DAMAGED)
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    pixels = decoder.as_array(dataset, raw=True)[0].reshape(frame.shape)
    if frame.bits < frame.allocated:  # an overlay may be above the bits that are used
        pixels = pixels & pixels.dtype.type((1 << frame.bits) - 1)
    return _rgb(pixels, frame)


def _stream(dataset: Dataset) -> bytes:
    """Return the compressed stream, of which the file may hold several fragments."""
    data = dataset.PixelData
    if len(parse_basic_offsets(DicomBytesIO(data))) > 1:
        raise Reason(SEVERAL)
    return get_frame(data, 0, number_of_frames=1)


def _compressed(stream: bytes, frame: Frame, syntax: str, notes: list[str]) -> np.ndarray:
    if syntax == uid.RLELossless:
        return _rgb(_rle(stream, frame), frame)
    head = _of_jpeg_2000(stream) if syntax in _JPEG_2000 else _of_jpeg(stream)
    if head is None or head.shape != frame.shape or not 8 <= head.bits <= 16:
        raise Reason(DAMAGED)
    if syntax in _JPEG_2000:
        return _rgb(imagecodecs.jpeg2k_decode(stream).reshape(frame.shape), frame)
    if not stream.rstrip(b"\0").endswith(b"\xff\xd9"):  # libjpeg fills the rest with grey
        raise Reason(DAMAGED)
    if syntax in _JPEG_LS:
        return _rgb(imagecodecs.jpegls_decode(stream).reshape(frame.shape), frame)
    return _jpeg(stream, head, frame, notes)


def _jpeg(stream: bytes, head: Stream, frame: Frame, notes: list[str]) -> np.ndarray:
    if frame.shape[2] == 1:
        return imagecodecs.jpeg8_decode(stream).reshape(frame.shape)
    said = frame.colours != "RGB"
    ycc = said if head.ycc is None else head.ycc
    if ycc != said:
        names = {True: "YCbCr", False: "RGB"}
        notes.append(f"says {names[said]}, its JPEG stream {names[ycc]}: read as {names[ycc]}")
    kind = "YCBCR" if ycc and not head.lossless else "RGB"
    pixels = imagecodecs.jpeg8_decode(stream, colorspace=kind, outcolorspace="RGB")
    return _rgb(pixels, frame._replace(colours="YBR_FULL" if ycc and head.lossless else "RGB"))


def _rle(stream: bytes, frame: Frame) -> np.ndarray:
    """Decode RLE (PS3.5, annex G): PackBits, a segment for each byte of a sample, high ones first.

    Raises:
        Reason: a segment has another length.
    """
    rows, columns, samples = frame.shape
    count, *starts = struct.unpack_from(f"<{_SEGMENTS + 1}I", stream)
    parts = samples * frame.allocated // 8
    if count != parts:
        raise Reason(DAMAGED)
    ends = [*starts[1:parts], len(stream)]
    planes = []
    for start, end in zip(starts[:parts], ends, strict=True):
        segment = imagecodecs.packbits_decode(stream[start:end], out=bytearray(rows * columns + 1))
        if len(segment) not in (rows * columns, rows * columns + 1):  # one for an even length
            raise Reason(DAMAGED)
        planes.append(np.frombuffer(segment, np.uint8, rows * columns))
    joined = np.stack(planes, axis=-1)
    if frame.allocated == 16:
        joined = joined.view(">u2").astype(np.uint16)
    return joined.reshape(frame.shape)


def _rgb(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """Convert YBR_FULL, with or without subsampling, to RGB (PS3.3, C.7.6.3.1.2); rounded once."""
    if not frame.colours.startswith("YBR_FULL"):
        return pixels  # a JPEG 2000 decoder undoes YBR_RCT and YBR_ICT
    top = (1 << frame.bits) - 1
    y, b, r = np.moveaxis(pixels.astype(np.float32), 2, 0)
    b, r = b - (top + 1) / 2, r - (top + 1) / 2
    rgb = np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], axis=-1)
    return np.clip(np.rint(rgb), 0, top).astype(pixels.dtype)


def _of_jpeg(stream: bytes) -> Stream | None:
    """Read the segments before the pixels of a JPEG or JPEG-LS stream; None: there is no frame."""
    at, ycc = 2, None
    while stream[:2] == b"\xff\xd8" and at + 4 <= len(stream):
        mark, code, size = struct.unpack_from(">BBH", stream, at)
        body = stream[at + 4 : at + 2 + size]
        if mark != 0xFF:
            return None
        if code == 0xFF:  # a fill byte
            at += 1
            continue
        if code == 0xE0 and body.startswith(b"JFIF\0"):
            ycc = True
        elif code == 0xEE and body.startswith(b"Adobe") and len(body) > 11:
            ycc = body[11] == 1
        elif code in (*range(0xC0, 0xC4), *range(0xC5, 0xC8), 0xF7):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", body)
            if body[6 : 6 + 3 * samples : 3] in (b"RGB", b"rgb"):
                ycc = False
            return Stream((rows, columns, samples), bits, code == 0xC3, ycc)
        at += 2 + size
    return None


def _of_jpeg_2000(stream: bytes) -> Stream | None:
    """Read the segment SIZ of a JPEG 2000 codestream; None: there is none.

    Raises:
        Reason: the samples are signed.
    """
    at = stream.find(b"\xff\x4f\xff\x51", 0, 2**12)  # some files keep the boxes of JP2
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", stream, at + 8)
    samples, depth = struct.unpack_from(">HB", stream, at + 40)
    if depth & 0x80:
        raise Reason(DEPTH)
    return Stream((bottom - top, right - left, samples), depth + 1)
