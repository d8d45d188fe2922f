"""The command `export`: a model folder in another format, compared with Keras on photographs."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from srgan_keras import output_folder
from srgan_keras.console import say
from srgan_keras.data import datasets
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder, quantisation
from srgan_keras.export.formats import FORMATS, Format
from srgan_keras.export.layouts import LAYOUTS, VERSION, layout_of, write_layout
from srgan_keras.export.recipe import Recipe
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
        if options.tile or options.calibration is not None:
            raise UsageError("format saved_model has no settings: remove tile and calibration")
        model_folder.update(folder)
        log.info("%s is written again. Repeat its exports to other formats.", folder)
        return
    if options.format in LAYOUTS:
        _write_layout(folder, info, options)
        return
    target = FORMATS[options.format]
    _check(options, target)
    name = f"{options.format}_{options.tile}" if options.tile else options.format
    file = folder / target.file_of(options.tile or 0)
    before = model_folder.recorded(folder, info)
    names = [f"{file.parent.name}/{part}" for part in (file.name, *target.others)]
    _refuse_foreign(folder, names, before)
    generator = float32_copy(keras.models.load_model(folder / "generator.keras"))
    recipe = _recipe(options, info)
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".partial-") as scratch:
        partial = Path(scratch, file.name)
        try:
            target.write(generator, partial, recipe)
            parity = _parity(generator, target, partial, options, recipe)
        except ImportError as error:
            raise UsageError(
                f"format {options.format} needs {error.name}: pip install 'srgan_keras[export]'"
            ) from None
        for part in partial.parent.iterdir():
            os.replace(part, file.parent / part.name)
    info["parity"][name] = parity
    info["files"] = sorted({*before, *(part for part in names if (folder / part).exists())})
    write_json(folder / "model.json", info, indent=1)
    say(f"{file}: {_told(parity)}")


def _write_layout(folder: Path, info: dict[str, Any], options: ExportOptions) -> None:
    if options.tile or options.calibration:
        raise UsageError(f"format {options.format} takes no tile and no calibration: remove them")
    before = model_folder.recorded(folder, info)
    layout = layout_of(options.format, info)
    names = [f"{options.format}/{name}" for name in layout]
    _refuse_foreign(folder, names, before)
    write_layout(folder, options.format, layout)
    info["files"] = sorted({*before, *names})
    write_json(folder / "model.json", info, indent=1)
    say(f"{folder / options.format}: the SavedModel as version {VERSION} of {info['name']}")


def _refuse_foreign(folder: Path, names: Sequence[str], before: Sequence[str]) -> None:
    """Refuse to replace a file that the package did not write."""
    for name in names:
        if os.path.lexists(folder / name) and name not in before:
            raise UsageError(
                f"{folder / name} exists, and `export` did not write it: move it away, then repeat "
                "the command"
            )


def _check(options: ExportOptions, target: Format) -> None:
    if options.tile and not target.fixed:
        fixed = ", ".join(name for name, each in FORMATS.items() if each.fixed)
        raise UsageError(f"format {options.format} takes images of any size: use tile with {fixed}")
    if target.calibrated and options.calibration is None:
        raise UsageError(
            f"format {options.format} needs photographs to choose its ranges by: set calibration "
            "to a folder of them"
        )
    if options.calibration is not None and not target.calibrated:
        raise UsageError(f"format {options.format} has no ranges to choose: remove calibration")


def _recipe(options: ExportOptions, info: dict[str, Any]) -> Recipe:
    scale, images = info["scale"], ()
    if options.calibration is not None:
        images, _ = quantisation.images(options.calibration, scale)
    degradation = info["degradation"]["name"]
    return Recipe(scale, info["name"], degradation, options.tile or 0, images)


def _told(parity: dict[str, Any]) -> str:
    """Put the difference from Keras into words."""
    worst = f"at most {parity['max_level_diff']:.2g} grey levels from Keras"
    if "psnr" in parity:
        shift = max(map(abs, parity["mean_shift"]))
        worst += f", {parity['psnr']:.1f} dB, mean shift at most {shift:.2g} grey levels"
        return f"{worst}, on other photographs of {parity['photographs']}"
    sizes = ", ".join(f"{h} x {w}" for h, w in parity["sizes"])
    return f"{worst}, on crops of {sizes} px of {parity['photographs']}"


def _check_writable(folder: Path) -> None:
    advice = "copy the model folder to a place of your own, then export the copy"
    copy = f"{advice}: cp -r {folder} my-{folder.name}"
    output_folder.check_writable(folder, copy)


def _parity(
    generator: keras.Model, target: Format, file: Path, options: ExportOptions, recipe: Recipe
) -> dict[str, Any]:
    """Compare the file with the Keras model on crops of photographs."""
    network = target.load(file)
    if target.calibrated:
        _, others = quantisation.images(options.calibration, recipe.scale)
        found = quantisation.distance(generator, network, others)
        return found | {"photographs": options.calibration}
    sizes = [(recipe.tile, recipe.tile)] if recipe.tile else CROPS
    differences = []
    for crop in _crops(options.data, sizes):
        images = crop[np.newaxis].astype(np.float32) / np.float32(255)
        expected = np.clip(generator(images, training=False), 0, 1)
        differences.append(float(np.abs(network(images) - expected).max()) * 255)
    worst = max(differences)
    if not worst <= target.limit:  # a NaN is refused too
        raise RuntimeError(
            f"{file.name} differs from Keras by {worst:.2g} grey levels (limit {target.limit:g})"
        )
    sizes = [list(size) for size in sizes]
    return {"max_level_diff": worst, "sizes": sizes, "photographs": options.data}


def _crops(data: str, sizes: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Cut the middle out of the first photographs in each size; smaller ones are mirrored."""
    for photograph in datasets.find(data)[:PHOTOGRAPHS]:
        image = photograph.read()
        for height, width in sizes:
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            crop = image[max(top, 0) :, max(left, 0) :][:height, :width]
            rest = height - crop.shape[0], width - crop.shape[1]
            yield np.pad(crop, ((0, rest[0]), (0, rest[1]), (0, 0)), "symmetric")
