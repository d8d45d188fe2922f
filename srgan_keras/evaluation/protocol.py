"""The two ways to measure: `standard`, ours, and `author`, the published notebook's.

A protocol makes the LR photograph, enlarges it by the baselines and by each model, and compares
each result with the HR photograph.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import cv2
import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.config import Clinical, Vgg
from srgan_keras.data import fov
from srgan_keras.data.degradations import DEGRADATIONS, degrade, operator
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.clock import Clock
from srgan_keras.models.bicubic import bicubic_upsample
from srgan_keras.models.vgg19 import build_features, build_vgg19

BASELINES = ("nearest", "bicubic", "lanczos")

Values = dict[str, float]
"""Metric -> value of one image in one region."""

Features = Callable[[np.ndarray], np.ndarray]
"""uint8 RGB [H, W, 3] -> feature map float32 [h, w, C]."""


class Upscaler(Protocol):
    """What is asked of a model: `inference.model_folder.Model` is one."""

    name: str
    scale: int
    degradation: str

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Enlarge uint8 [h, w, 3] to uint8 [scale h, scale w, 3], rounded and clipped."""

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Enlarge uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""


@dataclass(frozen=True)
class Sample:
    """A photograph as a protocol shows it: uint8 HR and LR, and the masks of the regions.

    A region whose mask is None is the whole frame.
    """

    hr: np.ndarray
    lr: np.ndarray
    regions: dict[str, np.ndarray | None]
    index: int = 0
    """What a random degradation draws from: HR's own, so that the company it is in matters not."""


Look = Callable[[str, Sample, np.ndarray], dict[str, Values]]
"""Name of a model, sample, SR uint8 -> further values by region."""


