"""Results in DICOM, read by pydicom and checked by dciodvfy where it is installed."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom import config, uid

from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.image_files import from_bytes, write
from srgan_keras.inference.provenance import Provenance
from srgan_keras.inference.reduce import reduced
from tests.data.image_cells import DEEP, RGBA, saved
from tests.data.image_matrix_dicom import dicom, dicom_cells
from tests.data.profiles import SRGB

RGB, GREY = RGBA[..., :3].copy(), RGBA[..., 0].copy()
ABOUT = Provenance("fundus-x2", "ab" * 32, 2)
PATIENT = {
    "PatientName": "Doe^Jane", "PatientID": "PID-4711", "PatientBirthDate": "19500101",
    "PatientSex": "F", "PatientAge": "070Y", "StudyInstanceUID": "1.2.3.4", "StudyDate": "20200102",
    "StudyTime": "123456.789", "StudyID": "STUDY-1", "StudyDescription": "Screening",
    "SeriesInstanceUID": "1.2.3.5", "AccessionNumber": "ACC-7",
    "ReferringPhysicianName": "Roe^Rita",
    "AcquisitionDateTime": "20200102120000", "InstitutionName": "Clinic", "Manufacturer": "Camera",
    "DeviceSerialNumber": "SERIAL-77", "OperatorsName": "Poe^Pat", "SeriesDescription": "Doe left",
    "ImageComments": "Doe", "SOPInstanceUID": "1.2.3.6", "Modality": "OP", "ImageLaterality": "L",
    "BodyPartExamined": "EYE", "PixelSpacing": [0.02, 0.01],
}  # fmt: skip


def result(tmp_path, data, keep_identity=False, long_side=0):
    """Write what the command writes of a file, with repetition as the network, and read it."""
    image = from_bytes(data)
    alpha = None if image.alpha is None else image.alpha.repeat(2, 0).repeat(2, 1)
    sr = replace(image, colour=image.colour.repeat(2, 0).repeat(2, 1), alpha=alpha)
    file = tmp_path / "a.dcm"
    write(file, reduced(sr, image, 2, long_side), ABOUT, keep_identity)
    assert_valid(file)
    return pydicom.dcmread(file)


def assert_valid(file):
    """Check by the strict mode of pydicom, and against the standard by dciodvfy."""
    found = pydicom.dcmread(file)
    pydicom.dataset.validate_file_meta(found.file_meta)
    found.walk(lambda part, element: config_checked(element))
    if shutil.which("dciodvfy"):
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        assert not [line for line in lines if line.startswith("Error")]


def config_checked(element):
    if element.VR not in ("SQ", "OB", "OW"):
        pydicom.DataElement(element.tag, element.VR, element.value, validation_mode=config.RAISE)


def test_a_derived_image_says_what_it_is(tmp_path):
    found = result(tmp_path, dicom(RGB, "RGB", ICCProfile=SRGB, **PATIENT))
    assert list(found.ImageType) == ["DERIVED", "SECONDARY"]
    assert found.SOPClassUID == uid.SecondaryCaptureImageStorage
    assert found.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    assert "model: fundus-x2\r\nsha256: abab" in found.DerivationDescription
    assert "synthetic detail, research use only" in found.DerivationDescription
    assert found.SeriesDescription == "synthetic detail, research use only"
    (equipment,) = found.ContributingEquipmentSequence
    assert (equipment.Manufacturer, equipment.ManufacturerModelName) == ("srgan_keras", "fundus-x2")
    assert (found.Laterality, found.BodyPartExamined, found.Modality) == ("L", "EYE", "OP")
    assert list(found.PixelSpacing) == [0.01, 0.005]
    assert found.ICCProfile == SRGB
    np.testing.assert_array_equal(found.pixel_array, RGB.repeat(2, 0).repeat(2, 1))


def test_by_default_nothing_identifies(tmp_path):
    found = result(tmp_path, dicom(RGB, "RGB", **PATIENT))
    data = (tmp_path / "a.dcm").read_bytes()
    kept = ("PatientSex", "Modality", "ImageLaterality", "BodyPartExamined", "PixelSpacing")
    for name in PATIENT.keys() - set(kept):
        assert str(PATIENT[name]).encode() not in data, name
    assert not found.PatientSex
    assert found.PatientIdentityRemoved == "YES"
    assert "SourceImageSequence" not in found
    assert found.StudyInstanceUID.startswith("2.25.")
    again = result(tmp_path, dicom(RGB, "RGB", **PATIENT))
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert found[name].value != again[name].value


def test_the_identity_is_kept_on_request(tmp_path):
    found = result(tmp_path, dicom(RGB, "RGB", **PATIENT), keep_identity=True)
    for name in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
        "StudyDate", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription",
    ):  # fmt: skip
        assert found[name].value == PATIENT[name]
    assert "PatientIdentityRemoved" not in found
    (source,) = found.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == "1.2.3.6"
    assert source.ReferencedSOPClassUID == uid.OphthalmicPhotography8BitImageStorage
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert found.SOPInstanceUID not in ("1.2.3.6", "")
    assert found.SeriesInstanceUID != "1.2.3.5"
    for name in ("InstitutionName", "OperatorsName", "DeviceSerialNumber", "ImageComments"):
        assert name not in found


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Zoë"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
)
def test_a_name_keeps_its_characters(tmp_path, charset, name):
    patient = {"SpecificCharacterSet": charset, "PatientName": name}
    found = result(tmp_path, dicom(RGB, "RGB", **patient), keep_identity=True)
    assert str(found.PatientName) == name


def test_annotations_in_the_pixels_are_no_removed_identity(tmp_path):
    found = result(tmp_path, dicom(RGB, "RGB", BurnedInAnnotation="YES"))
    assert found.PatientIdentityRemoved == "NO"
    assert found.BurnedInAnnotation == "YES"


@pytest.mark.parametrize("syntax", ["lossy", "declared", "declared none", "unknown"])
def test_the_history_of_lossy_compression_is_kept(tmp_path, syntax):
    history = {"LossyImageCompression": "01", "LossyImageCompressionRatio": [10.5, 3]}
    history["LossyImageCompressionMethod"] = ["ISO_10918_1", "ISO_15444_1"]
    stream = saved(RGB, "JPEG")
    found = result(
        tmp_path,
        {
            "lossy": dicom(stream, "YBR_FULL_422", uid.JPEGBaseline8Bit, shape=RGB.shape),
            "declared": dicom(RGB, "RGB", **history),
            "declared none": dicom(RGB, "RGB", LossyImageCompression="00"),
            "unknown": dicom(RGB, "RGB"),
        }[syntax],
    )
    assert found.get("LossyImageCompression") == {
        "lossy": "01", "declared": "01", "declared none": "00", "unknown": None
    }[syntax]  # fmt: skip
    if syntax == "declared":
        assert list(found.LossyImageCompressionRatio) == [10.5, 3]
        assert list(found.LossyImageCompressionMethod) == history["LossyImageCompressionMethod"]
    if syntax == "lossy":
        assert found.LossyImageCompressionMethod == "ISO_10918_1"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photograph_of_another_format(tmp_path, kind):
    found = result(tmp_path, saved(RGB, kind, dpi=(254, 127)))
    assert list(found.NominalScannedPixelSpacing) == pytest.approx([0.1, 0.05], rel=1e-3)
    assert "PixelSpacing" not in found
    assert found.get("LossyImageCompression") == ("01" if kind == "JPEG" else None)
    assert (found.Modality, found.Laterality, found.PatientName) == ("OP", "", "")


def test_the_spacing_after_a_reduction(tmp_path):
    spacings = {"PixelSpacing": [0.03, 0.01], "ImagerPixelSpacing": [0.3, 0.1]}
    found = result(tmp_path, dicom(RGB, "RGB", **spacings), long_side=9)  # of 18 px
    assert list(found.PixelSpacing) == [0.03, 0.01]
    found = result(tmp_path, dicom(RGB, "RGB", **spacings), long_side=12)
    assert (found.Rows, found.Columns) == (8, 12)
    assert list(found.PixelSpacing) == pytest.approx([0.03 * 6 / 8, 0.01 * 9 / 12])
    assert list(found.ImagerPixelSpacing) == pytest.approx([0.3 * 6 / 8, 0.1 * 9 / 12])


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "RGB"])
def test_bits_and_colours_are_kept(tmp_path, photometric, bits):
    full = RGBA if bits == 8 else DEEP >> (16 - bits)
    stored = full[..., :3].copy() if photometric == "RGB" else full[..., 0].copy()
    found = result(tmp_path, dicom(stored, photometric, bits=bits))
    assert found.PhotometricInterpretation == photometric.replace("1", "2")
    assert (found.BitsAllocated, found.BitsStored) == (8 if bits == 8 else 16, bits)
    seen = stored if photometric != "MONOCHROME1" else 2**bits - 1 - stored
    np.testing.assert_array_equal(found.pixel_array, seen.repeat(2, 0).repeat(2, 1))


def test_a_round_trip_of_every_kind_of_dicom_file(tmp_path):
    """The result of each file of the image matrix has the pixels that were read."""
    count = 0
    for cell in dicom_cells():
        if cell.refused:
            continue
        image = from_bytes(cell.data)
        file = tmp_path / "a.dcm"
        write(file, image, ABOUT)
        again = from_bytes(file.read_bytes())
        np.testing.assert_array_equal(again.colour, image.colour)
        assert (again.grey, again.bits) == (image.grey, image.bits)
        assert [method for method, _ in again.lossy] == [method for method, _ in image.lossy]
        count += 1
    assert count > 100


def test_what_is_not_valid_is_found(tmp_path):
    """The check of this module has teeth."""
    file = tmp_path / "a.dcm"
    write(file, ImageFile(RGB), ABOUT)
    assert_valid(file)
    broken = pydicom.dcmread(file)
    broken.add(pydicom.DataElement("Modality", "CS", "op-small", validation_mode=config.IGNORE))
    broken.save_as(file)
    with pytest.raises(ValueError, match="Invalid value for VR CS"):
        assert_valid(file)
    if shutil.which("dciodvfy"):
        missing = pydicom.dcmread(file)
        missing.Modality = "OP"
        del missing.ConversionType
        missing.save_as(file)
        with pytest.raises(AssertionError, match="ConversionType"):
            assert_valid(file)
