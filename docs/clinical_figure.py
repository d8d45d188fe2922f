"""Draws docs/clinical.png: each fault of degradation `clinical` on a phantom, then mixtures."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from srgan_keras.config import Clinical
from srgan_keras.data import clinical2
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.rounding import to_uint8

SIDE, COLUMNS = 168, 7
NONE = dataclasses.replace(
    Clinical(),
    kernels=("bicubic",),
    **{f.name: 0.0 for f in dataclasses.fields(Clinical) if f.name.endswith("_share")},
)
ALONE = {  # at the upper end of the range or beyond it, so that a small picture shows the fault
    "veil": {"veil_depth": (0.45, 0.45)},
    "falloff": {"falloff_depth": (0.6, 0.6)},
    "shadow": {"shadow_depth": (0.6, 0.6)},
    "sheen": {"sheen_depth": (0.12, 0.12)},
    "halo": {"halo_level": (1.2, 1.2)},
    "lashes": {"lashes_depth": (0.4, 0.4)},
    "dust": {"dust_depth": (0.3, 0.3), "dust_count": (6, 6)},
    "cast": {},
    "scatter": {"scatter_depth": (0.9, 0.9), "scatter_width": (12.0, 12.0)},
    "defocus": {"defocus": (6.0, 6.0)},
    "motion": {"motion": (15.0, 15.0)},
    "noise": {"read_noise": (6.0, 6.0)},
    "jpeg": {"jpeg_quality": (15, 15)},
}
INDEX = 9


def main() -> None:
    """Write the picture."""
    image = phantom(5, SIDE).image
    tiles = [_tile(image, "clean")]
    for name, changes in ALONE.items():
        settings = dataclasses.replace(NONE, **{f"{name}_share": 1.0}, **changes)
        tiles.append(_tile(clinical2.degrade(image, settings, 1, 0, INDEX), name))
    for index in range(COLUMNS):
        settings = Clinical(clean_share=0.0)
        tiles.append(_tile(clinical2.degrade(image, settings, 1, 0, index), f"mixture {index}"))
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.vstack(rows)).save(Path(__file__).with_name("clinical.png"), optimize=True)


def _tile(image: np.ndarray, label: str) -> np.ndarray:
    tile = to_uint8(image.astype(np.float32))
    white, font = (255, 255, 255), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(tile, label, (3, 11), font, 0.35, white, 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    main()
