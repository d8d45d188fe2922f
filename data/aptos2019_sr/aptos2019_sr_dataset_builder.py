"""APTOS-2019 as a TensorFlow dataset, made from photographs that you downloaded.

    tfds build data/aptos2019_sr --manual_dir data/aptos2019 --config originals

Photographs, splits and grades are those of the DATASET `data/aptos2019`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from srgan_keras.data import datasets, prepared
from srgan_keras.data.fov import FOV_MASK_VERSION, fov_mask
from srgan_keras.data.photograph import SPLITS, Photograph
from srgan_keras.errors import UsageError

GRADES = ("no_dr", "mild", "moderate", "severe", "proliferative_dr")


class Builder(tfds.core.GeneratorBasedBuilder):
    """Photographs with their field of view and, if known, their grade."""

    # TFDS would look for it by the module's name; a clone keeps it outside of the package
    pkg_dir_path = Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(
            name="originals",
            description=f"Native size; fov_mask found by version {FOV_MASK_VERSION}.",
        ),
        tfds.core.BuilderConfig(
            name="prepared",
            description="A preprocessed dataset of `srgan-keras prepare`: cropped, scaled, masks.",
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Accept the rules of https://www.kaggle.com/c/aptos2019-blindness-detection and download the
    data (about 10 GB). Config originals: manual_dir holds train.csv, train_images/, test.csv and
    test_images/, or the re-upload mariaherrerot/aptos2019 (train_1.csv, valid.csv, test.csv,
    doubled folders). Config prepared: manual_dir is an output folder of `srgan-keras prepare`.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "fov_mask": tfds.features.Image(
                        shape=(None, None, 1), encoding_format="png", doc="0 or 255"
                    ),
                    "label": tfds.features.ClassLabel(names=GRADES, doc="-1 if unknown"),
                    "image_id": tfds.features.Text(),
                    "sha256": tfds.features.Text(doc="of the original file"),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://www.kaggle.com/c/aptos2019-blindness-detection",
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        root = Path(dl_manager.manual_dir)
        if prepared.is_prepared(root) != (self.builder_config.name == "prepared"):
            kind = "" if prepared.is_prepared(root) else "not "
            raise UsageError(
                f"{root} is {kind}a preprocessed dataset: choose the other config of {self.name}"
            )
        found = datasets.find(str(root))
        parts = {split: datasets.select(found, split) for split in SPLITS}
        return {split: self._generate_examples(part) for split, part in parts.items() if part}

    def _generate_examples(
        self, photographs: list[Photograph]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for photograph in photographs:
            image: str | np.ndarray = photograph.read()
            mask: str | np.ndarray
            if photograph.mask_path is None:
                mask = fov_mask(image)[..., None].astype(np.uint8) * 255
            else:
                mask = str(photograph.mask_path)
            if _is_plain(photograph.path):
                image = str(photograph.path)  # the file's own bytes
            yield (
                photograph.id,
                {
                    "image": image,
                    "fov_mask": mask,
                    "label": -1 if photograph.grade is None else photograph.grade,
                    "image_id": photograph.id,
                    "sha256": photograph.sha256,
                },
            )


def _is_plain(path: Path) -> bool:
    """Tell whether TFDS would decode the file to the pixels that `Photograph.read` gives."""
    with Image.open(path) as image:
        eight_bit = ";16" not in str(image.tile)
        other = image.getexif() or image.info.get("icc_profile") or image.has_transparency_data
        return (image.format, image.mode) == ("PNG", "RGB") and eight_bit and not other
