"""The verb `export`: a model folder in other formats, each compared with Keras when it is made."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from srgan_keras.data import datasets
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder
from srgan_keras.export.formats import FORMATS, Format
from srgan_keras.export.saved_model import float32_copy
from srgan_keras.options import ExportOptions

log = logging.getLogger(__name__)

CROPS = ((96, 128), (97, 61), (33, 200), (1, 75), (1, 1))
"""Height and width of what is compared; a photograph gives one of each."""
PHOTOGRAPHS = 3


def export(options: ExportOptions) -> None:
    """Write MODEL in one format into its folder, print and store how far it is from Keras.

    Raises:
        UsageError: wrong use or input, or the format's library is not installed.
        RuntimeError: it differs by more than the format's limit; nothing is left of it.
    """
    folder = model_folder.find(options.model)
    info = model_folder.read_info(folder)
    generator = keras.models.load_model(folder / "generator.keras")
    if options.format == "saved_model":
        model_folder.save(folder, generator, info)
        log.info("%s is written anew; other exports have to be made again", folder)
        return
    target = FORMATS[options.format]
    file = folder / target.file
    file.parent.mkdir(exist_ok=True)
    generator = float32_copy(generator)
    partial = file.with_stem(f"{file.stem}_partial")
    try:
        target.write(generator, partial)
        parity = _parity(generator, target, partial, options.data)
        for part in file.parent.glob("*_partial.*"):
            os.replace(part, part.with_stem(part.stem.removesuffix("_partial")))
    except ImportError as error:
        raise UsageError(
            f"format {options.format} needs {error.name}: pip install 'srgan_keras[export]'"
        ) from None
    finally:
        for part in file.parent.glob("*_partial.*"):
            part.unlink()
    info["parity"][options.format] = parity
    description = folder / "model.json"
    beside = description.with_suffix(".partial")
    beside.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, description)
    sizes = ", ".join(f"{h} x {w}" for h, w in CROPS)
    print(  # noqa: T201
        f"{file}: at most {parity['max_level_diff']:.2g} grey levels from Keras, "
        f"on crops of {sizes} px of {parity['photographs']}"
    )


def _parity(generator: keras.Model, target: Format, file: Path, data: str) -> dict[str, object]:
    """Compare the file with the Keras model on crops of photographs."""
    network = target.load(file)
    differences = []
    for crop in _crops(data):
        images = crop[np.newaxis].astype(np.float32) / np.float32(255)
        expected = np.clip(generator(images, training=False), 0, 1)
        differences.append(float(np.abs(network(images) - expected).max()) * 255)
    worst = max(differences)
    if not worst <= target.limit:  # so put, NaN is refused too
        raise RuntimeError(
            f"{file.name} differs from Keras by {worst:.2g} grey levels (limit {target.limit:g})"
        )
    return {"max_level_diff": worst, "sizes": [list(size) for size in CROPS], "photographs": data}


def _crops(data: str) -> Iterator[np.ndarray]:
    """Cut the middle out of the first photographs, once in each size."""
    for photograph in datasets.find(data)[:PHOTOGRAPHS]:
        image = photograph.read()
        for height, width in CROPS:
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            crop = image[max(top, 0) :, max(left, 0) :][:height, :width]
            yield np.ascontiguousarray(crop)
