"""One training step of a segmenter, with the machinery that super-resolution is trained by."""

import tensorflow as tf

from srgan_keras.config import Loss
from srgan_keras.training.srgan import SRGAN, Logs


class Segmenter(SRGAN):
    """A segmentation network under Dice + cross-entropy; batches are (image, masks), uint8 0..255.

    Loop, checkpoints, average and precision are those of super-resolution: the network stands in
    the generator's place, the masks in HR's.
    """

    def __init__(self, network: tf.Module, global_batch: int, ema_decay: float) -> None:
        super().__init__(network, Loss(), global_batch, ema_decay=ema_decay)

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        return ["dice", "cross_entropy", "total"]

    def _forward(
        self,
        lr: tf.Tensor,
        hr: tf.Tensor,
        sr: tf.Tensor,
        hr_maps: Logs,
        sr_maps: Logs,
        training: bool,
    ) -> tuple[Logs, Logs]:
        share = hr.shape[0] / self.global_batch
        return {"dice": share * dice_loss(hr, sr), "cross_entropy": share * entropy(hr, sr)}, {}


def dice_loss(masks: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return 1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1) over a batch, mean over its classes.

    Milletari et al. 2016 with plain sums. A class counts alike however few its pixels are. One that
    the batch does not show is left to the cross-entropy: its term would be steepest where p is next
    to nothing, and teach that rare lesions never are.

    Args:
        masks: float32 [N, H, W, C] in 0..1.
        logits: float32 [N, H, W, C].
    """
    p = tf.sigmoid(logits)
    both, each = tf.reduce_sum(p * masks, (0, 1, 2)), tf.reduce_sum(p + masks, (0, 1, 2))
    shown = tf.cast(tf.reduce_any(masks > 0, (0, 1, 2)), tf.float32)
    return tf.math.divide_no_nan(
        tf.reduce_sum(shown * (1 - (2 * both + 1) / (each + 1))), tf.reduce_sum(shown)
    )


def entropy(masks: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the binary cross-entropy, mean over pixels and classes."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(masks, logits))
