"""Layouts of vessels and lesions, and one line for what is wrong with them."""

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras.data import datasets
from srgan_keras.downstream.tasks import CLASSES, cases
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

EYES = [phantom(seed, 64) for seed in (2, 3)]


def _save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def drive(tmp_path):
    for folder, number, eye in zip(("training", "test"), ("21", "01"), EYES, strict=True):
        _save(tmp_path / folder / "images" / f"{number}_{folder}.tif", eye.image)
        for part, name, mask in (
            ("1st_manual", f"{number}_manual1.gif", eye.vessels),
            ("mask", f"{number}_{folder}_mask.gif", eye.fov),
        ):
            _save(tmp_path / folder / part / name, mask.astype(np.uint8) * 255)
    return tmp_path


@pytest.fixture
def idrid(tmp_path):
    for split, eye in zip(("train", "test"), EYES, strict=True):
        _save(tmp_path / "images" / split / f"IDRiD_{split}.jpg", eye.image)
        for i, kind in enumerate(("MA", "HE", "EX", "SE")):
            mask = np.zeros(eye.fov.shape, np.uint8)
            mask[20 + 6 * i : 24 + 6 * i, 30:40] = 255
            _save(tmp_path / "masks" / split / kind / f"IDRiD_{split}_{kind}.png", mask)
    return tmp_path


def test_drive(drive):
    found = cases(str(drive), "vessels", scale=4)
    assert [(case.id, case.split) for case in found] == [
        ("01_test", "test"),
        ("21_training", "train"),
    ]
    case = found[1]
    left, top, width, height = cv2.boundingRect(EYES[0].fov.astype(np.uint8))
    width, height = width - width % 4, height - height % 4
    box = slice(top, top + height), slice(left, left + width)
    np.testing.assert_array_equal(case.image, EYES[0].image[box])
    np.testing.assert_array_equal(case.masks[..., 0], (EYES[0].vessels & EYES[0].fov)[box])


def test_chase(tmp_path):
    for i in range(21):
        _save(tmp_path / f"Image_{i:02d}L.jpg", EYES[0].image)
        _save(tmp_path / f"Image_{i:02d}L_1stHO.png", EYES[0].vessels)
        _save(tmp_path / f"Image_{i:02d}L_2ndHO.png", EYES[0].vessels)
    found = cases(str(tmp_path), "vessels")
    assert [case.split for case in found] == ["train"] * 20 + ["test"]


def test_idrid_keeps_its_size_unless_told(idrid):
    """Reduced twice, masks would be rounded twice, and grow."""
    fov = cv2.circle(np.zeros((2100, 2100), np.uint8), (1050, 1050), 1040, 1, -1)
    _save(idrid / "images/train/IDRiD_train.jpg", (fov * 120)[..., np.newaxis].repeat(3, 2))
    for kind in ("MA", "HE", "EX", "SE"):
        _save(idrid / f"masks/train/{kind}/IDRiD_train_{kind}.png", fov)
    case = cases(str(idrid), "lesions", 0, 1)[1]
    assert min(case.masks.shape[:2]) > 2048


def test_idrid_without_a_file_there_is_no_lesion(idrid):
    _save(idrid / "images/train/IDRiD_more.jpg", EYES[1].image)
    more = {case.id: case for case in cases(str(idrid), "lesions")}["IDRiD_more"]
    assert more.masks.shape[2] == len(CLASSES["lesions"])
    assert not more.masks.any()


@pytest.mark.parametrize("task", ["vessels", "lesions"])
def test_phantoms(task):
    found = cases("phantom:12", task)
    assert [case.split for case in found].count("test") == 3
    assert all(case.masks.shape == (*case.fov.shape, len(CLASSES[task])) for case in found)


def test_scaled_down_with_its_masks(drive):
    case = cases(str(drive), "vessels", long_side=32)[0]
    assert case.image.shape[:2] == case.fov.shape == case.masks.shape[:2]
    assert max(case.fov.shape) <= 32


def test_a_mask_is_missing(drive):
    (drive / "test/1st_manual/01_manual1.gif").unlink()
    with pytest.raises(UsageError, match=r"no mask .*01_manual1.* for the photograph 01_test\.tif"):
        cases(str(drive), "vessels")


def test_a_mask_of_another_size(drive):
    _save(drive / "test/1st_manual/01_manual1.gif", np.zeros((30, 40), np.uint8))
    with pytest.raises(UsageError, match="is 40 x 30 px, its photograph 64 x 64"):
        cases(str(drive), "vessels")


