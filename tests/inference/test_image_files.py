import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.inference.image_files import read, write

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (6, 8, 4), np.uint8)
RGB, GREY = RGBA[..., :3].copy(), RGBA[..., 0].copy()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey"])
def test_what_is_written_is_read_again(tmp_path, suffix, depth, kind):
    factor = 257 if depth == np.uint16 else 1
    alpha = RGBA[..., 3].astype(depth) * factor if kind == "rgba" else None
    colour = np.stack([GREY] * 3, -1) if kind == "grey" else RGB
    profile = None if kind == "grey" else PROFILE
    before = ImageFile(colour.astype(depth) * factor, alpha, kind == "grey", profile)
    write(tmp_path / f"a{suffix}", before)
    after = read(tmp_path / f"a{suffix}")
    assert after.colour.dtype == depth
    np.testing.assert_array_equal(after.colour, before.colour)
    assert (after.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(after.alpha, alpha)
    assert (after.grey, after.profile) == (before.grey, before.profile)
    assert [f.name for f in tmp_path.iterdir()] == [f"a{suffix}"]
    if depth == np.uint8:  # another reader agrees
        seen = np.asarray(Image.open(tmp_path / f"a{suffix}"))
        np.testing.assert_array_equal(seen, {"rgb": RGB, "rgba": RGBA, "grey": GREY}[kind])


@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_orientation_is_applied(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if kind == "WEBP" else {}
    file = tmp_path / f"a.{kind.lower()}"
    Image.fromarray(RGB).save(file, kind, exif=exif, icc_profile=PROFILE, **lossless)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    image = read(file)
    np.testing.assert_array_equal(image.colour, expected)
    assert image.profile == PROFILE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [RGBA, RGBA.astype(np.uint16) * 257], ids=["8 bit", "16 bit"])
def test_the_orientation_of_a_tiff_with_alpha(tmp_path, pixels, orientation):
    tag = (274, "H", 1, orientation, True)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, photometric="rgb", extrasamples=["unassalpha"], extratags=[tag])
    image, tagged = read(file), Image.fromarray(RGBA)
    tagged.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged)) * pixels.dtype.type(
        pixels[0, 0, 0] // RGBA[0, 0, 0]
    )
    np.testing.assert_array_equal(np.dstack([image.colour, image.alpha]), expected)


def test_palettes_bits_and_grey_with_alpha(tmp_path):
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read(tmp_path / "p.png").colour, palette.convert("RGB"))
    Image.fromarray(GREY > 99).save(tmp_path / "1.png")
    np.testing.assert_array_equal(read(tmp_path / "1.png").colour[..., 0], (GREY > 99) * 255)
    Image.fromarray(RGBA[..., :2].copy(), "LA").save(tmp_path / "la.png")
    both = read(tmp_path / "la.png")
    np.testing.assert_array_equal(both.colour[..., 1], RGBA[..., 0])
    np.testing.assert_array_equal(both.alpha, RGBA[..., 1])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_twelve_bits_stay_twelve(tmp_path, suffix):
    twelve = RGB.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", twelve, photometric="rgb")
    image = read(tmp_path / "a.tif")
    assert image.bits == 12
    assert image.notes == ["uses 12 of its 16 bits: read as 12 bits"]
    np.testing.assert_array_equal(image.colour, np.rint(twelve * (65535 / 4095)))
    write(tmp_path / f"b{suffix}", image)
    kept = cv2.imread(str(tmp_path / f"b{suffix}"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(kept[..., ::-1], twelve)


TWO = np.stack([RGB] * 2)


def cmyk_jpeg(file):
    profile = bytearray(PROFILE)
    profile[16:20] = b"CMYK"
    Image.fromarray(RGBA, "CMYK").save(file, "JPEG", icc_profile=bytes(profile))


def truncated(file):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG")
    file.write_bytes(buffer.getvalue()[:80])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.jpg", cmyk_jpeg, "CMYK colours"),
        ("a.tif", lambda f: Image.fromarray(RGBA, "CMYK").save(f), "CMYK colours"),
        ("a.tif", lambda f: tifffile.imwrite(f, TWO, photometric="rgb"), "several frames"),
        ("a.tif", lambda f: cv2.imwrite(str(f), RGB.astype(np.float32)), "pixels other than"),
        ("a.tif", lambda f: f.write_text("no"), "not a PNG, JPEG, TIFF"),
        ("a.png", truncated, "damaged"),
        ("a.png", lambda f: f.write_bytes(b""), "empty file"),
        ("a.jpg", lambda f: f.write_text("no image"), "not a PNG, JPEG, TIFF"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(Reason, match=message):
        read(tmp_path / name)


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "a.png").mkdir()  # in the way
    with pytest.raises(OSError, match=r"a\.png"):
        write(tmp_path / "a.png", ImageFile(RGB))
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]
