"""The bytes of image files: PNG, TIFF, JPEG, lossless WebP, and DICOM.

PNG and TIFF keep 8 or 16 bit, grey, alpha, and the ICC profile. `docs/image-files.md` lists what
the others keep. Each file has its provenance and, if it is known, the density of its pixels.
"""

import struct
from typing import BinaryIO

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image

from srgan_keras.data.image_file import ImageFile, Reason, scaled
from srgan_keras.inference.provenance import SOFTWARE, Provenance, xmp
from srgan_keras.inference.signature import DESCRIPTION, PNG_HEAD, PNG_MARK, chunk

SUFFIXES = {"png": ".png", "tiff": ".tiff", "jpeg": ".jpg", "webp": ".webp", "dicom": ".dcm"}
"""The suffix of each format."""

_LONGEST = {"jpeg": 65500, "webp": 16383, "dicom": 65535}
"""The longest side in px, where a format has one."""

_INCH = 0.0254
_JPEG_QUALITY = 95


def check_fits(width: int, height: int, format: str) -> None:
    """Check that a format can hold an image.

    Raises:
        Reason: it cannot.
    """
    longest = _LONGEST.get(format, 2**31)
    if max(width, height) > longest:
        raise Reason(
            f"SR of {width} x {height} px is too large for {format.upper()}, which ends at "
            f"{longest} px: choose another format, or set long_side"
        )


def encode(
    file: BinaryIO,
    image: ImageFile,
    format: str,
    about: Provenance | None = None,
    keep_identity: bool = False,
) -> None:
    """Write an image.

    Args:
        file: to write to; it can seek.
        image: what to write.
        format: one of `SUFFIXES`.
        about: the provenance. None: the file has the package's mark only.
        keep_identity: copy the patient and the study of a DICOM input into a DICOM file.

    Raises:
        Reason: the format cannot hold it.
    """
    check_fits(*image.colour.shape[1::-1], format)
    text = "" if about is None else about.text
    if format == "dicom":
        from srgan_keras.inference.dicom_file import write_dicom

        write_dicom(file, image, about, keep_identity)
    else:
        writers = {"png": _png, "tiff": _tiff, "jpeg": _jpeg, "webp": _webp}
        writers[format](file, image, text)


def losses(image: ImageFile, format: str) -> list[str]:
    """Return what a format cannot keep of an image, a predicate each."""
    lost = []
    if format in ("jpeg", "webp") and image.colour.dtype == np.uint16:
        lost.append("becomes 8 bit")
    if format in ("jpeg", "dicom") and image.alpha is not None:
        lost.append("loses its alpha channel: it is written over black")
    if format in ("webp", "dicom") and image.grey and image.profile:
        lost.append("is grey: its colour profile is dropped")
    return lost


def _png(file: BinaryIO, image: ImageFile, text: str) -> None:
    _, data = cv2.imencodeWithMetadata(
        ".png",
        _channels(image, bgr=True),
        [cv2.IMAGE_METADATA_ICCP] if image.profile else [],
        [np.frombuffer(image.profile, np.uint8)] if image.profile else [],
        # level 1: on photographs a fifth larger than level 6, and five times as fast
        [cv2.IMWRITE_PNG_COMPRESSION, 1],
    )
    chunks = [PNG_MARK]
    if text:
        chunks.append(chunk(b"iTXt", DESCRIPTION.encode() + bytes(5) + text.encode()))
    if image.density:
        x, y = (min(round(value), 2**31 - 1) for value in image.density)
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    file.writelines((data.data[:PNG_HEAD], *chunks, data.data[PNG_HEAD:]))


def _tiff(file: BinaryIO, image: ImageFile, text: str) -> None:
    inches = None if image.density is None else tuple(v * _INCH for v in image.density)
    tifffile.imwrite(
        file,
        _channels(image, bgr=False),
        photometric="minisblack" if image.grey and image.alpha is None else "rgb",
        extrasamples=None if image.alpha is None else ["unassalpha"],
        iccprofile=image.profile,
        software=SOFTWARE,
        description=text.encode() or None,
        resolution=inches,
        resolutionunit=None if inches is None else "INCH",
        compression="zlib",
        rowsperstrip=64,
        metadata=None,
    )


def _jpeg(file: BinaryIO, image: ImageFile, text: str) -> None:
    dots = (0, 0) if image.density is None else tuple(round(v * _INCH) for v in image.density)
    pixels = image.eight_bit()
    Image.fromarray(pixels[..., 0] if image.grey else pixels).save(
        file,
        "JPEG",
        quality=_JPEG_QUALITY,
        subsampling=0,
        icc_profile=image.profile,
        dpi=dots if max(dots) < 2**16 else (0, 0),
        xmp=xmp(text),
    )


def _webp(file: BinaryIO, image: ImageFile, text: str) -> None:
    pixels = _eight_bit(image, image.colour)
    if image.alpha is not None:
        pixels = np.dstack([pixels, _eight_bit(image, image.alpha)])
    exif = Image.Exif()
    if image.density:
        exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = (
            value * _INCH for value in image.density
        )
        exif[ExifTags.Base.ResolutionUnit] = 2
    Image.fromarray(pixels).save(
        file,
        "WEBP",
        lossless=True,
        exact=True,  # also where alpha is 0
        quality=20,  # of a lossless file, the effort
        method=1,
        icc_profile=None if image.grey else image.profile,
        exif=exif.tobytes() if image.density else b"",
        xmp=xmp(text),
    )


def _eight_bit(image: ImageFile, levels: np.ndarray) -> np.ndarray:
    """Return `colour` or `alpha` of an image, uint8."""
    if levels.dtype == np.uint8:
        return levels
    return scaled(image.stored(levels), 2**image.bits - 1, 255).astype(np.uint8)


def _channels(image: ImageFile, bgr: bool) -> np.ndarray:
    """Return the file's channels; a grey file with alpha becomes RGBA."""
    colour = image.stored(image.colour)
    alpha = None if image.alpha is None else image.stored(image.alpha)
    if image.grey and alpha is None:
        return np.ascontiguousarray(colour[..., 0])
    if alpha is not None:
        return np.dstack([colour[..., ::-1] if bgr else colour, alpha])
    return cv2.cvtColor(colour, cv2.COLOR_RGB2BGR) if bgr else colour
