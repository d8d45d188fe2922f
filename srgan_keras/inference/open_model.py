"""The kinds of MODEL that commands take: a model folder, a SavedModel, an ONNX file."""

from pathlib import Path

from srgan_keras.export.model_folder import pretrained
from srgan_keras.inference.model import Model, load
from srgan_keras.inference.onnx_model import SUFFIX, OnnxModel
from srgan_keras.inference.plain_saved_model import MARK, PlainSavedModel


def open_model(name: str) -> Model | PlainSavedModel | OnnxModel:
    """Load a model by its name or path.

    Args:
        name: of a pretrained model; path of a model folder, of a SavedModel without a model.json,
            or of a file whose name ends with `.onnx`.

    Raises:
        UsageError: there is none, or it does not map RGB images to RGB images.
    """
    path = Path(name)
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        return OnnxModel(path)
    plain = (path / MARK).is_file() and not (path / "model.json").is_file()
    return PlainSavedModel(path) if plain and name not in pretrained() else load(name)
