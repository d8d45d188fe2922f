"""The DICOM files of the image matrix."""

import io
import itertools
from collections.abc import Iterator

import cv2
import imagecodecs
import numpy as np
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space

from tests.data.image_cells import DEEP, RGBA, RNG, Cell, by_pillow, saved
from tests.data.profiles import GREY, SRGB

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
EVEN = (6, 8)
_NUMBERS = bytes.maketrans(b"RGB", b"\1\2\3")


def dicom(
    stored: np.ndarray | bytes,
    photometric: str,
    syntax: str = uid.ExplicitVRLittleEndian,
    bits: int = 8,
    preamble: bool = True,
    shape: tuple[int, ...] = (),
    **elements: object,
) -> bytes:
    """Write an ophthalmic photograph; an element that is None is left out.

    Args:
        stored: the samples as they are stored, or a compressed stream.
        photometric: the photometric interpretation.
        syntax: the transfer syntax.
        bits: the bits that are used.
        preamble: whether the file has one.
        shape: of the pixels, where `stored` does not tell it.
        elements: more elements.
    """
    shape = shape or stored.shape
    file = Dataset()
    file.file_meta = Dataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.SOPClassUID = uid.OphthalmicPhotography8BitImageStorage
    file.SOPInstanceUID = uid.generate_uid()
    file.Rows, file.Columns = shape[:2]
    file.SamplesPerPixel = 3 if len(shape) == 3 else 1
    if len(shape) == 3:
        file.PlanarConfiguration = 0
    file.PhotometricInterpretation = photometric
    file.BitsAllocated = 8 if bits == 8 else 16
    file.BitsStored, file.HighBit, file.PixelRepresentation = bits, bits - 1, 0
    file.NumberOfFrames = 1
    if isinstance(stored, bytes):
        file.PixelData = encapsulate([stored])
    else:
        file.PixelData = stored.tobytes() + bytes(stored.nbytes % 2)
    if syntax == uid.RLELossless:  # by pydicom
        file.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        file.compress(uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    file["PixelData"].VR = "OB" if bits == 8 or isinstance(stored, bytes) else "OW"
    for name, value in elements.items():
        if value is None:
            delattr(file, name)
        else:
            setattr(file, name, value)
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=preamble)
    return buffer.getvalue()


def dicom_cells() -> Iterator[Cell]:
    """Yield the cells."""
    for make in (_lossless, _ybr, _palette, _lossy, _markers, _without_preamble, _refused):
        yield from make()


def _of_depth(depth: int, channels: slice | int) -> tuple[np.ndarray, np.ndarray]:
    """Return what to store, and what to read."""
    full = RGBA if depth == 8 else DEEP >> (16 - depth)
    stored = np.ascontiguousarray(full[..., channels])
    if depth in (8, 16):
        return stored, stored
    return stored, np.rint(stored * (65535 / (2**depth - 1))).astype(np.uint16)


def _encoded(stored: np.ndarray, syntax: str, bits: int) -> np.ndarray | bytes:
    """Compress by an encoder that is not the decoder's other half where there is one."""
    if syntax == uid.JPEGLSLossless:
        return imagecodecs.jpegls_encode(stored)
    if syntax == uid.HTJ2KLossless:
        return imagecodecs.htj2k_encode(stored, reversible=True)
    if syntax == uid.JPEG2000Lossless:
        rgb = stored.ndim == 3 and stored.dtype == np.uint8
        if rgb:  # by Pillow, which has no colours of 16 bit
            return saved(stored, "JPEG2000", no_jp2=True, mct=1)
        return imagecodecs.jpeg2k_encode(
            stored, codecformat="j2k", reversible=True, mct=False, bitspersample=bits
        )
    if syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
        space = {"colorspace": "RGB", "outcolorspace": "RGB"} if stored.ndim == 3 else {}
        return imagecodecs.jpeg8_encode(stored, lossless=True, bitspersample=bits, **space)
    return stored


def _lossless() -> Iterator[Cell]:
    syntaxes = (
        *NATIVE, uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLossless, uid.JPEGLSLossless,
        uid.JPEG2000Lossless, uid.HTJ2KLossless,
    )  # fmt: skip
    turn = itertools.count()
    for syntax, depth, photometric, planar in itertools.product(
        syntaxes, (8, 10, 12, 16), ("MONOCHROME1", "MONOCHROME2", "RGB"), (0, 1)
    ):
        colour = photometric == "RGB"
        if planar and not (colour and syntax in NATIVE):
            continue
        stored, seen = _of_depth(depth, slice(0, 3) if colour else 0)
        if photometric == "MONOCHROME1":
            stored = (2**depth - 1 - stored).astype(stored.dtype)
        data = _encoded(stored, syntax, depth)
        if planar:
            data = np.ascontiguousarray(np.moveaxis(stored, 2, 0))
        profile = (None, SRGB if colour else GREY)[next(turn) % 2]
        reversible = syntax == uid.JPEG2000Lossless and colour and depth == 8
        more = {"PlanarConfiguration": planar} if colour else {}
        more |= {"ICCProfile": profile} if profile else {}
        yield Cell(
            f"DICOM {uid.UID(syntax).name} {depth} {photometric} planar {planar}",
            dicom(
                data, "YBR_RCT" if reversible else photometric, syntax, depth, shape=stored.shape,
                **more,
            ),
            "", seen, None, depth if depth in (10, 12) else 16, 1, profile,
        )  # fmt: skip


