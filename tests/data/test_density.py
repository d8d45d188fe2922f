"""The density of pixels in files of every kind, and what is known of lossy compression."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from srgan_keras.data.decode import read
from tests.data.image_cells import RGBA, saved

RGB = RGBA[..., :3].copy()
INCH = 0.0254


def exif(x, y, unit, orientation=1):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[282], tags[283], tags[296] = x, y, unit
    return tags


def tiff(**options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RGB, photometric="rgb", metadata=None, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "density"),
    [
        (saved(RGB, "PNG", dpi=(300, 150)), (300 / INCH, 150 / INCH)),
        (saved(RGB, "JPEG", dpi=(300, 150)), (300 / INCH, 150 / INCH)),
        (saved(RGB, "BMP", dpi=(300, 150)), (300 / INCH, 150 / INCH)),
        (saved(RGB, "TIFF", dpi=(300, 150)), (300 / INCH, 150 / INCH)),
        (tiff(resolution=(10, 20), resolutionunit="CENTIMETER"), (1000, 2000)),
        (saved(RGB, "WEBP", exif=exif(300, 150, 2)), (300 / INCH, 150 / INCH)),
        (saved(RGB, "PNG", exif=exif(10, 20, 3)), (1000, 2000)),
        (saved(RGB, "JPEG", exif=exif(10, 20, 3, orientation=6)), (2000, 1000)),
        (saved(RGB, "JPEG"), None),
        (saved(RGB, "JPEG", exif=exif(0, 0, 2)), None),
        (tiff(), None),
        (saved(RGB, "PNG"), None),
    ],
)
def test_a_density(data, density):
    found = read(data).density
    assert found == (None if density is None else pytest.approx(density, rel=1e-3))


def test_lossy_compression():
    flat = np.full((64, 64, 3), 90, np.uint8)
    for data, method in (
        (saved(flat, "JPEG"), "ISO_10918_1"),
        (saved(flat, "WEBP", quality=80), ""),
        (saved(flat, "TIFF", compression="jpeg"), "ISO_10918_1"),
    ):
        ((found, ratio),) = read(data).lossy
        assert found == method
        assert ratio > 1
    for data in (saved(flat, "PNG"), saved(flat, "WEBP", lossless=True), saved(flat, "TIFF")):
        assert read(data).lossy == ()
