"""Results as DICOM: secondary captures that say that they are derived, from what, and how.

A result is a Secondary Capture, whatever the class of its source: it is no acquisition. It has
patient, study, dates and the UIDs of the source on request only. This module needs the extra
`dicom`.
"""

from datetime import datetime
from typing import BinaryIO

import numpy as np
from pydicom import Dataset, uid
from pydicom.sr.codedict import Code, codes
from pydicom.valuerep import PersonName, format_number_as_ds

from srgan_keras.data.dicom import SPACINGS, density
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.data.listing import printable
from srgan_keras.inference.provenance import NOTICE, SOFTWARE, Provenance
from srgan_keras.inference.signature import DICOM_NAME
from srgan_keras.version import __version__

IMPLEMENTATION = "2.25.147516610877444615581006747263726468209"
"""The implementation class UID, drawn once."""

PATIENT = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientAge", "PatientIdentityRemoved", "DeidentificationMethod"),
)
STUDY = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription"),
    *("AccessionNumber", "ReferringPhysicianName"),
    *("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime"),
)
"""The elements that `keep_identity` copies, as far as the source has them."""

_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("StudyID", "AccessionNumber", "ReferringPhysicianName", "PatientOrientation", "Laterality"),
)
"""The elements that have to be there, and may be empty."""

_TECHNICAL = ("BodyPartExamined", "BurnedInAnnotation", "PixelAspectRatio")
_REMOVED = "Only pixels and their technical description are copied"
_MOST_BYTES = 2**32 - 2


def write_dicom(
    file: BinaryIO, image: ImageFile, about: Provenance | None, keep_identity: bool
) -> None:
    """Write a derived secondary capture, not compressed.

    Args:
        file: to write to.
        image: what to write; an alpha channel is laid over black.
        about: the provenance, or None.
        keep_identity: copy `PATIENT` and `STUDY` of a DICOM source, and name the source.

    Raises:
        Reason: it has more bytes than an element of DICOM.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _describe(dataset, image, about)
    if keep_identity and image.header is not None:
        _identify(dataset, image.header)
    else:
        _remove_identity(dataset)
    _lay_out(dataset, image)
    _space(dataset, image)
    dataset.file_meta = Dataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION
    dataset.file_meta.ImplementationVersionName = DICOM_NAME
    dataset.save_as(file, enforce_file_format=True)


def _describe(dataset: Dataset, image: ImageFile, about: Provenance | None) -> None:
    """Say what the file is, how it was made, and what of its source is known."""
    source = Dataset() if image.header is None else image.header
    for name in _EMPTY:
        setattr(dataset, name, None)
    dataset.SOPClassUID = uid.SecondaryCaptureImageStorage
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, name, uid.generate_uid(prefix=None))
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.Modality = source.get("Modality") or "OP"
    dataset.ConversionType = "WSD"  # a workstation made it
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.SeriesDescription = NOTICE
    eye = source.get("ImageLaterality") or source.get("Laterality")
    if eye in ("R", "L"):
        dataset.Laterality = eye
    for name in _TECHNICAL:
        if source.get(name):
            setattr(dataset, name, source[name].value)
    text = "" if about is None else about.text.replace("\n", "\r\n")
    dataset.DerivationDescription = text[:1024]
    if about is not None and about.scale > 1:
        dataset.DerivationCodeSequence = [_coded(codes.cid7203.SpatialResampling)]
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [_coded(codes.cid7005.ProcessingEquipment)]
    equipment.Manufacturer = SOFTWARE
    if about is not None:  # a backslash would part two names
        name = printable(about.model).replace("\\", "/")
        equipment.ManufacturerModelName = name[:64]
    equipment.SoftwareVersions = __version__
    dataset.ContributingEquipmentSequence = [equipment]
    if image.lossy:
        dataset.LossyImageCompression = "01"
        methods, ratios = zip(*image.lossy, strict=True)
        if all(ratios):
            dataset.LossyImageCompressionRatio = [format_number_as_ds(float(r)) for r in ratios]
        if all(methods):
            dataset.LossyImageCompressionMethod = list(methods)
    elif source.get("LossyImageCompression") == "00":
        dataset.LossyImageCompression = "00"


def _identify(dataset: Dataset, source: Dataset) -> None:
    """Copy patient and study, and name the source."""
    for name in (*PATIENT, *STUDY):
        if source.get(name):
            value = source[name].value
            # as text: a name keeps the bytes of its own character set
            setattr(dataset, name, str(value) if isinstance(value, PersonName) else value)
    now = datetime.now()
    dataset.InstanceCreationDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = now.strftime("%H%M%S")
    if "SOPInstanceUID" in source:
        item = Dataset()
        item.ReferencedSOPClassUID = source.SOPClassUID
        item.ReferencedSOPInstanceUID = source.SOPInstanceUID
        purpose = codes.cid7202.SourceImageForImageProcessingOperation
        item.PurposeOfReferenceCodeSequence = [_coded(purpose)]
        dataset.SourceImageSequence = [item]


def _remove_identity(dataset: Dataset) -> None:
    """Say that nothing names the patient, unless the pixels may."""
    if dataset.get("BurnedInAnnotation") == "YES":
        dataset.PatientIdentityRemoved = "NO"
        return
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = _REMOVED


def _lay_out(dataset: Dataset, image: ImageFile) -> None:
    """Add the pixels, in the bits that the source used."""
    pixels = image.stored(image.over_black())
    if image.grey:
        pixels = pixels[..., 0]
    if pixels.nbytes > _MOST_BYTES:
        raise Reason("SR has more than 4 GB, the most of a DICOM file: set long_side")
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if image.grey else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if image.grey else "RGB"
    if not image.grey:
        dataset.PlanarConfiguration = 0
        if image.profile:
            dataset.ICCProfile = image.profile
    eight = pixels.dtype == np.uint8
    dataset.BitsAllocated = 8 if eight else 16
    dataset.BitsStored = 8 if eight else image.bits
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    data = pixels.tobytes()
    dataset.add_new("PixelData", "OB" if eight else "OW", data + bytes(len(data) % 2))


def _space(dataset: Dataset, image: ImageFile) -> None:
    """Add the spacing of the pixels: the source's, divided by how much denser they are."""
    if image.density is None:
        return
    source = Dataset() if image.header is None else image.header
    before = density(source)
    if before is None:  # dots per inch of another format
        dataset.NominalScannedPixelSpacing = [
            format_number_as_ds(1000 / value) for value in image.density[::-1]
        ]
        return
    denser = [new / old for new, old in zip(image.density, before, strict=True)][::-1]
    for name in SPACINGS:
        if (old := source.get(name)) and len(old) == 2:
            new = [format_number_as_ds(float(o) / d) for o, d in zip(old, denser, strict=True)]
            setattr(dataset, name, new)
    if "PixelAspectRatio" in dataset:  # the spacing says it
        del dataset.PixelAspectRatio


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item
