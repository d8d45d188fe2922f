"""The pictures of protocol `pairs`: a thumbnail of each poor photograph, and frames of a few pairs.

The frames are what the metrics compare: on the reference's grid, at half size. They are 8-bit WebP.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from srgan_keras.data.fov import shrink
from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.summarise import Row
from srgan_keras.files import write_json
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report.gallery import INDEX, THUMBNAIL, claimed

METRIC = "agreement_vessels"
"""By its gain, the last method's best and worst pair of each grade are shown."""

Shown = tuple[float, str, dict[str, np.ndarray]]
"""Gain, id, and frames by method."""


class PairGallery:
    """Writes pictures into OUT/gallery; memory holds the frames of two pairs a grade.

    Args:
        out: the folder of the results.
    """

    def __init__(self, out: Path) -> None:
        self.output = OutputFolder(out)
        self._ids: list[str] = []
        self._best: dict[str, Shown] = {}
        self._worst: dict[str, Shown] = {}

    def see(self, rows: list[Row], frames: dict[str, np.ndarray]) -> None:
        """Write a pair's thumbnail, and keep its frames while it is a best or a worst one."""
        id_, grade = pair_id(rows[0]), rows[0]["grade"]
        self._ids.append(id_)
        small = shrink(frames[INPUT], THUMBNAIL)
        Image.fromarray(small).save(claimed(self.output, f"{id_}.webp"), quality=70)
        gain = rows[-1][METRIC] - next(r[METRIC] for r in rows if r["model"] == INPUT)
        gain = float(np.nan_to_num(gain))  # undefined where a frame is flat
        for kept, sign in ((self._best, 1), (self._worst, -1)):
            if grade not in kept or sign * gain > sign * kept[grade][0]:
                kept[grade] = gain, id_, frames

    def finish(self) -> None:
        """Write the frames and `gallery.json`: see `report.gallery.Gallery.finish`."""
        shown: dict[str, tuple[list[str], dict[str, np.ndarray]]] = {}
        for grade in sorted(self._best):
            for reason, kept in (("best", self._best), ("worst", self._worst)):
                _, id_, frames = kept[grade]
                shown.setdefault(id_, ([], frames))[0].append(f"{reason} {grade}".strip())
        crops = []
        for id_, (reasons, frames) in shown.items():
            layers = {}
            for name, frame in frames.items():
                layers[name] = f"{id_}.{name}.webp"
                Image.fromarray(frame).save(claimed(self.output, layers[name]), quality=90)
            crops.append({"id": id_, "reasons": reasons, "layers": layers, "maps": {}})
        index = {"photographs": self._ids, "crops": crops}
        write_json(claimed(self.output, INDEX), index, indent=1)


def pair_id(row: Row) -> str:
    """Name a pair by both files."""
    return f"{Path(row['poor']).stem}-{Path(row['reference']).stem}"