def test_a_mask_of_three_values(idrid):
    mask = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) % 3
    _save(idrid / "masks/test/EX/IDRiD_test_EX.png", mask)
    with pytest.raises(UsageError, match="holds 3 values: give 0 and one other"):
        cases(str(idrid), "lesions")


def test_a_damaged_mask(idrid):
    (idrid / "masks/test/EX/IDRiD_test_EX.png").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="cannot decode the mask"):
        cases(str(idrid), "lesions")


def test_a_class_absent_from_a_split(idrid):
    (idrid / "masks/test/SE/IDRiD_test_SE.png").unlink()
    with pytest.raises(UsageError, match="no pixel of class soft in split test"):
        cases(str(idrid), "lesions")


@pytest.mark.parametrize(
    ("spec", "line"), [("nowhere", "does not exist"), ("phantom:2", "use phantom:4 or more")]
)
def test_wrong_spec(spec, line):
    with pytest.raises(UsageError, match=line):
        cases(spec, "vessels")


def test_another_layout(idrid):
    with pytest.raises(UsageError, match="holds no vessels"):
        cases(str(idrid), "vessels")


@pytest.mark.parametrize("name", ["{}_HE.tif", "{}_HE.TIFF", "{}_he.bmp", "{}_HE.gif"])
def test_a_mask_of_any_suffix_is_read(name, idrid):
    folder = idrid / "masks/test/HE"
    with Image.open(folder / "IDRiD_test_HE.png") as mask:
        mask.save(folder / name.format("IDRiD_test"))
    (folder / "IDRiD_test_HE.png").unlink()
    case = next(c for c in cases(str(idrid), "lesions") if c.split == "test")
    assert case.masks[..., CLASSES["lesions"].index("haemorrhage")].any()


@pytest.mark.parametrize("name", ["IDRiD_test (1)_HE.png", "IDRiD_test.tif", "HE/IDRiD_99_HE.tif"])
def test_a_mask_of_no_photograph_is_refused(name, idrid):
    _save(idrid / "masks/test/HE" / name, np.zeros((64, 64), np.uint8))
    with pytest.raises(UsageError, match="belongs to no photograph: name it ID_HE"):
        cases(str(idrid), "lesions")


def test_two_masks_of_a_kind_are_refused_but_files_of_macos_are_not(idrid):
    (idrid / "masks/test/HE/._IDRiD_test_HE.png").write_bytes(b"\0\5\x16\7")
    (idrid / "masks/test/HE/.DS_Store").touch()
    assert len(cases(str(idrid), "lesions")) == 2
    _save(idrid / "masks/test/HE/IDRiD_test_HE.tif", np.zeros((64, 64), np.uint8))
    with pytest.raises(UsageError, match=r"two masks for .*IDRiD_test\.jpg"):
        cases(str(idrid), "lesions")


def test_a_mask_of_several_images_is_refused(idrid):
    frame = Image.new("L", (64, 64))
    file = idrid / "masks/test/HE/IDRiD_test_HE"
    file.with_suffix(".png").unlink()
    frame.save(file.with_suffix(".tif"), save_all=True, append_images=[frame])
    with pytest.raises(UsageError, match="holds 2 images: give one"):
        cases(str(idrid), "lesions")


def test_drive_without_masks_of_its_test_part_is_split(drive, caplog):
    for name in ("1st_manual/01_manual1.gif", "mask/01_test_mask.gif"):
        (drive / "test" / name).unlink()
    (drive / "test/1st_manual").rmdir()
    for number in (22, 23, 24):
        _save(drive / f"training/images/{number}_training.tif", EYES[0].image)
        masks = {f"1st_manual/{number}_manual1": "vessels", f"mask/{number}_training_mask": "fov"}
        for name, kind in masks.items():
            mask = getattr(EYES[0], kind).astype(np.uint8) * 255
            _save(drive / "training" / f"{name}.gif", mask)
    found = cases(str(drive), "vessels")
    assert [case.id for case in found if case.split == "test"] == ["24_training"]
    assert [case.split for case in found].count("train") == 3
    assert "test/1st_manual is missing" in caplog.text


def test_cases_have_the_hash_of_their_files(idrid):
    hashes = {p.sha256 for p in datasets.find(str(idrid / "images"))}
    assert {case.sha256 for case in cases(str(idrid), "lesions")} == hashes
    hashes = {p.sha256 for p in datasets.find("phantom:64")}
    assert {case.sha256 for case in cases("phantom:4", "vessels")} <= hashes
