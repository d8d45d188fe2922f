"""One training step of super-resolution, in either stage."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from srgan_keras import losses
from srgan_keras.config import Loss
from srgan_keras.models.receptive_field import fold
from srgan_keras.training.model import Batch, Logs, TrainingModel, to_float


class SRGAN(TrainingModel):
    """G, and in stage 2 D, with the frozen VGG-19 that serves the content loss and D both.

    Batches are (LR, HR), uint8 [N, h, w, 3] and [N, s*h, s*w, 3].

    Args:
        generator: LR float32 in 0..1 -> SR [N, s*h, s*w, 3].
        loss: weights and norms.
        global_batch: see `TrainingModel`.
        features: frozen, image in 0..1 -> {"content": feature map, "trunk": D's input}; needed
            where a content weight is not zero or D stands on a trunk.
        discriminator: the trained part of D -> logits [N, 1]. None: stage 1.
        ema_decay: see `TrainingModel`.
        teacher: frozen, of the scale of the generator. Its SR replaces HR in the pixel term.
    """

    def __init__(
        self,
        generator: keras.Model,
        loss: Loss,
        global_batch: int,
        features: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        ema_decay: float = 0.0,
        teacher: keras.Model | None = None,
    ) -> None:
        adversarial = discriminator is not None
        name = "stage2" if adversarial else "stage1"
        super().__init__(name, generator, global_batch, ema_decay, discriminator)
        self.features = features
        self.teacher = teacher
        self.loss_config = loss
        self.weights_by_term = {
            "pixel": loss.stage2_pixel_weight if adversarial else loss.stage1_pixel_weight,
            "content": loss.stage2_content_weight if adversarial else loss.stage1_content_weight,
            "structure": loss.structure_weight,
            "contrast": loss.contrast_weight,
            "adversarial": loss.adversarial_weight if adversarial else 0.0,
            "grid": loss.grid_weight if adversarial else 0.0,
        }

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        names = [name for name, weight in self.weights_by_term.items() if weight]
        adversarial = ["discriminator", "d_hr", "d_sr"] if self.discriminator is not None else []
        return [*names, "total", *adversarial]

    def test_step(self, data: Batch) -> Logs:
        """Return the mean PSNR of a batch (LR, HR), by the EMA weights in inference mode."""
        lr, hr = (to_float(x) for x in data)
        sr = tf.clip_by_value(self.averaged(lr, training=False), 0.0, 1.0)
        return {"psnr": tf.reduce_mean(tf.image.psnr(hr, sr, max_val=1.0))}

    def known(self, data: Batch, training: bool) -> tuple:
        """Return LR, HR, the pixel target, where VGG-19 begins to look, and HR's feature maps."""
        lr, hr = data
        target = hr if self.teacher is None else self.teacher(lr, training=False)
        corner = self._jitter() if training else (0, 0)
        return lr, hr, target, corner, self._maps(hr, corner)

    def terms(self, known: tuple, output: tf.Tensor, training: bool) -> tuple[Logs, Logs]:
        """Return the generator's weighted terms, and the logs of D."""
        lr, hr, target, corner, hr_maps = known
        sr, sr_maps = output, self._maps(output, corner)
        terms, logs = {}, {}
        if self.weights_by_term["pixel"]:
            terms["pixel"] = losses.pixel_loss(target, sr, self.loss_config.pixel)
        local = [name for name in ("structure", "contrast") if self.weights_by_term[name]]
        if local:
            found = losses.local_losses(hr, sr)
            terms |= {name: found[name] for name in local}
        if self.weights_by_term["content"]:
            maps = hr_maps["content"], sr_maps["content"]
            terms["content"] = losses.content_loss(*maps, self.loss_config.content)
        if self.weights_by_term["grid"]:
            period = hr.shape[1] // lr.shape[1] * fold(self.generator)
            terms["grid"] = losses.grid_loss(hr, sr, period)
        if self.discriminator is not None:
            # not in one batch: under batch normalisation HR and SR must not mix
            hr_logits = self.discriminator(hr_maps["trunk"], training=training)
            sr_logits = self.discriminator(sr_maps["trunk"], training=training)
            if self.weights_by_term["adversarial"]:
                terms["adversarial"] = losses.adversarial_loss(sr_logits)
            logs["discriminator"] = self._mean(losses.discriminator_loss(hr_logits, sr_logits))
            logs["d_hr"] = self._mean(tf.sigmoid(hr_logits))
            logs["d_sr"] = self._mean(tf.sigmoid(sr_logits))
        return {k: self.weights_by_term[k] * self._mean(v) for k, v in terms.items()}, logs

    def _maps(self, image: tf.Tensor, corner: Sequence[tf.Tensor]) -> Logs:
        if self.features is None:
            return {"trunk": image}
        top, left = corner
        height, width = (side - self.loss_config.feature_jitter for side in image.shape[1:3])
        # a slice whose start is drawn has a gradient that XLA does not compile
        seen = tf.roll(image, (-top, -left), (1, 2))[:, :height, :width]
        return {"trunk": image, **self.features(seen, training=False)}

    def _jitter(self) -> list[tf.Tensor]:
        """Draw where VGG-19 begins to look, y and x in px: a function of the step.

        Its poolings divide the image by a grid of 4 px or more, to which a PixelShuffle's phases
        would otherwise learn to fit.
        """
        most = self.loss_config.feature_jitter
        if not most:
            return [0, 0]
        seed = tf.stack([0, tf.cast(self.optimizer.iterations.value, tf.int32)])
        return tf.unstack(tf.random.stateless_uniform((2,), seed, 0, most + 1, tf.int32))

    def _mean(self, values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(values, tf.float32)) / self.global_batch
