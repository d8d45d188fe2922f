"""Super-resolution of retinal fundus photographs with SRGAN, in TensorFlow and Keras 3."""

from typing import TYPE_CHECKING, Any

from srgan_keras.registration import register
from srgan_keras.version import __version__

register()

if TYPE_CHECKING:
    from srgan_keras.inference.model import load

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import `load` on first use: `srgan-keras --help` does not wait for TensorFlow."""
    if name == "load":
        from srgan_keras import process

        with process.tensorflow_environment():
            from srgan_keras.inference.model import load

        return load
    raise AttributeError(f"module 'srgan_keras' has no attribute {name!r}")
