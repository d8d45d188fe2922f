"""Folders that a wheel holds inside the package, and a clone at its top."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def packaged(name: str) -> Path:
    """Return a folder of data or code that belongs to the package.

    A wheel installs `srgan_keras/NAME`. In a clone, and so in an editable installation, the folder
    is `NAME` beside `srgan_keras`.

    Args:
        name: relative, with slashes, e.g. `saved_models`.
    """
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name
