"""One training step of either stage, as a Keras model."""

import keras
import tensorflow as tf

from srgan_keras import losses
from srgan_keras.config import Loss

Gradients = tuple[list[tf.Tensor], list[tf.Tensor]]
Logs = dict[str, tf.Tensor]


class SRGAN(keras.Model):
    """G, and in stage 2 D, with the frozen VGG-19 that serves the content loss and D both.

    Works in `fit` on one device; `training/loop.py` drives it on any number.

    Args:
        generator: LR [N, h, w, 3] float32 in 0..1 -> SR [N, s*h, s*w, 3].
        loss: weights and norms.
        features: frozen, image in 0..1 -> {"content": feature map, "trunk": D's input}; needed
            where a content weight is not zero or D stands on a trunk.
        discriminator: the trained part of D -> logits [N, 1]. None: stage 1.
        global_batch: images a step over all replicas, by which every loss is divided.
    """

    def __init__(
        self,
        generator: keras.Model,
        loss: Loss,
        global_batch: int,
        features: keras.Model | None = None,
        discriminator: keras.Model | None = None,
    ) -> None:
        super().__init__(name="srgan" if discriminator else "content")
        self.generator = generator
        self.discriminator = discriminator
        self.features = features
        self.loss_config = loss
        self.global_batch = global_batch
        adversarial = discriminator is not None
        self.weights_by_term = {
            "pixel": loss.stage2_pixel_weight if adversarial else loss.stage1_pixel_weight,
            "content": loss.stage2_content_weight if adversarial else loss.stage1_content_weight,
            "adversarial": loss.adversarial_weight if adversarial else 0.0,
        }

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        names = [name for name, weight in self.weights_by_term.items() if weight]
        gradients = [f"{n}_gradient" for n in names if self.loss_config.gradient_norms]
        adversarial = ["discriminator", "d_hr", "d_sr"] if self.discriminator is not None else []
        return [*names, "total", *adversarial, *gradients]

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        jit_compile: bool | str = "auto",
    ) -> None:
        """Set the optimizers and build them: their variables must exist before the first step."""
        super().compile(optimizer=optimizer, jit_compile=jit_compile)
        optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer = discriminator_optimizer
        if self.discriminator is not None:
            discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, lr: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return SR for LR, both float32 in 0..1."""
        return self.generator(lr, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        """Update G, and D in stage 2, on one batch (LR, HR) of uint8; both from the old weights."""
        gradients, logs = self.compute_gradients(data)
        self.apply_gradients(gradients)
        return logs

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        """Return the mean PSNR of a batch (LR, HR) of uint8, G in inference mode."""
        lr, hr = (to_float(x) for x in data)
        sr = tf.clip_by_value(self.generator(lr, training=False), 0.0, 1.0)
        return {"psnr": tf.reduce_mean(tf.image.psnr(hr, sr, max_val=1.0))}

    def compute_gradients(self, data: tuple[tf.Tensor, tf.Tensor]) -> tuple[Gradients, Logs]:
        """Return the gradients of both networks, and the logs summed over this replica's images.

        Logs are divided by the global batch: their sum over replicas is the mean over the batch.
        Apart from moving statistics nothing is changed, so that this part can be compiled by XLA.
        """
        lr, hr = (to_float(x) for x in data)
        # what HR needs is computed once, outside the tape: no gradient reaches it
        hr_maps = self._maps(hr)
        with tf.GradientTape(persistent=True) as tape:
            sr = self.generator(lr, training=True)
            sr_maps = self._maps(sr)
            terms = self._terms(hr, sr, hr_maps, sr_maps)
            logs = {}
            if self.discriminator is not None:
                hr_logits = self.discriminator(hr_maps["trunk"], training=True)
                sr_logits = self.discriminator(sr_maps["trunk"], training=True)
                if self.weights_by_term["adversarial"]:
                    terms["adversarial"] = losses.adversarial_loss(sr_logits)
                d_loss = self._mean(losses.discriminator_loss(hr_logits, sr_logits))
                logs["discriminator"] = d_loss
                logs["d_hr"] = self._mean(tf.sigmoid(hr_logits))
                logs["d_sr"] = self._mean(tf.sigmoid(sr_logits))
                d_objective = self.discriminator_optimizer.scale_loss(d_loss)
            weighted = {k: self.weights_by_term[k] * self._mean(v) for k, v in terms.items()}
            g_loss = tf.add_n(list(weighted.values()))
            g_objective = self.optimizer.scale_loss(g_loss)
        g_gradients = tape.gradient(g_objective, self.generator.trainable_variables)
        d_gradients = []
        if self.discriminator is not None:
            d_gradients = tape.gradient(d_objective, self.discriminator.trainable_variables)
        logs |= weighted | {"total": g_loss}
        if self.loss_config.gradient_norms:
            for name, term in weighted.items():
                logs[f"{name}_gradient"] = tf.norm(tape.gradient(term, sr))
        del tape
        return (g_gradients, d_gradients), logs

    def apply_gradients(self, gradients: Gradients) -> None:
        """Apply both optimizers; under a strategy they sum the gradients over the replicas."""
        g_gradients, d_gradients = gradients
        self.optimizer.apply(g_gradients, self.generator.trainable_variables)
        if self.discriminator is not None:
            self.discriminator_optimizer.apply(d_gradients, self.discriminator.trainable_variables)

    def _maps(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        maps = {} if self.features is None else self.features(image, training=False)
        return {"trunk": image, **maps}

    def _terms(self, hr: tf.Tensor, sr: tf.Tensor, hr_maps: dict, sr_maps: dict) -> Logs:
        terms = {}
        if self.weights_by_term["pixel"]:
            terms["pixel"] = losses.pixel_loss(hr, sr, self.loss_config.pixel)
        if self.weights_by_term["content"]:
            maps = hr_maps["content"], sr_maps["content"]
            terms["content"] = losses.content_loss(*maps, self.loss_config.content)
        return terms

    def _mean(self, values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(values, tf.float32)) / self.global_batch


def to_float(image: tf.Tensor) -> tf.Tensor:
    """Map uint8 0..255 to float32 0..1."""
    return tf.cast(image, tf.float32) / 255.0
