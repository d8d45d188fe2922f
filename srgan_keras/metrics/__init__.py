"""Image quality on RGB photographs with values in 0..255, in NumPy and OpenCV: docs/metrics.md."""

from srgan_keras.metrics.author import bright_agreement
from srgan_keras.metrics.colour import colour_drift, colour_map, mean_colour
from srgan_keras.metrics.fidelity import (
    WINDOW,
    luma,
    mean_inside,
    ms_ssim,
    psnr,
    ssim,
    ssim_maps,
)
from srgan_keras.metrics.perceptual import VGG_LAYER, vgg_distance
from srgan_keras.metrics.spectrum import band_energy, grid_energy, largest_square, spectrum

__all__ = [
    "VGG_LAYER",
    "WINDOW",
    "band_energy",
    "bright_agreement",
    "colour_drift",
    "colour_map",
    "grid_energy",
    "largest_square",
    "luma",
    "mean_colour",
    "mean_inside",
    "ms_ssim",
    "psnr",
    "spectrum",
    "ssim",
    "ssim_maps",
    "vgg_distance",
]