@dataclass(frozen=True)
class Standard:
    """Protocol `standard`: cropped to the field of view, scaled down, measured in three regions."""

    scale: int = 4
    degradation: str = "bicubic"
    hr_long_side: int = 512
    """Long side of HR in px before the crop to a multiple of the scale; 0 is native size."""
    fov_mask_version: int = fov.FOV_MASK_VERSION
    """Of the masks that the photographs come with, or are given."""
    degradation_version: int | None = None
    """None is the newest."""
    clinical: Clinical = field(default_factory=Clinical)
    """Faults of degradation `clinical`, version 2."""

    name: ClassVar[str] = "standard"
    regions: ClassVar[tuple[str, ...]] = ("full", "fov", "inner")

    def record(self) -> dict[str, Any]:
        """Return all that the figures depend on."""
        chosen = operator(self.degradation, self.degradation_version)
        faults = {"clinical": asdict(self.clinical)} if chosen.settings else {}
        return {
            "name": self.name,
            "scale": self.scale,
            "degradation": self.degradation,
            "degradation_version": chosen.version,
            **faults,
            "hr_long_side": self.hr_long_side,
            "fov_mask_version": self.fov_mask_version,
            "rounding": "nearest",
            "colour": "RGB",
        }

    def sample(self, image: np.ndarray, mask: np.ndarray | None = None) -> Sample:
        """Prepare a photograph.

        Args:
            image: uint8 RGB [H, W, 3].
            mask: its field of view, bool [H, W], where it has been prepared; else it is found.

        Raises:
            UsageError: it is smaller than one pixel of LR.
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
        """Enlarge by interpolation: uint8 SR of HR's size."""
        if name == "bicubic":
            return _bicubic(sample.lr, self.scale)
        return _resize(sample.lr, sample.hr, name)

    def enlarge(self, model: Upscaler, sample: Sample) -> np.ndarray:
        """Enlarge by a model: uint8 SR of HR's size."""
        return model.upscale(sample.lr)

    def compare(self, sample: Sample, sr: np.ndarray) -> dict[str, Values]:
        """Return the metrics of docs/metrics.md by region; those of the whole image in `full`."""
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
        lr = self.degraded(sr, sample.index)
        values["full"] |= {
            "lr_consistency": metrics.psnr(sample.lr, lr),
            "ms_ssim": metrics.ms_ssim(hr, sr, contrast),
        }
        square = metrics.largest_square(sample.regions["inner"])
        spectra = metrics.spectrum(hr, square), metrics.spectrum(sr, square)
        values["inner"] |= {
            "band_energy": metrics.band_energy(*spectra, scale),
            "grid_energy": metrics.grid_energy(*spectra, scale),
        }
        return values

    def degraded(self, hr: np.ndarray, index: int) -> np.ndarray:
        """Make LR of HR: uint8; `index` is a sample's."""
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
    """How SR of a model becomes 8 bit; the notebook truncates."""

    name: ClassVar[str] = "author"
    scale: ClassVar[int] = 4
    degradation: ClassVar[str] = "cv2_linear"
    regions: ClassVar[tuple[str, ...]] = ("full",)

    def record(self) -> dict[str, Any]:
        """Return all that the figures depend on."""
        return {
            "name": self.name,
            "scale": self.scale,
            "degradation": self.degradation,
            "degradation_version": DEGRADATIONS[self.degradation].version,
            "hr_long_side": 0,
            "rounding": self.rounding,
            "colour": "RGB",
        }

    def sample(self, image: np.ndarray, mask: np.ndarray | None = None) -> Sample:
        """Prepare a photograph, uint8 RGB [H, W, 3], whose mask does not matter here.

        Raises:
            UsageError: it is smaller than one pixel of LR.
        """
        del mask
        _check_size(image, self.scale)
        height, width = image.shape[:2]
        lr = cv2.resize(image, (width // self.scale, height // self.scale))
        return Sample(image, lr, {"full": None})

    def baseline(self, name: str, sample: Sample) -> np.ndarray:
        """Enlarge by OpenCV's interpolation: uint8 SR of HR's size."""
        return _resize(sample.lr, sample.hr, name)

    def enlarge(self, model: Upscaler, sample: Sample) -> np.ndarray:
        """Enlarge by a model: uint8 SR, resized where four times LR is not HR's size."""
        levels = np.clip(model.upscale_float(sample.lr) * 255, 0, 255)
        sr = (np.rint(levels) if self.rounding == "nearest" else levels).astype(np.uint8)
        height, width = sample.hr.shape[:2]
        return sr if sr.shape == sample.hr.shape else cv2.resize(sr, (width, height))

    def compare(self, sample: Sample, sr: np.ndarray) -> dict[str, Values]:
        """Return psnr, ssim and the agreement of the bright pixels over the full frame."""
        values = {"psnr": metrics.psnr(sample.hr, sr), "ssim": metrics.ssim(sample.hr, sr)}
        return {"full": values | metrics.bright_agreement(sample.hr, sr)}


def measure(
    protocol: Standard | Author,
    image: np.ndarray,
    models: dict[str, Upscaler],
    mask: np.ndarray | None = None,
    features: Features | None = None,
    clock: Clock | None = None,
    look: Look | None = None,
) -> Iterator[tuple[str, str, Values]]:
    """Measure the baselines and the models on one photograph, uint8 RGB [H, W, 3].

    `mask` is the field of view of a prepared photograph. Where `features` is given, `full` has a
    vgg_distance, too; `look` adds to the values of the models. `clock` gets the seconds of the
    parts.

    Yields:
        (row, region, values): row is a baseline or a key of `models`.

    Raises:
        UsageError: the photograph is too small.
    """
    clock = clock or Clock()
    with clock.of("LR and regions"):
        sample = protocol.sample(image, mask)
    if features:
        with clock.of("VGG-19"):
            expected = features(sample.hr)
    for row in (*BASELINES, *models):
        with clock.of(row if row in models else "baselines"):
            if row in models:
                sr = protocol.enlarge(models[row], sample)
            else:
                sr = protocol.baseline(row, sample)
        with clock.of("metrics"):
            compared = protocol.compare(sample, sr)
        if features:
            with clock.of("VGG-19"):
                distance = metrics.vgg_distance(expected, features(sr))
            compared["full"]["vgg_distance"] = distance
        if look and row in models:
            with clock.of("trust maps"):
                for region, values in look(row, sample, sr).items():
                    compared[region] |= values
        for region, values in compared.items():
            yield row, region, values


def vgg_features(weights: Path) -> Features:
    """Load what vgg_distance compares.

    Args:
        weights: VGG-19's ImageNet weights, a file for include_top=False.

    Raises:
        UsageError: no such file, or it holds something else.
    """
    base, _ = build_vgg19(str(weights))
    network = build_features(base, Vgg(feature_scale=1.0), {"content": metrics.VGG_LAYER})

    def features(image: np.ndarray) -> np.ndarray:
        levels = tf.constant(image[None], tf.float32) / 255
        return network(levels, training=False)["content"].numpy()[0]

    return features


def _check_size(image: np.ndarray, scale: int) -> None:
    height, width = image.shape[:2]
    if min(height, width) < scale:
        raise UsageError(f"{width} x {height} px are too few for a scale of {scale}")


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
    return np.clip(np.floor(sr + 0.5), 0, 255).astype(np.uint8)
