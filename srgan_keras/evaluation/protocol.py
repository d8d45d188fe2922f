"""The two protocols: `standard`, ours, and `author`, the published notebook's.

A protocol makes LR from a photograph, upscales it with a baseline or a model, and compares SR with
HR.
"""

import zlib
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import cv2
import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.config import Clinical
from srgan_keras.data import fov, paired
from srgan_keras.data.degradations import (
    DEGRADATIONS,
    PAIRED,
    PAIRED_VERSION,
    degrade,
    operator,
)
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.models.bicubic import bicubic_upsample
from srgan_keras.rounding import to_uint8

BASELINES = ("nearest", "bicubic", "lanczos")
INPUT = "input"
"""The row of the untouched photograph, the only baseline at scale 1."""

Values = dict[str, float]
"""Metric -> value of one image in one region."""


class Method(Protocol):
    """The part of a model that a protocol needs; `inference.model.Model` has it."""

    name: str
    scale: int
    degradation: str

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [scale h, scale w, 3], rounded and clipped."""

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""


@dataclass(frozen=True)
class Sample:
    """A photograph prepared by a protocol: uint8 HR and LR, and the masks of the regions.

    A region whose mask is None is the whole frame.
    """

    hr: np.ndarray
    lr: np.ndarray
    regions: dict[str, np.ndarray | None]
    index: int = 0
    """Seed of a random degradation. It comes from HR alone: other photographs do not matter."""


@dataclass(frozen=True)
class Standard:
    """Protocol `standard`: crop to the field of view, scale down, measure in three regions."""

    scale: int = 4
    degradation: str = "bicubic"
    """`paired`: LR is that of the dataset."""
    hr_long_side: int = 512
    """Long side of HR in px before the crop to a multiple of the scale; 0 is native size."""
    fov_mask_version: int = fov.FOV_MASK_VERSION
    """Version of the masks, those that preprocessed photographs have or those found here."""
    degradation_version: int | None = None
    """None is the newest."""
    clinical: Clinical = field(default_factory=Clinical)
    """Faults of degradation `clinical`, version 2."""

    name: ClassVar[str] = "standard"
    regions: ClassVar[tuple[str, ...]] = ("full", "fov", "inner")

    @property
    def baselines(self) -> tuple[str, ...]:
        """The rows that need no model."""
        return BASELINES if self.scale > 1 else (INPUT,)

    @property
    def reference(self) -> str:
        """The baseline that gains are over."""
        return "bicubic" if self.scale > 1 else INPUT

    def record(self) -> dict[str, Any]:
        """Return every setting that the values depend on."""
        version, faults = PAIRED_VERSION, {}
        if self.degradation != PAIRED:
            chosen = operator(self.degradation, self.degradation_version)
            version = chosen.version
            faults = {"clinical": asdict(self.clinical)} if chosen.settings else {}
        return {
            "name": self.name,
            "scale": self.scale,
            "degradation": self.degradation,
            "degradation_version": version,
            **faults,
            "hr_long_side": self.hr_long_side,
            "fov_mask_version": self.fov_mask_version,
            "rounding": "nearest",
            "colour": "RGB",
        }

    def prepare(self, photograph: Photograph, image: np.ndarray | None = None) -> Sample:
        """Prepare a photograph, whose pixels `image` may be read already, uint8 RGB [H, W, 3].

        Raises:
            UsageError: it cannot be decoded, or is smaller than one pixel of LR.
            WeakRegistration: its LR in a paired dataset cannot be aligned with it.
        """
        image = photograph.read() if image is None else image
        if photograph.lr_path is None:
            return self.sample(image, photograph.mask())
        pair = paired.align(photograph.read_lr(), image, self.scale, self.fov_mask_version)
        pair = pair.cropped().scaled(self.hr_long_side)
        regions = {"full": None, "fov": pair.mask, "inner": fov.erode_inner(pair.mask)}
        return Sample(pair.hr, pair.lr, regions)

    def sample(self, image: np.ndarray, mask: np.ndarray | None = None) -> Sample:
        """Prepare a photograph without LR.

        Args:
            image: uint8 RGB [H, W, 3].
            mask: field of view of a preprocessed photograph, bool [H, W]; None finds it.

        Raises:
            UsageError: the photograph is smaller than one pixel of LR.
        """
        if mask is None:
            mask = fov.fov_mask(image, self.fov_mask_version)
        image, mask = fov.crop_to_fov(image, mask)
        image, mask = fov.scale_to_long_side(image, mask, self.hr_long_side)
        height, width = (side - side % self.scale for side in mask.shape)
        _check_size(image, self.scale)
        # a copy, so that the photograph at its full size is not kept alive
        hr, mask = image[:height, :width].copy(), mask[:height, :width]
        index = zlib.crc32(hr)
        lr = self.degraded(hr, index)
        return Sample(hr, lr, {"full": None, "fov": mask, "inner": fov.erode_inner(mask)}, index)

    def baseline(self, name: str, sample: Sample) -> np.ndarray:
        """Upscale with an interpolation: uint8 SR of HR's size. `input` is LR itself."""
        if name == INPUT:
            return sample.lr
        if name == "bicubic":
            return _bicubic(sample.lr, self.scale)
        return _resize(sample.lr, sample.hr, name)

    def upscale(self, model: Method, sample: Sample) -> np.ndarray:
        """Upscale with a model: uint8 SR of HR's size."""
        return model.upscale(sample.lr)

    def compare(self, sample: Sample, sr: np.ndarray) -> dict[str, Values]:
        """Return the metrics of docs/metrics.md by region; whole-image metrics are in `full`."""
        hr, scale = sample.hr, self.scale
        pairs = {"": (hr, sr), "_green": (hr[..., 1], sr[..., 1])}
        pairs["_y"] = (metrics.luma(hr), metrics.luma(sr))
        similar, contrast = metrics.ssim_maps(hr, sr)
        similarities = {"": similar, "_green": np.ascontiguousarray(similar[..., 1])}
        similarities["_y"], _ = metrics.ssim_maps(*pairs["_y"])
        colours = metrics.colour_map(hr, sr, scale)
        values: dict[str, Values] = {}
        for region, mask in sample.regions.items():
            values[region] = {}
            for kind, (a, b) in pairs.items():
                values[region]["psnr" + kind] = metrics.psnr(a, b, mask)
                values[region]["ssim" + kind] = metrics.mean_inside(similarities[kind], mask)
            values[region]["colour_drift"] = metrics.mean_colour(colours, scale, mask)
        values["full"]["ms_ssim"] = metrics.ms_ssim(hr, sr, contrast)
        if self.degradation != PAIRED:  # which operator made LR of a pair is unknown
            lr = self.degraded(sr, sample.index)
            values["full"]["lr_consistency"] = metrics.psnr(sample.lr, lr)
        if scale == 1:  # HR has no frequencies beyond LR's, and SR no grid of LR px
            return values
        square = metrics.largest_square(sample.regions["inner"])
        spectra = metrics.spectrum(hr, square), metrics.spectrum(sr, square)
        values["inner"] |= {
            "band_energy": metrics.band_energy(*spectra, scale),
            "grid_energy": metrics.grid_energy(*spectra, scale),
        }
        return values

    def degraded(self, hr: np.ndarray, index: int) -> np.ndarray:
        """Make LR from HR: uint8; `index` is the sample's."""
        with tf.device("CPU"):  # a GPU's TF32 would change a rounding here and there
            lr = degrade(
                hr[None],
                self.degradation,
                self.scale,
                index=[index],
                version=self.degradation_version,
                settings=self.clinical,
            )
            return lr.numpy()[0]


