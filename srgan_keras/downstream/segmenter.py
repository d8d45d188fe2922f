"""One training step of a segmenter, with the machinery that super-resolution is trained by."""

import keras
import tensorflow as tf

from srgan_keras.training.model import Batch, Logs, TrainingModel


class Segmenter(TrainingModel):
    """A segmentation network under Dice + cross-entropy; batches are (image, masks), uint8 0..255.

    Args:
        network: image -> logits.
        global_batch: see `TrainingModel`.
        ema_decay: see `TrainingModel`.
        missed_weight: of `missed` beside the cross-entropy.
    """

    def __init__(
        self, network: keras.Model, global_batch: int, ema_decay: float, missed_weight: float
    ) -> None:
        super().__init__("segmenter", network, global_batch, ema_decay)
        self.missed_weight = missed_weight

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        return ["dice", "cross_entropy", "total"]

    def terms(self, known: Batch, output: tf.Tensor, training: bool) -> tuple[Logs, Logs]:
        """Return the weighted terms; there is no discriminator, so no further logs."""
        masks = known[1]
        share = masks.shape[0] / self.global_batch
        cross_entropy = entropy(masks, output)
        if self.missed_weight:
            cross_entropy += self.missed_weight * missed(masks, output)
        return {
            "dice": share * dice_loss(masks, output),
            "cross_entropy": share * cross_entropy,
        }, {}


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


def missed(masks: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return -log p, mean over a class's own pixels, then over the classes that a batch shows.

    Where p has come to be next to nothing, Dice is flat and the cross-entropy of a rare class is
    small. A network that has learnt that there are no lesions would not unlearn it.
    """
    own = tf.reduce_sum(masks, (0, 1, 2))
    each = tf.reduce_sum(masks * tf.nn.softplus(-logits), (0, 1, 2))
    shown = tf.cast(own > 0, tf.float32)
    mean = tf.math.divide_no_nan(each, own)
    return tf.math.divide_no_nan(tf.reduce_sum(mean), tf.reduce_sum(shown))