def _ybr() -> Iterator[Cell]:
    even = cv2.resize(RGBA[..., :3], EVEN[::-1])
    ybr = convert_color_space(even, "RGB", "YBR_FULL")
    seen = convert_color_space(ybr, "YBR_FULL", "RGB")
    planes = np.ascontiguousarray(np.moveaxis(ybr, 2, 0))
    for syntax in (*NATIVE, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless):
        if syntax == uid.JPEG2000Lossless:
            stored = saved(ybr, "JPEG2000", no_jp2=True, mct=0)
        else:
            stored = _encoded(ybr, syntax, 8)
        data = dicom(stored, "YBR_FULL", syntax, shape=ybr.shape)
        yield Cell(f"DICOM {uid.UID(syntax).name} YBR_FULL", data, "", seen, tolerance=1)
    data = dicom(planes, "YBR_FULL", shape=ybr.shape, PlanarConfiguration=1)
    yield Cell("DICOM YBR_FULL planes", data, "", seen, tolerance=1)
    subsampled = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], -1)
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
    seen = convert_color_space(ybr, "YBR_FULL", "RGB")
    for syntax in NATIVE:
        data = dicom(subsampled, "YBR_FULL_422", syntax, shape=ybr.shape)
        yield Cell(f"DICOM {uid.UID(syntax).name} YBR_FULL_422", data, "", seen, tolerance=1)
    deep = DEEP[..., :3] >> 4
    y, b, r = np.moveaxis(deep.astype(float), 2, 0) - np.array([0, 2048, 2048])[:, None, None]
    seen = np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], -1)
    seen = np.rint(np.rint(np.clip(seen, 0, 4095)) * (65535 / 4095)).astype(np.uint16)
    yield Cell("DICOM YBR_FULL 12", dicom(deep, "YBR_FULL", bits=12), "", seen, bits=12)


def _palette() -> Iterator[Cell]:
    indices = RGBA[..., 0].copy()
    for depth, syntax in itertools.product((8, 16), (*NATIVE, uid.RLELossless)):
        table = RNG.integers(0, 2**depth, (256, 3)).astype(f"u{depth // 8}")
        table[0] = 2**depth - 1
        elements = {}
        for name, column in zip(("Red", "Green", "Blue"), table.T, strict=True):
            elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, depth]
            elements[f"{name}PaletteColorLookupTableData"] = column.tobytes()
        data = dicom(indices, "PALETTE COLOR", syntax, **elements)
        name = f"DICOM {uid.UID(syntax).name} palette of {depth} bits"
        yield Cell(name, data, "", table[indices])


def _lossy() -> Iterator[Cell]:
    smooth = cv2.resize(RGBA[..., :3], (32, 32), interpolation=cv2.INTER_CUBIC)
    for subsampling, quality in itertools.product((0, 1, 2), (60, 95)):
        stream = saved(smooth, "JPEG", quality=quality, subsampling=subsampling)
        data = dicom(stream, "YBR_FULL_422", uid.JPEGBaseline8Bit, shape=smooth.shape)
        name = f"DICOM JPEG {subsampling} {quality}"
        yield Cell(name, data, "", by_pillow(stream), tolerance=1)
    stream = saved(smooth[..., 0], "JPEG", quality=90)
    data = dicom(stream, "MONOCHROME2", uid.JPEGBaseline8Bit, shape=(32, 32))
    yield Cell("DICOM JPEG grey", data, "", by_pillow(stream), tolerance=1)
    grey = smooth[..., 0].astype(np.uint16) * 16
    grey[0, 0] = 4095
    stream = imagecodecs.jpeg8_encode(grey, level=95, bitspersample=12)
    seen = np.rint(imagecodecs.jpeg8_decode(stream) * (65535 / 4095)).astype(np.uint16)
    data = dicom(stream, "MONOCHROME2", uid.JPEGExtended12Bit, 12, shape=(32, 32))
    yield Cell("DICOM JPEG of 12 bits", data, "", seen, bits=12)
    stream = imagecodecs.jpegls_encode(smooth, level=2)
    data = dicom(stream, "RGB", uid.JPEGLSNearLossless, shape=smooth.shape)
    yield Cell("DICOM JPEG-LS, near lossless", data, "", smooth, tolerance=2)
    stream = saved(smooth, "JPEG2000", no_jp2=True, mct=1, irreversible=True, quality_layers=[4])
    data = dicom(stream, "YBR_ICT", uid.JPEG2000, shape=smooth.shape)
    yield Cell("DICOM JPEG 2000", data, "", by_pillow(stream), tolerance=1)


