"""From the colours of an ICC profile to sRGB, in which the models are trained and measured."""

import io

import numpy as np
from PIL import Image, ImageCms

_SAME = 2  # grey levels: rounding, and the variants of sRGB, differ by less


def to_srgb(image: np.ndarray, profile: bytes, grey: bool) -> np.ndarray:
    """Convert an image; one whose profile is sRGB stays as it is, bit for bit.

    Args:
        image: uint8 RGB [H, W, 3].
        profile: ICC profile, for grey if `grey`, otherwise for RGB.
        grey: whether the three channels are equal, and the profile is for one.

    Returns:
        uint8 RGB [H, W, 3], by Little CMS, relative colorimetric.

    Raises:
        ImageCms.PyCMSError, OSError: the profile is damaged.
    """
    mode = "L" if grey else "RGB"
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )

    def converted(levels: np.ndarray) -> np.ndarray:
        stored = Image.fromarray(np.ascontiguousarray(levels[..., 0]) if grey else levels)
        return np.asarray(ImageCms.applyTransform(stored, transform))

    probe = _probe(grey)
    if np.abs(converted(probe).astype(int) - probe).max() <= _SAME:
        return image
    return converted(image)


def _probe(grey: bool) -> np.ndarray:
    """Return colours all over the cube, uint8 [N, 1, 3]."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    axes = [steps] * 3 if not grey else [steps]
    colours = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 1, len(axes))
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))
