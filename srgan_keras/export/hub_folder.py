"""A model of the hub as a model folder: opened in safe mode, and written again by this package.

Nothing that is fetched is run. `generator.keras` holds layers by name and weights. Only layers of
Keras and of this package are accepted, and no Lambda. The SavedModel is made from them here.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from filelock import FileLock

from srgan_keras import hub
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder

PARTS = {"metadata.json", "config.json", "model.weights.h5"}
"""The files in a `.keras` file of a generator."""

TAKEN = (*model_folder.REQUIRED, "vgg_weights", "correction_share")
"""The keys of a foreign model.json that are taken over."""

_MODULES = (
    *("keras.layers.", "keras.initializers.", "keras.models.", "keras.src.models.functional."),
    *("srgan_keras.models.layers.", "srgan_keras.models.bicubic."),
)
_UNSAFE = {"Lambda", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer"}


def folder_of(name: str) -> Path:
    """Return the folder of a model of the hub; it is fetched and opened once for each commit.

    Args:
        name: `hf://USER/MODEL[@REVISION]`.

    Raises:
        UsageError: the hub cannot be asked, has no such model, or it is not safe to open.
    """
    pin = hub.reference(hub.pinned(name))
    user, model = pin.repository.split("/")
    folder = hub.cache() / f"{user}--{model}" / pin.revision
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "model.json").is_file():
            _write(folder, pin)
    return folder


def _write(folder: Path, pin: hub.Reference) -> None:
    files = hub.fetch(pin)
    info = _info(files["model.json"][0], pin)
    generator = load_generator(files["generator.keras"][0], str(pin))
    digests = {name: digest for name, (_, digest) in files.items()}
    info["hub"] = {"repository": pin.repository, "revision": pin.revision, "sha256": digests}
    try:
        model_folder.save(folder, generator, info)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{pin} is no model of srgan_keras: {_line(error)}") from None


def load_generator(file: Path, title: str) -> keras.Model:
    """Load somebody else's `generator.keras` without running anything of it.

    Args:
        file: to load.
        title: what messages call it.

    Raises:
        UsageError: it holds something else than layers and weights, or is damaged.
    """
    try:
        with zipfile.ZipFile(file) as parts:
            if other := sorted(set(parts.namelist()) - PARTS):
                raise UsageError(f"{title} is not safe: generator.keras holds {other[0]}")
            config = json.loads(parts.read("config.json"))
        for part in _objects(config):
            _check_safe(part, title)
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"cannot open generator.keras of {title}: {_line(error)}") from None


def _info(file: Path, pin: hub.Reference) -> dict[str, Any]:
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
        if info["schema"] > model_folder.SCHEMA:
            raise UsageError(f"a newer srgan_keras wrote {pin}: upgrade the package")
        return {key: info[key] for key in TAKEN if key in info}
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{pin} is no model of srgan_keras: model.json is damaged") from None


def _objects(config: object) -> Iterator[dict[str, Any]]:
    """Yield every object in a configuration, at any depth."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _objects(value)


def _check_safe(part: dict[str, Any], title: str) -> None:
    module, name = part.get("module"), part["class_name"]
    if module is None:  # a tensor or a tuple, which Keras names so
        safe = name in ("__keras_tensor__", "__tuple__", "__numpy__")
    else:
        safe = f"{module}.{name}" == "keras.DTypePolicy" or f"{module}.".startswith(_MODULES)
    if not safe or name in _UNSAFE:
        raise UsageError(
            f"{title} is not safe: generator.keras holds {module or 'an object'}.{name}, which is "
            "no layer of Keras or of srgan_keras that is known to run nothing else"
        )


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
