"""The TensorFlow dataset, from phantoms in Kaggle's layout."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from srgan_keras import cli
from srgan_keras.data import datasets, prepared
from srgan_keras.data.aptos2019_sr.aptos2019_sr_dataset_builder import Builder
from srgan_keras.data.fov import fov_mask
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom


def kaggle(root: Path) -> Path:
    """Four photographs with a grade, two without; one is no plain PNG."""
    for part, seeds in (("train", range(4)), ("test", range(4, 6))):
        (root / f"{part}_images").mkdir(parents=True)
        for seed in seeds:
            image = phantom(seed, 96).image[..., ::-1]
            image = image[..., 1] if seed == 2 else image
            cv2.imwrite(str(root / f"{part}_images" / f"id{seed}.png"), image)
    rows = "".join(f"id{seed},{seed}\n" for seed in range(4))
    (root / "train.csv").write_text("id_code,diagnosis\n" + rows)
    (root / "test.csv").write_text("id_code\nid4\nid5\n")
    return root


@pytest.fixture(scope="module")
def manual(tmp_path_factory) -> Path:
    return kaggle(tmp_path_factory.mktemp("manual") / "aptos2019")


@pytest.fixture(scope="module")
def prepared_folder(manual, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "out"
    cli.main(["prepare", str(manual), "--out", str(out), "--hr-long-side", "64"])
    return out


class _Case(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {"train": 3, "validation": 1, "test": 2}  # noqa: RUF012
    # the package lists folders by os and pathlib: cloud paths are not what it reads
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False


class TestOriginals(_Case):
    BUILDER_CONFIG_NAMES_TO_TEST = ["originals"]  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _examples(self, request, manual):
        request.cls.EXAMPLE_DIR = str(manual)


class TestPrepared(_Case):
    BUILDER_CONFIG_NAMES_TO_TEST = ["prepared"]  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _examples(self, request, prepared_folder):
        request.cls.EXAMPLE_DIR = str(prepared_folder)


del _Case  # nothing of its own to test


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A working folder, and TFDS's folder in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "tfds"))
    (tmp_path / "data").mkdir()
    return tmp_path


def test_spec_aptos2019_gives_what_the_folder_gives(home, manual):
    (home / "data" / "aptos2019").symlink_to(manual)
    found, expected = datasets.find("aptos2019"), datasets.find(str(manual))
    assert [(p.id, p.split, p.grade, p.sha256) for p in found] == [
        (p.id, p.split, p.grade, p.sha256) for p in expected
    ]
    for photograph, original in zip(found, expected, strict=True):
        np.testing.assert_array_equal(photograph.read(), original.read())
        np.testing.assert_array_equal(photograph.mask(), fov_mask(original.read()))
    plain = found[0]
    assert hashlib.sha256(plain.record()["image"]).hexdigest() == plain.sha256
    assert (home / "tfds" / "aptos2019_sr").is_dir()


def test_a_folder_that_changed_after_the_build_is_noticed(home, manual):
    own = shutil.copytree(manual, home / "data" / "aptos2019")
    datasets.find("aptos2019")
    (own / "test_images" / "id4.png").unlink()
    with pytest.raises(UsageError, match=r"data/aptos2019 has changed since .*: remove the latter"):
        datasets.find("aptos2019")


def test_spec_aptos2019_of_a_prepared_folder(home, prepared_folder):
    (home / "data" / "aptos2019").symlink_to(prepared_folder)
    found, expected = datasets.find("aptos2019"), datasets.find(str(prepared_folder))
    for photograph, original in zip(found, expected, strict=True):
        assert (photograph.id, photograph.split) == (original.id, original.split)
        np.testing.assert_array_equal(photograph.read(), original.read())
        np.testing.assert_array_equal(photograph.mask(), original.mask())
    with pytest.raises(UsageError, match="was prepared at 64 px and 128 px is wanted"):
        prepared.check("aptos2019", 128)


@pytest.mark.slow
def test_tfds_builds_the_folder(manual, tmp_path):
    """The command of data/README.md, in a clone."""
    root = Path(__file__).parents[2]
    code = "from tensorflow_datasets.scripts.cli.main import launch_cli; launch_cli()"
    options = ["--manual_dir", str(manual), "--data_dir", str(tmp_path), "--config", "originals"]
    command = [sys.executable, "-c", code, "build", "data/aptos2019_sr", *options]
    built = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert list(tmp_path.glob("aptos2019_sr/originals/1.0.0/dataset_info.json"))


def test_data_that_is_not_there_is_explained(home):
    with pytest.raises(UsageError, match=r"data/aptos2019 is not there. Accept the rules of http"):
        datasets.find("aptos2019")


def test_the_wrong_config_is_refused(home, manual):
    builder = Builder(config="prepared")
    with pytest.raises(UsageError, match="is no prepared folder: choose the other config"):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=str(manual))
        )
