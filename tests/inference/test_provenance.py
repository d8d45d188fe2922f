"""What results say about themselves, read back by other programs; and what they do not say."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from srgan_keras import cli
from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.provenance import Provenance, from_xmp, parsed, xmp
from srgan_keras.inference.signature import is_signed, result
from srgan_keras.inference.upscale_files import prepared, process
from srgan_keras.options import UpscaleOptions
from srgan_keras.phantoms.phantom import phantom
from tests.data.image_matrix_dicom import dicom

FORMATS = {"png": ".png", "tiff": ".tiff", "jpeg": ".jpg", "webp": ".webp", "dicom": ".dcm"}
EYE = phantom(1, 40).image


def photograph(path, density=(300, 150)):
    """Write a JPEG that names a patient, with a density in dpi."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x0131] = "Doe^Jane"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(EYE).save(path, quality=95, exif=exif, comment="Doe^Jane", dpi=density)


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    """Results in every format, of a photograph and of a DICOM file."""
    folder = tmp_path_factory.mktemp("made")
    photograph(folder / "in/a.jpg")
    eye = dicom(EYE, "RGB", PixelSpacing=[0.02, 0.01], PatientName="Doe^Jane", PatientID="Doe")
    (folder / "in/b.dcm").write_bytes(eye)
    options = UpscaleOptions(str(tiny_model), (), folder, precision="float32")
    upscaler, about = prepared(options)
    for source in (folder / "in").iterdir():
        sr = process(upscaler, str(source), read(source), options, lambda _: None)[""]
        for name, suffix in FORMATS.items():
            write(folder / name / f"{source.stem}{suffix}", sr, about)
    return folder


@pytest.fixture
def results(made, monkeypatch):
    """The same, as the working directory."""
    monkeypatch.chdir(made)
    return made


def weights(model):
    data = (model / "saved_model/variables/variables.data-00000-of-00001").read_bytes()
    return hashlib.sha256(data).hexdigest()


def by_others(file):
    """Return the description and the pixels per metre as another library reads them."""
    if file.suffix == ".dcm":
        read = pydicom.dcmread(file)
        spacing = read.get("PixelSpacing") or read.NominalScannedPixelSpacing
        return read.DerivationDescription, (1000 / spacing[1], 1000 / spacing[0])
    if file.suffix == ".tiff":
        with tifffile.TiffFile(file) as read:
            text = read.pages[0].description
            return text, tuple(v / 0.0254 for v in read.pages[0].resolution)
    with Image.open(file) as image:
        if file.suffix == ".png":
            text = image.text["Description"]
        else:
            text = image.info["xmp"].decode().partition('x-default">')[2].partition("</")[0]
        tags = image.getexif()
        dpi = (tags[282], tags[283]) if file.suffix == ".webp" else image.info["dpi"]
        return text, tuple(float(v) / 0.0254 for v in dpi)


@pytest.mark.parametrize("name", FORMATS)
def test_another_program_reads_it(results, tiny_model, capsys, name):
    for stem, density in (("a", (600, 300)), ("b", (2 / 1e-5 * 0.0254, 2 / 2e-5 * 0.0254))):
        file = Path(name, stem + FORMATS[name])
        text, found = by_others(file)
        facts = dict(line.split(": ") for line in text.splitlines())
        assert facts == {
            "software": "srgan_keras 0.1.0",
            "model": "tiny",
            "sha256": weights(tiny_model),
            "scale": "2",
            "notice": "synthetic detail, research use only",
        }
        assert found == pytest.approx([v / 0.0254 for v in density], rel=1e-3)
        assert cli.main(["inspect", str(file)]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("size: 80 x 80 px\npixel: 0.0")
        assert "\n".join(text.splitlines()) in printed


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_names_the_patient(results, name):
    for file in Path(name).iterdir():
        assert b"Jane" not in file.read_bytes()
        assert b"Doe" not in file.read_bytes()


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("name", FORMATS)
def test_exiftool_reads_it(results, name):
    command = ["exiftool", "-json", f"{name}/a{FORMATS[name]}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (tags,) = json.loads(out)
    text = next(
        tags[key]
        for key in ("Description", "ImageDescription", "DerivationDescription")
        if key in tags
    )
    assert "model: tiny" in text
    assert "synthetic detail, research use only" in text


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_file_that_another_program_has_written_is_no_result(results, capsys, name):
    file = Path("again", "a" + FORMATS[name])
    file.parent.mkdir(exist_ok=True)
    shutil.copy(Path(name, file.name), file)
    assert is_signed(file)
    with Image.open(file) as image:
        image.load()
        image.info.pop("xmp", None)
        image.save(file)
    assert not is_signed(file)
    assert cli.main(["inspect", str(file)]) == 2
    assert "has no provenance: `upscale` did not write it" in capsys.readouterr().err


def test_other_files_have_none(results, capsys):
    for file in ("in/a.jpg", "in/b.dcm"):
        assert not is_signed(Path(file))
        assert cli.main(["inspect", file]) == 2
    assert cli.main(["inspect", "nowhere.png"]) == 2
    assert "cannot read nowhere.png: No such file" in capsys.readouterr().err
    Path("a.jpg").write_bytes(b"\xff\xd8\xff")
    assert not is_signed(Path("a.jpg"))


def test_settings_and_the_other_files(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photograph(Path("in/a.jpg"))
    assert cli.main([
        "upscale", str(tiny_model), "in", "--out", "out", "--blend", "0.25", "--adversarial",
        str(tiny_model), "--uncertainty", "--guard", "--compare", "--back-project", "2",
        "--long-side", "60",
    ]) == 0  # fmt: skip
    facts = parsed(result(Path("out/a.png")).text)
    share = f"share 0.25 of tiny, sha256 {weights(tiny_model)}"
    assert facts["settings"] == f"{share}; back-projection 2; self-ensemble; guard"
    assert facts["reduced"] == "to a long side of at most 60 px"
    assert "content" not in facts
    assert "bicubic" in parsed(result(Path("out/a.compare.png")).text)["content"]
    assert "deviation" in parsed(result(Path("out/a.uncertainty.png")).text)["content"]
    density = result(Path("out/a.uncertainty.png")).density
    assert density == pytest.approx((450 / 0.0254, 225 / 0.0254), rel=1e-3)


def test_a_name_cannot_add_lines_or_markup():
    about = Provenance("眼<底>&\nscale: 9", "0" * 64, 2)
    facts = parsed(about.text)
    assert facts["model"] == r"眼<底>&\x0ascale: 9"
    assert facts["scale"] == "2"
    assert from_xmp(xmp(about.text)) == about.text
    assert from_xmp(xmp(about.text).replace(b"srgan", b"other")) is None
    assert parsed("software: GIMP 3") is None


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".dcm"])
def test_utf8_in_every_format(tmp_path, suffix):
    about = Provenance("眼底-é", "0" * 64, 2)
    file = tmp_path / f"a{suffix}"
    write(file, ImageFile(np.full((4, 6, 3), 9, np.uint8)), about)
    found = result(file)
    assert (found.text, found.width, found.height, found.density) == (about.text, 6, 4, None)
