"""Super-resolution of retinal fundus photographs with SRGAN, in TensorFlow and Keras 3."""

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

if TYPE_CHECKING:
    from srgan_keras.inference.model_folder import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import `load` on first use: `srgan-keras --help` does not wait for TensorFlow."""
    if name == "load":
        from srgan_keras.inference.model_folder import load

        return load
    raise AttributeError(f"module 'srgan_keras' has no attribute {name!r}")
