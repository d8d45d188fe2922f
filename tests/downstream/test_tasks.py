"""Layouts of vessels and lesions, and one line for what is wrong with them."""

import cv2
import numpy as np
import pytest
from PIL import Image

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
