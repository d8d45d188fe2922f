"""The command `export`: a model folder in another format, compared with Keras on photographs."""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from srgan_keras import output_folder
from srgan_keras.console import say
from srgan_keras.data import datasets
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder
from srgan_keras.export.formats import FORMATS, Format
from srgan_keras.export.saved_model import float32_copy
from srgan_keras.files import write_json
from srgan_keras.options import ExportOptions

log = logging.getLogger(__name__)

CROPS = ((96, 128), (97, 61), (33, 200), (1, 75), (1, 1))
"""Height and width of the crops that are compared; a photograph gives one of each."""
PHOTOGRAPHS = 3


def export(options: ExportOptions) -> None:
    """Write a model in one format into its folder; print and store its difference from Keras.

    Raises:
        UsageError: wrong use or input, or the format's library is not installed.
        RuntimeError: it differs by more than the format's limit. Then no file of it remains.
    """
    folder = model_folder.find(options.model)
    info = model_folder.read_info(folder)
    _check_writable(folder)
    if options.format == "saved_model":
        model_folder.update(folder)
        log.info("%s is written again. Repeat its exports to other formats.", folder)
        return
    target = FORMATS[options.format]
    file = folder / target.file
    before = model_folder.recorded(folder, info)
    names = [f"{file.parent.name}/{name}" for name in (file.name, *target.others)]
    for name in names:
        if os.path.lexists(folder / name) and name not in before:
            raise UsageError(
                f"{folder / name} exists, and `export` did not write it: move it away, then repeat "
                "the command"
            )
    generator = float32_copy(keras.models.load_model(folder / "generator.keras"))
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".partial-") as scratch:
        partial = Path(scratch, file.name)
        try:
            target.write(generator, partial)
            parity = _parity(generator, target, partial, options.data)
        except ImportError as error:
            raise UsageError(
                f"format {options.format} needs {error.name}: pip install 'srgan_keras[export]'"
            ) from None
        for part in partial.parent.iterdir():
            os.replace(part, file.parent / part.name)
    info["parity"][options.format] = parity
    info["files"] = sorted({*before, *(name for name in names if (folder / name).exists())})
    write_json(folder / "model.json", info, indent=1)
    sizes = ", ".join(f"{h} x {w}" for h, w in CROPS)
    say(
        f"{file}: at most {parity['max_level_diff']:.2g} grey levels from Keras, "
        f"on crops of {sizes} px of {parity['photographs']}"
    )


def _check_writable(folder: Path) -> None:
    advice = "copy the model folder to a place of your own, then export the copy"
    copy = f"{advice}: cp -r {folder} my-{folder.name}"
    output_folder.check_writable(folder, copy)


def _parity(generator: keras.Model, target: Format, file: Path, data: str) -> dict[str, object]:
    """Compare the file with the Keras model on crops of photographs."""
    network = target.load(file)
    differences = []
    for crop in _crops(data):
        images = crop[np.newaxis].astype(np.float32) / np.float32(255)
        expected = np.clip(generator(images, training=False), 0, 1)
        differences.append(float(np.abs(network(images) - expected).max()) * 255)
    worst = max(differences)
    if not worst <= target.limit:  # a NaN is refused too
        raise RuntimeError(
            f"{file.name} differs from Keras by {worst:.2g} grey levels (limit {target.limit:g})"
        )
    return {"max_level_diff": worst, "sizes": [list(size) for size in CROPS], "photographs": data}


def _crops(data: str) -> Iterator[np.ndarray]:
    """Cut the middle out of the first photographs in each size."""
    for photograph in datasets.find(data)[:PHOTOGRAPHS]:
        image = photograph.read()
        for height, width in CROPS:
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            crop = image[max(top, 0) :, max(left, 0) :][:height, :width]
            yield np.ascontiguousarray(crop)
