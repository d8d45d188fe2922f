"""A SavedModel of any origin that has the signatures of a model folder, but no model.json."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.tensorflow_path import readable

MARK = "saved_model.pb"
"""The file by which a SavedModel is known."""

_PROBE = 16  # px, side of the image by which the scale is found


class PlainSavedModel:
    """A SavedModel whose `serving_default` takes and gives `images`, uint8 [N, H, W, 3].

    Attributes:
        path: the folder.
        info: empty.
        name: the folder's.
        scale: SR side over LR side, measured on a small image.
        degradation: `unknown`.
    """

    degradation = "unknown"

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            UsageError: it cannot be loaded, or has other signatures.
        """
        self.path, self.name, self.info = path, path.resolve().name, {}
        try:
            with readable(path) as found:
                self._module = tf.saved_model.load(str(found))  # holds the signatures' weights
            self._signatures = self._module.signatures
            sr = self.upscale(np.zeros((_PROBE, _PROBE, 3), np.uint8))
        except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"{path} has no signature serving_default from images, uint8 [N, H, W, 3], to "
                f"images ({reason}): export the model with that signature"
            ) from None
        self.scale = sr.shape[0] // _PROBE

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [scale h, scale w, 3]."""
        return self._call("serving_default", image)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1.

        Without the signature `serve_float` the result has steps of 1 / 255.
        """
        if "serve_float" in self._signatures:
            return self._call("serve_float", image.astype(np.float32) / 255)
        return self.upscale(image).astype(np.float32) / 255

    def _call(self, signature: str, image: np.ndarray) -> np.ndarray:
        return self._signatures[signature](images=tf.constant(image[None]))["images"].numpy()[0]
