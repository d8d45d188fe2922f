"""DATASET `aptos2019`: photographs of the TensorFlow dataset `aptos2019_sr`, built on demand."""

import logging
from collections.abc import Sequence
from functools import partial
from operator import getitem
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from srgan_keras.data import prepared
from srgan_keras.data.aptos2019_sr.aptos2019_sr_dataset_builder import Builder
from srgan_keras.data.listing import listing
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError

log = logging.getLogger(__name__)


def photographs(manual_dir: Path) -> list[Photograph]:
    """Return the photographs, sorted by id, in the dataset's splits.

    The dataset is built once into TFDS's folder (TFDS_DATA_DIR, ~/tensorflow_datasets by default).

    Raises:
        UsageError: the photographs are missing, unusable, or have changed since the build.
    """
    if not manual_dir.is_dir():
        lines = " ".join(Builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise UsageError(f"{manual_dir} does not exist. {lines} See data/README.md")
    config = "prepared" if prepared.is_prepared(manual_dir) else "originals"
    # array_record: any photograph can be read without those before it
    builder = Builder(config=config, file_format="array_record")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(manual_dir))
    )
    log.info("aptos2019: %s, config %s", builder.data_path, config)
    found = []
    encoded = {"image": tfds.decode.SkipDecoding(), "fov_mask": tfds.decode.SkipDecoding()}
    for split in builder.info.splits:
        records = builder.as_data_source(split, decoders=encoded)
        found += [_photograph(records, index, split) for index in range(len(records))]
    now = prepared.read(manual_dir) if config == "prepared" else listing(manual_dir).files
    if {(p.id, p.grade) for p in now} != {(p.id, p.grade) for p in found}:
        raise UsageError(
            f"{manual_dir} has changed since {builder.data_path} was built: remove the latter, "
            "then run the command again"
        )
    return sorted(found, key=lambda p: p.id)


def _photograph(records: Sequence[dict[str, Any]], index: int, split: str) -> Photograph:
    record = records[index]
    grade = int(record["label"])
    return Photograph(
        id=record["image_id"].decode(),
        split=split,
        sha256=record["sha256"].decode(),
        grade=grade if grade >= 0 else None,
        record=partial(getitem, records, index),  # it can be pickled
    )
