"""The loss functions, one value an image: the training step divides by the global batch, once.

Images are float32 [N, H, W, 3] in 0..1, logits float32 [N, 1]. Differences are reduced in float32
whatever the networks computed in.
"""

import tensorflow as tf


def pixel_loss(hr: tf.Tensor, sr: tf.Tensor, kind: str) -> tf.Tensor:
    """Return the mean over H, W and channels of a function of d = hr - sr: [N].

    `mae`: |d|. `mse`: d^2. `charbonnier`: sqrt(d^2 + 1e-6), smooth at 0 (Lai et al. 2017).
    """
    return _distance(hr, sr, kind)


def ssim_loss(hr: tf.Tensor, sr: tf.Tensor) -> tf.Tensor:
    """Return 1 - SSIM, with Wang's settings, as a mean over the windows inside the image: [N]."""
    return 1.0 - tf.image.ssim(tf.cast(hr, tf.float32), tf.cast(sr, tf.float32), max_val=1.0)


def content_loss(hr_features: tf.Tensor, sr_features: tf.Tensor, kind: str) -> tf.Tensor:
    """Return Eq. (3) on feature maps phi_i,j [N, H, W, C], mean over H, W and channels: [N]."""
    return _distance(hr_features, sr_features, kind)


def grid_loss(hr: tf.Tensor, sr: tf.Tensor, period: int, window: int = 8) -> tf.Tensor:
    """Return how far sr - hr repeats with a period of `period` px, as the mean of absolutes: [N].

    Over windows of `window` periods, the mean of each pixel of the period against their mean. A
    generator without noise can only texture a flat place with a pattern of its PixelShuffle's
    period: the same at each LR pixel. Here that costs as much as it departs from flat.
    """
    difference = tf.cast(sr, tf.float32) - tf.cast(hr, tf.float32)
    window = min(window, difference.shape[1] // period)
    phases = tf.nn.space_to_depth(difference, period)  # channel (i * period + j) * 3 + c
    means = tf.nn.avg_pool2d(phases, window, window, "VALID")
    means = tf.reshape(means, (*means.shape[:3], period**2, -1))
    pattern = means - tf.reduce_mean(means, axis=3, keepdims=True)
    return tf.reduce_mean(tf.abs(pattern), axis=[1, 2, 3, 4])


def adversarial_loss(sr_logits: tf.Tensor) -> tf.Tensor:
    """Return Eq. (5), -log D(G(LR)), from logits [N, 1], as softplus(-logit): [N]."""
    return tf.nn.softplus(-tf.cast(sr_logits[:, 0], tf.float32))


def discriminator_loss(
    hr_logits: tf.Tensor, sr_logits: tf.Tensor, smoothing: float = 0.0
) -> tf.Tensor:
    """Return Eq. (10), -log D(HR) - log(1 - D(SR)), the inner maximum of Eq. (2), negated: [N].

    `smoothing` s gives HR the label 1 - s: -(1 - s) log D(HR) - s log(1 - D(HR)), one-sided.
    """
    hr_logits, sr_logits = (tf.cast(x[:, 0], tf.float32) for x in (hr_logits, sr_logits))
    # softplus(x) = softplus(-x) + x
    return tf.nn.softplus(-hr_logits) + smoothing * hr_logits + tf.nn.softplus(sr_logits)


def _distance(a: tf.Tensor, b: tf.Tensor, kind: str) -> tf.Tensor:
    difference = tf.cast(a, tf.float32) - tf.cast(b, tf.float32)
    if kind == "mae":
        distance = tf.abs(difference)
    else:
        distance = tf.square(difference)
        if kind == "charbonnier":
            distance = tf.sqrt(distance + 1e-6)
    return tf.reduce_mean(distance, axis=[1, 2, 3])
