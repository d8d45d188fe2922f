"""DICOM files beside their pixels, which `test_decode.py` checks: facts, notes, folders."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from srgan_keras import cli
from srgan_keras.data import decode
from srgan_keras.data.datasets import find
from srgan_keras.data.image_file import Reason
from srgan_keras.phantoms.phantom import phantom
from tests.data.image_cells import RGBA, by_pillow, saved
from tests.data.image_matrix_dicom import dicom

RGB, GREY = RGBA[..., :3].copy(), RGBA[..., 0].copy()


@pytest.mark.parametrize(
    ("elements", "density"),
    [
        ({"PixelSpacing": [0.02, 0.01]}, (100_000, 50_000)),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, (10_000, 10_000)),
        ({"PixelSpacing": [0.5, 0.5], "ImagerPixelSpacing": [0.1, 0.1]}, (2000, 2000)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": None}, None),
        ({}, None),
    ],
)
def test_the_spacing_becomes_a_density(elements, density):
    image = decode.read(dicom(RGB, "RGB", **{k: v for k, v in elements.items() if v}))
    assert image.density == (None if density is None else pytest.approx(density))


def test_lossy_compressions_are_remembered():
    stream = saved(RGB, "JPEG")
    seen = decode.read(dicom(stream, "YBR_FULL_422", uid.JPEGBaseline8Bit, shape=RGB.shape))
    ((method, ratio),) = seen.lossy
    assert method == "ISO_10918_1"
    assert 0.5 < ratio / (RGB.nbytes / len(stream)) <= 1
    history = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": [10.5, 3],
        "LossyImageCompressionMethod": ["ISO_10918_1", "ISO_15444_1"],
    }
    seen = decode.read(dicom(RGB, "RGB", **history))
    assert seen.lossy == (("ISO_10918_1", 10.5), ("ISO_15444_1", 3.0))
    assert decode.read(dicom(RGB, "RGB", LossyImageCompression="01")).lossy == (("", 0.0),)
    assert decode.read(dicom(RGB, "RGB", LossyImageCompression="00")).lossy == ()


def test_what_is_left_out_is_said():
    elements = {"WindowWidth": 100, "WindowCenter": 50, "BurnedInAnnotation": "YES"}
    overlay = b"\x00\x60\x00\x30OW\0\0\x08\0\0\0" + bytes(8)
    data = dicom(GREY, "MONOCHROME2", **elements)
    at = data.index(b"\xe0\x7f\x10\0")
    image = decode.read(data[:at] + overlay + data[at:])
    np.testing.assert_array_equal(image.colour[..., 0], GREY)
    assert image.notes == [
        "has overlays, which are dropped",
        "has a window for display, which is not applied",
        "has annotations in its pixels, which may name the patient",
    ]
    assert "PixelData" not in image.header


def test_bits_above_those_that_are_used_are_no_pixels():
    """Older files keep an overlay there."""
    twelve = (GREY.astype(np.uint16) << 4) | 0xF
    stored = twelve | 0x1000
    image = decode.read(dicom(stored, "MONOCHROME2", bits=12))
    np.testing.assert_array_equal(image.stored(image.colour)[..., 0], twelve)
    eight = decode.read(
        dicom(GREY.astype(np.uint16) | 0x300, "MONOCHROME2", bits=16, BitsStored=8, HighBit=7)
    )
    np.testing.assert_array_equal(eight.colour[..., 0], GREY)
    assert eight.colour.dtype == np.uint8


def test_a_jpeg_file_and_the_same_in_dicom_are_read_alike():
    stream = saved(phantom(1, 64).image, "JPEG", quality=90)
    data = dicom(stream, "YBR_FULL_422", uid.JPEGBaseline8Bit, shape=(64, 64, 3))
    np.testing.assert_array_equal(decode.decode(data), by_pillow(stream))


def test_several_frames_in_one_element_are_refused():
    stream = saved(RGB, "JPEG")
    two = {"PixelData": encapsulate([stream] * 2)}
    data = dicom(stream, "YBR_FULL_422", uid.JPEGBaseline8Bit, shape=RGB.shape, **two)
    with pytest.raises(Reason, match="several frames"):
        decode.read(data)


SAMPLES = sorted(Path(pydicom.data.__file__).with_name("test_files").glob("SC_*.dcm"))
"""Files that other programs wrote, which come with pydicom."""


@pytest.mark.filterwarnings("ignore")  # pydicom's own, of files that are odd on purpose
@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_files_of_other_programs_are_read_as_pydicom_reads_them(file):
    refused = {"2frame": "several frames", "32bit": "pixels other", "big_endian": "Big Endian"}
    for part, reason in refused.items():
        if part in file.stem:
            with pytest.raises(Reason, match=reason):
                decode.read(file.read_bytes())
            return
    image = decode.read(file.read_bytes())
    if "jls" in file.stem or file.stem == "SC_rgb_jpeg_gdcm":
        assert image.colour.shape == (100, 100, 3)  # pydicom needs more packages for it
        return
    np.testing.assert_array_equal(image.colour, pixel_array(pydicom.dcmread(file)))


def test_without_the_extra_one_line_says_so(monkeypatch):
    monkeypatch.delitem(sys.modules, "srgan_keras.data.dicom", raising=False)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(Reason, match=r"a DICOM file: to read it, run `pip install 'srgan_keras\["):
        decode.read(dicom_of_a_phantom())


def test_the_package_does_not_import_pydicom():
    program = """
import sys
import srgan_keras
import srgan_keras.data.decode
import srgan_keras.inference.image_files
assert not [name for name in sys.modules if name.startswith("pydicom")]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def dicom_of_a_phantom(seed=1, size=64):
    return dicom(phantom(seed, size).image, "RGB", PatientName="Doe^Jane")


@pytest.fixture
def exported(tmp_path):
    """A folder as a clinic's archive exports it."""
    folder = tmp_path / "in"
    (folder / "DICOM" / "S1").mkdir(parents=True)
    for seed, name in enumerate(("IM0", "1.2.840.10008.1", "1.2.840.10008.2", "c.dcm")):
        (folder / "DICOM" / "S1" / name).write_bytes(dicom_of_a_phantom(seed))
    index = dicom(GREY, "MONOCHROME2", SOPClassUID=uid.MediaStorageDirectoryStorage, PixelData=None)
    (folder / "DICOMDIR").write_bytes(index)
    (folder / "readme").write_text("DICM")
    return folder


def test_files_without_suffix_are_found(exported):
    found = {p.id: p for p in find(str(exported))}
    assert found.keys() == {"IM0", "1.2.840.10008.1", "1.2.840.10008.2", "c"}
    expected = phantom(0, 64).image
    np.testing.assert_array_equal(found["IM0"].read(), expected)


def test_prepare_takes_them_and_no_name(exported, tmp_path, capsys):
    assert cli.main(["prepare", str(exported), "--out", str(tmp_path / "out")]) == 0
    assert "4 kept" in capsys.readouterr().out
    for file in (tmp_path / "out").rglob("*"):
        assert file.is_dir() or b"Jane" not in file.read_bytes()


def test_assess_takes_them(exported, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert cli.main(["assess", str(exported), "--out", str(tmp_path / "a.csv")]) == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5
