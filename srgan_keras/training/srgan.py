"""One training step of either stage, as a Keras model."""

from collections.abc import Sequence
from typing import TypeVar

import keras
import tensorflow as tf

from srgan_keras import losses
from srgan_keras.config import Loss

Gradients = tuple[list[tf.Tensor], list[tf.Tensor]]
Logs = dict[str, tf.Tensor]
Batch = tuple[tf.Tensor, tf.Tensor]
T = TypeVar("T")


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
        ema_decay: decay of the moving average of G's weights, `averaged`; 0: no average.
    """

    def __init__(
        self,
        generator: keras.Model,
        loss: Loss,
        global_batch: int,
        features: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        ema_decay: float = 0.0,
    ) -> None:
        super().__init__(name="stage2" if discriminator else "stage1")
        self.generator = generator
        self.ema_decay = ema_decay
        self.averaged = generator
        if ema_decay:
            self.averaged = keras.models.clone_model(generator)
            self.averaged.trainable = False
            self.averaged.set_weights(generator.get_weights())
        self.discriminator = discriminator
        self.features = features
        self.loss_config = loss
        self.global_batch = global_batch
        adversarial = discriminator is not None
        self.weights_by_term = {
            "pixel": loss.stage2_pixel_weight if adversarial else loss.stage1_pixel_weight,
            "content": loss.stage2_content_weight if adversarial else loss.stage1_content_weight,
            "adversarial": loss.adversarial_weight if adversarial else 0.0,
            "grid": loss.grid_weight if adversarial else 0.0,
        }

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        names = [name for name, weight in self.weights_by_term.items() if weight]
        adversarial = ["discriminator", "d_hr", "d_sr"] if self.discriminator is not None else []
        return [*names, "total", *adversarial]

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

    def train_step(self, data: Batch) -> Logs:
        """Update G, and D in stage 2, on one batch (LR, HR) of uint8; both from the old weights."""
        gradients, logs = self.compute_gradients(data)
        self.apply_gradients(gradients)
        return logs

    def test_step(self, data: Batch) -> Logs:
        """Return the mean PSNR of a batch (LR, HR) of uint8, the averaged G in inference mode."""
        lr, hr = (to_float(x) for x in data)
        sr = tf.clip_by_value(self.averaged(lr, training=False), 0.0, 1.0)
        return {"psnr": tf.reduce_mean(tf.image.psnr(hr, sr, max_val=1.0))}

    def compute_gradients(self, data: Batch) -> tuple[Gradients, Logs]:
        """Return the gradients of both networks, and the logs summed over this replica's images.

        Logs are divided by the global batch: their sum over replicas is the mean over the batch.
        Apart from moving statistics nothing is changed, so that this part can be compiled by XLA.
        Under a loss scaler the gradients are scaled, the logs are not.

        Args:
            data: LR and HR, uint8 [N, h, w, 3] and [N, s*h, s*w, 3].
        """
        lr, hr = (to_float(x) for x in data)
        corner = self._jitter()
        # what HR needs is computed once, outside the tape: no gradient reaches it
        hr_maps = self._maps(hr, corner)
        with tf.GradientTape(persistent=True) as tape:
            sr = self.generator(lr, training=True)
            maps = hr_maps, self._maps(sr, corner)
            terms, logs = self._forward(lr, hr, sr, *maps, training=True)
            g_loss = tf.add_n(list(terms.values()))
            g_objective = self.optimizer.scale_loss(g_loss)
            if self.discriminator is not None:
                d_objective = self.discriminator_optimizer.scale_loss(logs["discriminator"])
        g_gradients = tape.gradient(g_objective, self.generator.trainable_variables)
        d_gradients = []
        if self.discriminator is not None:
            d_gradients = tape.gradient(d_objective, self.discriminator.trainable_variables)
        del tape
        return (g_gradients, d_gradients), logs | terms | {"total": g_loss}

    def apply_gradients(self, gradients: Gradients) -> tf.Tensor:
        """Apply both optimizers, the gradients summed over the replicas first; move the average.

        Returns:
            Whether all gradients were finite on every replica; under a loss scaler those that
            were not have changed nothing but its scale.
        """
        gradients = summed_over_replicas(gradients)
        trained = [(self.optimizer, self.generator)]
        if self.discriminator is not None:
            trained.append((self.discriminator_optimizer, self.discriminator))
        for own, (optimizer, network) in zip(gradients, trained, strict=False):
            optimizer.apply(own, network.trainable_variables)
        self._move_average()
        flat = tf.nest.flatten(gradients)
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in flat])

    def take_average(self) -> None:
        """Give G its averaged weights, at the end of a stage: they are what is exported."""
        if self.averaged is not self.generator:
            self.generator.set_weights(self.averaged.get_weights())

    def gradient_norms(self, data: Batch) -> Logs:
        """Return the norm of each weighted term's gradient with respect to SR, on one batch.

        Says what moves the generator: a term whose norm is a thousandth of another's is inert.
        """
        lr, hr = (to_float(x) for x in data)
        hr_maps, sr = self._maps(hr), self.generator(lr, training=False)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(sr)
            terms, _ = self._forward(lr, hr, sr, hr_maps, self._maps(sr), training=False)
        return {f"{k}_gradient": tf.norm(tape.gradient(term, sr)) for k, term in terms.items()}

    def _forward(
        self,
        lr: tf.Tensor,
        hr: tf.Tensor,
        sr: tf.Tensor,
        hr_maps: Logs,
        sr_maps: Logs,
        training: bool,
    ) -> tuple[Logs, Logs]:
        """Return the generator's weighted terms, and what is logged of D."""
        terms, logs = {}, {}
        if self.weights_by_term["pixel"]:
            terms["pixel"] = losses.pixel_loss(hr, sr, self.loss_config.pixel)
        if self.weights_by_term["content"]:
            maps = hr_maps["content"], sr_maps["content"]
            terms["content"] = losses.content_loss(*maps, self.loss_config.content)
        if self.weights_by_term["grid"]:
            terms["grid"] = losses.grid_loss(hr, sr, hr.shape[1] // lr.shape[1])
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

    def _maps(self, image: tf.Tensor, corner: Sequence[tf.Tensor] = (0, 0)) -> Logs:
        if self.features is None:
            return {"trunk": image}
        top, left = corner
        height, width = (side - self.loss_config.feature_jitter for side in image.shape[1:3])
        seen = image[:, top : top + height, left : left + width]
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

    def _move_average(self) -> None:
        """Move `averaged` towards G: weights and statistics of batch normalisation alike."""
        if not self.ema_decay:
            return
        done = tf.cast(self.optimizer.iterations.value, tf.float32)
        # early on the average follows closely, so that it forgets the start in short runs too
        decay = tf.minimum(self.ema_decay, (1.0 + done) / (10.0 + done))
        for average, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            average.assign(average.value + (1.0 - decay) * (weight.value - average.value))


def summed_over_replicas(values: T) -> T:
    """Sum every tensor of a structure over the replicas.

    Gradients are summed before anything looks at them. Keras's optimizers would do so themselves,
    but later: clipping and the loss scaler's search for values that are not finite would see one
    replica's share.
    """
    context = tf.distribute.get_replica_context()
    flat = tf.nest.flatten(values)
    if context is None or context.num_replicas_in_sync == 1 or not flat:
        return values
    return tf.nest.pack_sequence_as(values, context.all_reduce(tf.distribute.ReduceOp.SUM, flat))


def to_float(image: tf.Tensor) -> tf.Tensor:
    """Map uint8 0..255 to float32 0..1."""
    return tf.cast(image, tf.float32) / 255.0
