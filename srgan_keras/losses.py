"""The loss functions, one value an image: the training step divides by the global batch, once.

Images are float32 [N, H, W, 3] in 0..1, logits float32 [N, 1]. Differences are reduced in float32
whatever the networks computed in.
"""

import tensorflow as tf


def pixel_loss(hr: tf.Tensor, sr: tf.Tensor, kind: str) -> tf.Tensor:
    """Return the distance of two images, over H, W and channels: [N].

    - `mae`: the mean of |hr - sr|;
    - `mse`: the mean of its square;
    - `psnr`: ln(1 + mse / 1e-5). Below 50 dB, a decibel counts 0.23, on a photograph without faults
      as on a poor one. L. Chen et al., "Simple baselines for image restoration", ECCV 2022, train
      on PSNR.
    """
    if kind == "psnr":
        return tf.math.log1p(_distance(hr, sr, "mse") / 1e-5)
    return _distance(hr, sr, kind)


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


def local_losses(hr: tf.Tensor, sr: tf.Tensor, sigma: float = 8.0) -> dict[str, tf.Tensor]:
    """Return 1 - the structure and contrast terms of SSIM, mean over H, W and channels: [N] each.

    Within a Gaussian window of `sigma` px, with C = (2 / 255)^2, below which detail counts as flat:

    - `structure`: s = (cov(hr, sr) + C) / (std(hr) std(sr) + C), which local brightness and
      contrast do not change;
    - `contrast`: c = (2 std(hr) std(sr) + C) / (var(hr) + var(sr) + C).

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 2004.
    """
    hr, sr = tf.cast(hr, tf.float32), tf.cast(sr, tf.float32)
    reach = int(2 * sigma)
    line = tf.exp(-tf.square(tf.range(-reach, reach + 1, dtype=tf.float32) / sigma) / 2)
    line = tf.reshape(line / tf.reduce_sum(line), (-1, 1, 1, 1))

    def local(x: tf.Tensor) -> tf.Tensor:
        for kernel in (line, tf.transpose(line, (1, 0, 2, 3))):
            kernel = tf.tile(kernel, (1, 1, x.shape[-1], 1))
            x = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "VALID")
        return x

    moments = local(tf.concat([hr, sr, hr * hr, sr * sr, hr * sr], -1))
    m_hr, m_sr, hr_hr, sr_sr, hr_sr = tf.split(moments, 5, -1)
    flat = (2 / 255) ** 2
    var_hr, var_sr = (tf.maximum(v - m * m, 0) for v, m in ((hr_hr, m_hr), (sr_sr, m_sr)))
    # the root's gradient is infinite at 0, where an image is black
    norm = tf.sqrt(var_hr * var_sr + 1e-14)
    terms = {
        "structure": (hr_sr - m_hr * m_sr + flat) / (norm + flat),
        "contrast": (2 * norm + flat) / (var_hr + var_sr + flat),
    }
    return {name: tf.reduce_mean(1 - term, axis=[1, 2, 3]) for name, term in terms.items()}


def adversarial_loss(sr_logits: tf.Tensor) -> tf.Tensor:
    """Return Eq. (5), -log D(G(LR)), from logits [N, 1], as softplus(-logit): [N]."""
    return tf.nn.softplus(-tf.cast(sr_logits[:, 0], tf.float32))


def discriminator_loss(hr_logits: tf.Tensor, sr_logits: tf.Tensor) -> tf.Tensor:
    """Return Eq. (10), -log D(HR) - log(1 - D(SR)), the inner maximum of Eq. (2), negated: [N]."""
    hr_logits, sr_logits = (tf.cast(x[:, 0], tf.float32) for x in (hr_logits, sr_logits))
    return tf.nn.softplus(-hr_logits) + tf.nn.softplus(sr_logits)


def _distance(a: tf.Tensor, b: tf.Tensor, kind: str) -> tf.Tensor:
    difference = tf.cast(a, tf.float32) - tf.cast(b, tf.float32)
    distance = tf.abs(difference) if kind == "mae" else tf.square(difference)
    return tf.reduce_mean(distance, axis=[1, 2, 3])
