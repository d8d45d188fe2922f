"""Folders that a wheel holds inside the package, and a clone at its top; the user's cache."""

from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent


def packaged(name: str) -> Path:
    """Return a folder of data or code that belongs to the package.

    A wheel installs `srgan_keras/NAME`. In a clone, and so in an editable installation, the folder
    is `NAME` beside `srgan_keras`.

    Args:
        name: relative, with slashes, for example `saved_models`.
    """
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def user_cache() -> Path:
    """Return the folder for what can be measured again, such as ~/.cache/srgan_keras on Linux."""
    return Path(platformdirs.user_cache_dir("srgan_keras", appauthor=False))