def _markers() -> Iterator[Cell]:
    """The photometric interpretation and the markers of the stream agree, or a marker counts."""
    smooth = cv2.resize(RGBA[..., :3], (32, 32), interpolation=cv2.INTER_CUBIC)
    ycc = saved(smooth, "JPEG", quality=95)
    rgb = imagecodecs.jpeg8_encode(smooth, level=95, colorspace="RGB", outcolorspace="RGB")
    no_ycc, no_rgb = (s[:2] + s[4 + int.from_bytes(s[4:6], "big") :] for s in (ycc, rgb))
    for names in (b"R\x11\0G\x11\0B", b"R\0G\0B"):  # in the segments SOF and SOS
        no_rgb = no_rgb.replace(names, names.translate(_NUMBERS))
    for name, stream, photometric, said, seen in (
        ("JFIF", ycc, "RGB", ("says RGB, its JPEG stream YCbCr",), ycc),
        ("Adobe RGB", rgb, "RGB", (), rgb),
        ("Adobe RGB", rgb, "YBR_FULL_422", ("says YCbCr, its JPEG stream RGB",), rgb),
        ("no marker", no_ycc, "YBR_FULL", (), ycc),
        ("no marker", no_rgb, "RGB", (), rgb),
    ):
        data = dicom(stream, photometric, uid.JPEGBaseline8Bit, shape=smooth.shape)
        yield Cell(
            f"DICOM JPEG of {name} as {photometric}", data, "", by_pillow(seen),
            tolerance=1, notes=said,
        )  # fmt: skip


def _without_preamble() -> Iterator[Cell]:
    grey = RGBA[..., 0].copy()
    for syntax in NATIVE[:2]:
        whole = dicom(grey, "MONOCHROME2", syntax)
        yield Cell(f"DICOM without preamble {syntax.name}", whole[132:], "", grey)
        start = whole.index(b"\x08\0\x16\0")
        yield Cell(f"DICOM without a head {syntax.name}", whole[start:], "", grey)


def _refused() -> Iterator[Cell]:
    grey, rgb = RGBA[..., 0].copy(), RGBA[..., :3].copy()
    data = dicom(grey, "MONOCHROME2", NumberOfFrames=3000)
    yield Cell("DICOM of 3000 frames", data, "several frames")
    yield Cell("DICOM without pixels", dicom(grey, "MONOCHROME2", PixelData=None), "without pixels")
    report = dicom(grey, "MONOCHROME2", SOPClassUID=uid.EncapsulatedPDFStorage, PixelData=None)
    yield Cell("DICOM PDF", report, "class Encapsulated PDF Storage: not a photograph")
    ct = dicom(grey, "MONOCHROME2", SOPClassUID=uid.CTImageStorage)
    yield Cell("DICOM CT", ct, "class CT Image Storage: not a photograph")
    for size in (-20, -2, 2, 20, 10 * grey.size):
        pixels = grey.tobytes()[:size] if size < 0 else grey.tobytes() + bytes(size)
        wrong = dicom(grey, "MONOCHROME2", PixelData=pixels)
        yield Cell(f"DICOM {size:+} bytes of pixels", wrong, "truncated or damaged")
    huge = dicom(grey, "MONOCHROME2", Rows=60000, Columns=60000)
    yield Cell("DICOM of 60000 x 60000 px", huge, "over 64 megapixels")
    whole = dicom(rgb, "RGB")
    for share in (0.5, 0.9, 0.99):
        cut = whole[: int(len(whole) * share)]
        yield Cell(f"DICOM cut at {share}", cut, "truncated or damaged|without pixels")
    for name, syntax in (("JPEG", uid.JPEGBaseline8Bit), ("JPEG2000", uid.JPEG2000Lossless)):
        stream = saved(cv2.resize(rgb, (64, 64)), name)
        cut = dicom(stream[: len(stream) // 2], "RGB", syntax, shape=(64, 64, 3))
        yield Cell(f"DICOM {name} cut", cut, "truncated or damaged")
        other = dicom(stream, "RGB", syntax, shape=(64, 60, 3))
        yield Cell(f"DICOM {name} of another size", other, "truncated or damaged")
    signed = dicom(grey, "MONOCHROME2", PixelRepresentation=1)
    yield Cell("DICOM signed", signed, "pixels other than 8 or 16 bit")
    yield Cell("DICOM 1 bit", dicom(grey, "MONOCHROME2", BitsStored=1, HighBit=0), "pixels other")
    yield Cell("DICOM high bit", dicom(grey, "MONOCHROME2", HighBit=6), "truncated or damaged")
    yield Cell("DICOM CMYK", dicom(rgb, "CMYK"), "CMYK colours")
    rescaled = dicom(grey, "MONOCHROME2", RescaleSlope=2, RescaleIntercept=-1024)
    yield Cell("DICOM rescaled", rescaled, "rescaled values")
    video = dicom(b"\0" * 8, "YBR_PARTIAL_420", uid.MPEG2MPML, shape=rgb.shape)
    yield Cell("DICOM MPEG", video, "transfer syntax MPEG2 Main Profile / Main Level")
    yield Cell("DICOM of noise", bytes(128) + b"DICM" + RNG.bytes(500), "truncated or damaged")
    yield Cell("noise like DICOM", b"\x08\0\x05\0" + RNG.bytes(500), "truncated or damaged")