@dataclass(frozen=True)
class Author:
    """Protocol `author`: native size, full frame, x4, as the author's notebook measures."""

    rounding: Literal["truncate", "nearest"] = "truncate"
    """How SR of a model becomes 8 bit. The notebook truncates."""

    name: ClassVar[str] = "author"
    scale: ClassVar[int] = 4
    degradation: ClassVar[str] = "cv2_linear"
    regions: ClassVar[tuple[str, ...]] = ("full",)
    baselines: ClassVar[tuple[str, ...]] = BASELINES
    reference: ClassVar[str] = "bicubic"

    def record(self) -> dict[str, Any]:
        """Return every setting that the values depend on."""
        return {
            "name": self.name,
            "scale": self.scale,
            "degradation": self.degradation,
            "degradation_version": DEGRADATIONS[self.degradation].version,
            "hr_long_side": 0,
            "rounding": self.rounding,
            "colour": "RGB",
        }

    def prepare(self, photograph: Photograph, image: np.ndarray | None = None) -> Sample:
        """Prepare a photograph, whose pixels `image` may be read already, uint8 RGB [H, W, 3].

        Raises:
            UsageError: it cannot be decoded, or is smaller than one pixel of LR.
        """
        return self.sample(photograph.read() if image is None else image)

    def sample(self, image: np.ndarray, mask: np.ndarray | None = None) -> Sample:
        """Prepare a photograph, uint8 RGB [H, W, 3]. Its mask is not used.

        Raises:
            UsageError: the photograph is smaller than one pixel of LR.
        """
        del mask
        _check_size(image, self.scale)
        height, width = image.shape[:2]
        lr = cv2.resize(image, (width // self.scale, height // self.scale))
        return Sample(image, lr, {"full": None})

    def baseline(self, name: str, sample: Sample) -> np.ndarray:
        """Upscale with OpenCV's interpolation: uint8 SR of HR's size."""
        return _resize(sample.lr, sample.hr, name)

    def upscale(self, model: Method, sample: Sample) -> np.ndarray:
        """Upscale with a model: uint8 SR, resized where four times LR is not HR's size."""
        levels = np.clip(model.upscale_float(sample.lr) * 255, 0, 255)
        sr = (np.rint(levels) if self.rounding == "nearest" else levels).astype(np.uint8)
        height, width = sample.hr.shape[:2]
        return sr if sr.shape == sample.hr.shape else cv2.resize(sr, (width, height))

    def compare(self, sample: Sample, sr: np.ndarray) -> dict[str, Values]:
        """Return psnr, ssim and the agreement of bright pixels over the full frame."""
        values = {"psnr": metrics.psnr(sample.hr, sr), "ssim": metrics.ssim(sample.hr, sr)}
        return {"full": values | metrics.bright_agreement(sample.hr, sr)}


def _check_size(image: np.ndarray, scale: int) -> None:
    height, width = image.shape[:2]
    if min(height, width) < scale:
        raise UsageError(
            f"{width} x {height} px are too few for a scale of {scale}; use a larger photograph"
        )


def _resize(lr: np.ndarray, hr: np.ndarray, name: str) -> np.ndarray:
    kinds = {
        "nearest": cv2.INTER_NEAREST,
        "bicubic": cv2.INTER_CUBIC,
        "lanczos": cv2.INTER_LANCZOS4,
    }
    return cv2.resize(lr, (hr.shape[1], hr.shape[0]), interpolation=kinds[name])


def _bicubic(lr: np.ndarray, scale: int) -> np.ndarray:
    with tf.device("CPU"):
        sr = bicubic_upsample(tf.constant(lr[None]), scale).numpy()[0]
    return to_uint8(sr)
