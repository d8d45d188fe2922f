"""Distance between feature maps of VGG-19."""

import numpy as np

VGG_LAYER = "block3_conv3"  # after its activation


def vgg_distance(hr: np.ndarray, sr: np.ndarray) -> float:
    """Mean squared difference of features whose channels have unit length at each position.

    LPIPS without its learnt weights (R. Zhang et al., "The unreasonable effectiveness of deep
    features as a perceptual metric", CVPR 2018) at one layer: comparable with itself alone.

    Args:
        hr: features of HR, float32 [h, w, C]: `VGG_LAYER` of VGG-19 with ImageNet's weights.
        sr: those of SR.

    Returns:
        0 for equal features; at most 4 / C, for opposite ones.
    """
    if hr.shape != sr.shape:
        raise ValueError(f"features must have one size, not {hr.shape} and {sr.shape}")
    hr, sr = (f / np.maximum(np.linalg.norm(f, axis=-1, keepdims=True), 1e-8) for f in (hr, sr))
    return float(np.square(hr - sr).mean(dtype=np.float64))
