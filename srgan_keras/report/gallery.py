"""The pictures of an evaluation: a thumbnail of each photograph, and crops of a few.

`Gallery` writes them into a folder, and `page` shows them. Crops of photographs are lossless. Maps
and thumbnails are 8-bit WebP.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image

from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluation import trust
from srgan_keras.evaluation.observer import Observer, Run
from srgan_keras.evaluation.protocol import Author, Method, Sample, Standard
from srgan_keras.evaluation.summarise import Row
from srgan_keras.files import write_json
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report.figures import detail

THUMBNAIL = 128
"""Long side, px."""

CROP = 320
"""Largest side of a crop, in px of HR."""

FLAGGED = 5
"""Largest number of photographs shown for their flags."""

COLOURS = {
    "uncertainty": ("winter", 2 * trust.THRESHOLDS["uncertainty"]),
    "consistency": ("winter", 2 * trust.THRESHOLDS["consistency"]),
    "departure": ("winter", 16.0),
    "detail": ("coolwarm", 16.0),
}
"""Colour map of each trust map, and the grey levels at which it ends.

A pixel at the threshold of a flag is half covered.
"""

INDEX = "gallery.json"


class Gallery(Observer):
    """Writes the pictures of the first protocol into OUT/gallery."""

    def start(
        self, protocols: Sequence[Standard | Author], models: dict[str, Method], out: Path
    ) -> None:
        """Choose the protocol and the folder; the trust maps are in OUT/trust."""
        self.protocol, self.models = protocols[0], models
        self.output, self.maps = OutputFolder(out), out / "trust"

    def photograph(self, photograph: Photograph, image: np.ndarray) -> str:
        """Write the thumbnail ID.webp of a photograph, uint8 RGB [H, W, 3]."""
        height, width = image.shape[:2]
        factor = min(1.0, THUMBNAIL / max(height, width))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(claimed(self.output, f"{photograph.id}.webp"), quality=70)
        return "pictures"

    def files(self, id_: str) -> list[str]:
        """Name the thumbnail of a photograph."""
        return [f"gallery/{id_}.webp"]

    def finish(self, run: Run) -> str | None:
        """Write the crops, and `gallery.json`.

        gallery.json has `photographs`, the ids; and `crops`, each with id, reasons, box ([top,
        left, bottom, right] in px of HR), layers {NAME: file} and maps {MODEL: {NAME: file}}.
        """
        if run.protocol is not self.protocol:
            return None
        by_id = {p.id: p for p in run.photographs}
        boxes = _largest_boxes(run.trust)
        reasons = _ranked(run.rows, self.protocol)
        for id_ in list(boxes)[:FLAGGED]:
            reasons.setdefault(id_, []).append("flagged")
        crops = [self._crop(by_id[id_], why, boxes.get(id_)) for id_, why in reasons.items()]
        index = {"photographs": list(by_id), "crops": crops}
        write_json(claimed(self.output, INDEX), index, indent=1)
        return "pictures"

    def _crop(
        self, photograph: Photograph, reasons: list[str], flag: list[int] | None
    ) -> dict[str, Any]:
        id_ = photograph.id
        sample = self.protocol.prepare(photograph)
        box = _box(sample, self.protocol.scale, flag)
        top, left, bottom, right = box
        base = self.protocol.reference
        pictures = {base: self.protocol.baseline(base, sample)}
        pictures |= {name: self.protocol.upscale(m, sample) for name, m in self.models.items()}
        pictures["HR"] = sample.hr
        layers, maps = {}, {}
        for name, picture in pictures.items():
            layers[name] = f"{id_}.{name}.png"
            pixels = Image.fromarray(picture[top:bottom, left:right])
            pixels.save(claimed(self.output, layers[name]))
        for name in self.models:
            maps[name] = {}
            for kind, values in trust.read(self.maps / name, id_).items():
                maps[name][kind] = f"{id_}.{name}.{kind}.webp"
                overlay = coloured(kind, values[top:bottom, left:right])
                Image.fromarray(overlay).save(claimed(self.output, maps[name][kind]), quality=80)
        return {"id": id_, "reasons": reasons, "box": box, "layers": layers, "maps": maps}


def claimed(output: OutputFolder, name: str) -> Path:
    """Return the path of a picture in OUT/gallery, after `OutputFolder.claim`."""
    output.claim(f"gallery/{name}")
    file = output.path / "gallery" / name
    file.parent.mkdir(exist_ok=True)
    return file


def coloured(kind: str, values: np.ndarray) -> np.ndarray:
    """Colour a trust map, float [H, W] in grey levels, as an overlay for a photograph.

    Returns:
        uint8 RGBA [H, W, 4]: a larger value is more opaque.
    """
    name, end = COLOURS[kind]
    share = np.clip(values / end, -1, 1)
    place = (share + 1) / 2 if kind == "detail" else share
    pixels = matplotlib.colormaps[name](place, bytes=True)
    pixels[..., 3] = np.rint(255 * np.abs(share))
    return pixels


def legend(kind: str) -> bytes:
    """Draw the colours of a trust map from smallest to largest, as PNG of 128 x 1 px."""
    least = -1 if kind == "detail" else 0
    ramp = COLOURS[kind][1] * np.linspace(least, 1, 128)[np.newaxis]
    _, data = cv2.imencode(".png", cv2.cvtColor(coloured(kind, ramp), cv2.COLOR_RGBA2BGRA))
    return data.tobytes()


def _ranked(rows: list[Row], protocol: Standard | Author) -> dict[str, list[str]]:
    """Find the best, median and worst photograph by the last model's gain in PSNR."""
    last, base, region = rows[-1]["model"], protocol.reference, protocol.regions[-1]
    psnr: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["region"] == region and row["model"] in (base, last):
            psnr.setdefault(row["id"], {})[row["model"]] = row["psnr"]
    with np.errstate(invalid="ignore"):
        gains = {id_: np.subtract(v[last], v[base]) for id_, v in psnr.items()}
    # without a finite gain, the order of the photographs decides
    order = sorted(gains, key=lambda id_: (~np.isfinite(gains[id_]), -np.nan_to_num(gains[id_])))
    finite = [id_ for id_ in order if np.isfinite(gains[id_])] or order[:1]
    found: dict[str, list[str]] = {}
    for reason, place in (("best", 0), ("median", len(finite) // 2), ("worst", -1)):
        found.setdefault(finite[place], []).append(reason)
    return found


def _largest_boxes(flagged: dict[str, Any]) -> dict[str, list[int]]:
    """Return the largest flagged box of each photograph, over the models, the largest first."""
    boxes = [
        (id_, box) for entry in flagged.values() for id_, found in entry["flagged"].items()
        for box in found[:1]
    ]  # fmt: skip
    largest: dict[str, list[int]] = {}
    for id_, box in sorted(boxes, key=lambda item: -_area(item[1])):
        largest.setdefault(id_, box)
    return largest


def _area(box: list[int]) -> int:
    top, left, bottom, right = box
    return (bottom - top) * (right - left)


def _box(sample: Sample, scale: int, flag: list[int] | None) -> list[int]:
    """Place a crop on LR's pixels: around a flag, or where HR shows most vessels."""
    if flag is None:
        top, left, side = detail(sample, scale)
        flag = [top, left, top + side, left + side]
    box = []
    for low, high, size in zip(flag[:2], flag[2:], sample.hr.shape[:2], strict=True):
        side = min(CROP, size) // scale * scale
        start = min(max(0, (low + high - side) // 2), size - side) // scale * scale
        box.append((start, start + side))
    (top, bottom), (left, right) = box
    return [top, left, bottom, right]
