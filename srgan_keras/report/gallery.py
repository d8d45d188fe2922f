"""The pictures of a measurement: a thumbnail of each photograph, crops of the telling ones.

`Gallery` writes them into a folder, `report` shows them. Crops of photographs are lossless; maps
and thumbnails are 8-bit WebP.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image

from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluation import trust
from srgan_keras.evaluation.protocol import Author, Sample, Standard, Upscaler
from srgan_keras.evaluation.summarise import Row
from srgan_keras.report.figures import detail

THUMBNAIL = 128
"""Long side, px."""

CROP = 320
"""Largest side of a crop, in px of HR."""

FLAGGED = 5
"""Most photographs that are shown for their flags."""

COLOURS = {
    "uncertainty": ("winter", 2 * trust.THRESHOLDS["uncertainty"]),
    "consistency": ("winter", 2 * trust.THRESHOLDS["consistency"]),
    "departure": ("winter", 16.0),
    "detail": ("coolwarm", 16.0),
}
"""Colour map of a trust map, and the grey levels at which it ends: a flag is half covered."""

INDEX = "gallery.json"


class Gallery:
    """Gathers the pictures of one protocol's measurement.

    Args:
        protocol: by which is measured.
        models: that are measured, by name.
        out: the folder of the measurement; the trust maps are in OUT/trust.
    """

    def __init__(self, protocol: Standard | Author, models: dict[str, Upscaler], out: Path) -> None:
        self.protocol, self.models = protocol, models
        self.folder, self.maps = out / "gallery", out / "trust"

    def thumbnail(self, id_: str, image: np.ndarray) -> None:
        """Write GALLERY/ID.webp of a photograph, uint8 RGB [H, W, 3]."""
        self.folder.mkdir(exist_ok=True)
        height, width = image.shape[:2]
        factor = min(1.0, THUMBNAIL / max(height, width))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(self.folder / f"{id_}.webp", quality=70)

    def finish(
        self, photographs: Sequence[Photograph], rows: list[Row], flagged: dict[str, Any]
    ) -> None:
        """Write the crops, and `gallery.json`.

        gallery.json has `photographs`, the ids; `crops`, each with id, reasons, box ([top, left,
        bottom, right] in px of HR), layers {NAME: file} and maps {MODEL: {NAME: file}}.

        Args:
            photographs: those measured.
            rows: what was measured on them.
            flagged: `trust` of metrics.json: by model, with `flagged` boxes by photograph.
        """
        by_id = {p.id: p for p in photographs}
        boxes = _largest_boxes(flagged)
        reasons = _ranked(rows, self.protocol.regions[-1])
        for id_ in list(boxes)[:FLAGGED]:
            reasons.setdefault(id_, []).append("flagged")
        crops = [self._crop(by_id[id_], why, boxes.get(id_)) for id_, why in reasons.items()]
        index = {"photographs": list(by_id), "crops": crops}
        (self.folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")

    def _crop(
        self, photograph: Photograph, reasons: list[str], flag: list[int] | None
    ) -> dict[str, Any]:
        id_ = photograph.id
        sample = self.protocol.sample(photograph.read(), photograph.mask())
        box = _box(sample, self.protocol.scale, flag)
        top, left, bottom, right = box
        pictures = {"bicubic": self.protocol.baseline("bicubic", sample)}
        pictures |= {name: self.protocol.enlarge(m, sample) for name, m in self.models.items()}
        pictures["HR"] = sample.hr
        layers, maps = {}, {}
        for name, picture in pictures.items():
            layers[name] = f"{id_}.{name}.png"
            pixels = Image.fromarray(picture[top:bottom, left:right])
            pixels.save(self.folder / layers[name])
        for name in self.models:
            maps[name] = {}
            for kind, values in trust.read(self.maps / name, id_).items():
                maps[name][kind] = f"{id_}.{name}.{kind}.webp"
                overlay = coloured(kind, values[top:bottom, left:right])
                Image.fromarray(overlay).save(self.folder / maps[name][kind], quality=80)
        return {"id": id_, "reasons": reasons, "box": box, "layers": layers, "maps": maps}


def coloured(kind: str, values: np.ndarray) -> np.ndarray:
    """Colour a trust map, float [H, W] in grey levels, to lie over a photograph.

    Returns:
        uint8 RGBA [H, W, 4]: the larger the value, the less of what is beneath is seen.
    """
    name, end = COLOURS[kind]
    share = np.clip(values / end, -1, 1)
    place = (share + 1) / 2 if kind == "detail" else share
    pixels = matplotlib.colormaps[name](place, bytes=True)
    pixels[..., 3] = np.rint(255 * np.abs(share))
    return pixels


def legend(kind: str) -> bytes:
    """Draw the colours of a trust map from its least value to its largest, as PNG of 128 x 1 px."""
    least = -1 if kind == "detail" else 0
    ramp = COLOURS[kind][1] * np.linspace(least, 1, 128)[np.newaxis]
    _, data = cv2.imencode(".png", cv2.cvtColor(coloured(kind, ramp), cv2.COLOR_RGBA2BGRA))
    return data.tobytes()


def _ranked(rows: list[Row], region: str) -> dict[str, list[str]]:
    """Return the best, the median and the worst photograph by gain in PSNR of the last model."""
    last = rows[-1]["model"]
    psnr: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["region"] == region and row["model"] in ("bicubic", last):
            psnr.setdefault(row["id"], {})[row["model"]] = row["psnr"]
    with np.errstate(invalid="ignore"):
        gains = {id_: np.subtract(v[last], v["bicubic"]) for id_, v in psnr.items()}
    # where nothing can be compared, the order is that of the photographs
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
    """Place a crop: around a flag, else where HR is richest in vessels; on LR's pixels."""
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
