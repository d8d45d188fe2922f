"""What becomes of each kind of file that is no clean 8 bit RGB photograph."""

import csv
import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras import cli
from srgan_keras.data import datasets, decode
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

GOOD = phantom(1, 96).image


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opencv(suffix, image):
    return cv2.imencode(suffix, image)[1].tobytes()


def bomb():
    """A PNG of 20,000 x 20,000 px by its header."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    png += struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(bytes(60_001))
    png += struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return png + b"\x00\x00\x00\x00IEND\xaeB`\x82"


def several(kind):
    frame = Image.fromarray(GOOD)
    return encoded(frame, kind, save_all=True, append_images=[frame.rotate(90)])


NAN = GOOD.astype(np.float32)
NAN[40, 40] = np.nan
NO_KIND = "not a PNG, JPEG, TIFF, BMP, WebP or DICOM file"
SKIPPED = {
    "truncated.png": (lambda: encoded(GOOD, "PNG")[:-2000], "truncated or damaged"),
    "truncated.jpg": (lambda: encoded(GOOD, "JPEG")[:-500], "truncated or damaged"),
    "empty.png": (lambda: b"", "empty file"),
    "text.png": (lambda: b"no image at all", NO_KIND),
    "gif.png": (lambda: encoded(GOOD, "GIF"), NO_KIND),
    "pixel.png": (lambda: encoded(GOOD[:1, :1], "PNG"), "a side under 32 px"),
    "strip.png": (lambda: encoded(np.zeros((32, 20_000, 3), np.uint8), "PNG"), "a strip"),
    "bomb.png": (bomb, "over 64 megapixels"),
    "animated.png": (lambda: several("PNG"), "several frames"),
    "animated.webp": (lambda: several("WEBP"), "several frames"),
    "pages.tif": (lambda: several("TIFF"), "several frames"),
    "nan.tif": (lambda: opencv(".tif", NAN), "pixels other than 8 or 16 bit integers"),
    "grey_nan.tif": (
        lambda: opencv(".tif", NAN[..., 1]),
        "pixels other than 8 or 16 bit integers",
    ),
    "cmyk.jpg": (
        lambda: encoded(Image.fromarray(GOOD).convert("CMYK"), "JPEG"),
        "CMYK colours: convert it to RGB",
    ),
    "black.png": (lambda: encoded(GOOD * 0, "PNG"), "no field of view"),
    "white.png": (lambda: encoded(GOOD * 0 + 255, "PNG"), "no field of view"),
}


def run(source, out, *more):
    return cli.main(["prepare", str(source), "--out", str(out), "--hr-long-side", "0", *more])


def manifest(out):
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        return {row["source"]: row for row in csv.DictReader(lines)}


def test_each_is_skipped_with_its_reason_and_counted(tmp_path, capsys):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "good.png").write_bytes(encoded(GOOD, "PNG"))
    for name, (data, _) in SKIPPED.items():
        (source / name).write_bytes(data())
    (source / "dangling.png").symlink_to("nowhere.png")
    (source / "loop.png").symlink_to("loop.png")
    (source / "below").mkdir()
    (source / "below" / "up").symlink_to(source)
    assert run(source, out) == 0
    reasons = {name: row["reason"] for name, row in manifest(out).items()}
    assert reasons.pop("good.png") == ""
    assert reasons.pop("dangling.png") == "link to nothing"
    assert "symbolic links" in reasons.pop("loop.png")
    assert reasons.pop("below/up") == "link to a folder read already"
    assert reasons == {name: reason for name, (_, reason) in SKIPPED.items()}
    printed = capsys.readouterr()
    assert f"{len(SKIPPED) + 4} files found, 1 kept" in printed.out
    assert "skipped: 3 several frames" in printed.out
    assert "Traceback" not in printed.err
    assert [f.name for f in (out / "images").rglob("*.png")] == ["good.png"]
    assert run(source, tmp_path / "strict", "--strict") == 2
    assert f"{len(SKIPPED) + 3} files are skipped" in capsys.readouterr().err
    with pytest.raises(UsageError, match="is not finished"):
        datasets.find(str(tmp_path / "strict"))


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="permissions do not stop this user"
)
def test_what_may_not_be_read_is_skipped(tmp_path):
    for name in ("good.png", "secret.png"):
        (tmp_path / name).write_bytes(encoded(GOOD, "PNG"))
    (tmp_path / "secret.png").chmod(0)
    assert run(tmp_path, tmp_path.with_name("out")) == 0
    assert manifest(tmp_path.with_name("out"))["secret.png"]["reason"] == "no permission to read"


def test_a_refused_read_has_its_reason(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(decode.Reason, match="no permission to read"):
        decode.read_bytes(tmp_path / "secret.png")


def test_what_is_converted_is_converted_exactly():
    sixteen = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), np.uint16)
    for suffix in (".png", ".tif"):
        pixels = decode.decode(opencv(suffix, sixteen))
        np.testing.assert_array_equal(pixels, np.rint(sixteen[..., ::-1] / 257))
    grey = GOOD[..., 1]
    np.testing.assert_array_equal(
        decode.decode(encoded(grey, "PNG")), np.repeat(grey[..., None], 3, axis=2)
    )
    palette = Image.fromarray(GOOD).convert("P")
    np.testing.assert_array_equal(
        decode.decode(encoded(palette, "PNG")), np.asarray(palette.convert("RGB"))
    )
    alpha = np.full(GOOD.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    pixels = decode.decode(encoded(np.dstack([GOOD, alpha]), "PNG"))
    np.testing.assert_array_equal(pixels, np.where(alpha[..., None] > 0, GOOD, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_of_exif_is_applied(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    wide = cv2.copyMakeBorder(GOOD, 0, 0, 0, 40, cv2.BORDER_CONSTANT)
    pixels = decode.decode(encoded(wide, kind, exif=exif))
    assert pixels.shape == (wide.shape[1], wide.shape[0], 3)
    assert np.abs(pixels.astype(int) - np.rot90(wide, -1)).mean() < 6


def test_odd_names_are_kept_apart_and_readable(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    (source / "b").mkdir()
    names = [
        "a/1.png",
        "b/1.png",
        "a/2.png",
        "a/2.PNG.png",
        "a-1.png",
        "ä ö.png",
        "x" * 250 + ".png",
    ]
    names.append(os.fsdecode(b"caf\xe9.png"))
    for seed, name in enumerate(names):
        (source / name).write_bytes(encoded(phantom(seed, 64).image, "PNG"))
    (source / "a" / "2.jpg").write_bytes(encoded(GOOD, "JPEG"))
    assert run(source, out) == 0
    rows = manifest(out)
    assert len(rows) == len({row["id"] for row in rows.values()}) == len(names) + 1
    assert rows["caf\\xe9.png"]["id"] == "caf\\xe9"
    assert rows["ä ö.png"]["id"] == "ä ö"
    found = datasets.find(str(out))
    assert len(found) == len(rows)
    assert all(photograph.read().shape[2] == 3 for photograph in found)


def test_tables(tmp_path, caplog):
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.png").write_bytes(encoded(GOOD, "PNG"))
    text = "id_code,diagnosis\r\na,3\r\nb,7\r\ngone,1\r\n"  # CRLF, a grade and an id too many
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "later.csv").write_text("id_code,diagnosis\na,2\nc,0\n")
    (tmp_path / "wrong.csv").write_text("name,label\na,3\n")
    grades = {p.id: p.grade for p in datasets.find(str(tmp_path))}
    assert grades == {"a": 3, "b": None, "c": 0, "d": None}
    for message in (
        "labels.csv: 1 of 3 photographs are missing (gone)",
        "labels.csv: 1 of 3 grades are not 0 to 4 and are ignored (b)",
        "later.csv: 1 of 2 grades differ from those of an earlier table, which counts (a)",
        "wrong.csv has no columns id_code and diagnosis",
    ):
        assert message in caplog.text
    (tmp_path / "latin.csv").write_bytes(b"id_code,diagnosis\ncaf\xe9,1\n")
    with pytest.raises(UsageError, match=r"latin\.csv is not a CSV file in UTF-8"):
        datasets.find(str(tmp_path))


def test_training_data_are_read_by_the_same_policy(tmp_path, caplog):
    (tmp_path / "good.png").write_bytes(encoded(GOOD, "PNG"))
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    assert [p.id for p in datasets.find(str(tmp_path))] == ["good"]
    assert "dangling.png is skipped: link to nothing" in caplog.text


@pytest.mark.parametrize("level", [8, 20, 35])
def test_of_a_photograph_with_a_glowing_surround_no_retina_is_lost(level, tmp_path):
    """As in APTOS-2019's of 2588 x 1958 px; a surround that is taken for retina stays."""
    drawn = phantom(3, 256)
    rows, columns = np.indices(drawn.fov.shape) - 128
    glow = level * np.exp(-(np.hypot(rows, columns) - 110).clip(0) / 60)
    image = np.where(
        drawn.fov[..., None], np.maximum(drawn.image, glow[..., None]), glow[..., None]
    )
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.png").write_bytes(encoded(image.astype(np.uint8), "PNG"))
    assert run(source, out) == 0
    (row,) = manifest(out).values()
    assert row["reason"] == ""
    top, left, height, width = (int(row[f"fov_{n}"]) for n in ("top", "left", "height", "width"))
    mask = np.zeros(drawn.fov.shape, bool)
    file = out / "masks" / row["split"] / "a.png"
    mask[top : top + height, left : left + width] = cv2.imread(str(file))[..., 0] > 0
    assert (mask & drawn.fov).sum() / drawn.fov.sum() > 0.99
