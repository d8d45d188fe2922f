"""The training step that super-resolution and segmentation share, as a Keras model."""

from typing import Any, TypeVar

import keras
import tensorflow as tf

Gradients = tuple[list[tf.Tensor], list[tf.Tensor]]
Logs = dict[str, tf.Tensor]
Batch = tuple[tf.Tensor, tf.Tensor]
T = TypeVar("T")


class TrainingModel(keras.Model):
    """A generator, its EMA weights, and where it is trained against one, a discriminator.

    Works in `fit` on one device; `training/loop.py` drives it on any number. A subclass says what
    is minimised, in `terms`, and what it logs, in `log_names`.

    Args:
        name: of the model.
        generator: input [N, h, w, 3] float32 in 0..1 -> output.
        global_batch: images a step over all replicas. Every loss is divided by it.
        ema_decay: decay of the EMA weights, `averaged`; 0: none.
        discriminator: trained against the generator, on `logs["discriminator"]`; None: none.
    """

    def __init__(
        self,
        name: str,
        generator: keras.Model,
        global_batch: int,
        ema_decay: float = 0.0,
        discriminator: keras.Model | None = None,
    ) -> None:
        super().__init__(name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.global_batch = global_batch
        self.ema_decay = ema_decay
        self.averaged = generator
        if ema_decay:
            self.averaged = keras.models.clone_model(generator)
            self.averaged.trainable = False
            self.averaged.set_weights(generator.get_weights())

    @property
    def log_names(self) -> list[str]:
        """Names of what a step logs."""
        raise NotImplementedError

    def known(self, data: Batch, training: bool) -> Any:  # noqa: ANN401
        """Return what `terms` needs of a batch, float32 in 0..1; no gradient passes through it."""
        return data

    def terms(self, known: Any, output: tf.Tensor, training: bool) -> tuple[Logs, Logs]:  # noqa: ANN401
        """Return the generator's weighted terms, and the logs of the discriminator.

        Args:
            known: of `known`.
            output: of the generator.
            training: use the discriminator's batch statistics.
        """
        raise NotImplementedError

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        jit_compile: bool | str = "auto",
    ) -> None:
        """Set the optimizers and build them: their variables must exist before the first step."""
        super().compile(optimizer=optimizer, jit_compile=jit_compile)
        self.discriminator_optimizer = discriminator_optimizer
        for own, network in self._trained():
            own.build(network.trainable_variables)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the generator's output for inputs, float32 in 0..1."""
        return self.generator(inputs, training=training)

    def train_step(self, data: Batch) -> Logs:
        """Update each network on one uint8 batch; all gradients are of the old weights."""
        gradients, logs = self.compute_gradients(data)
        self.apply_gradients(gradients)
        return logs

    def compute_gradients(self, data: Batch) -> tuple[Gradients, Logs]:
        """Return the gradients of both networks, and the logs summed over this replica's images.

        Logs are divided by the global batch: their sum over replicas is the mean over the batch.
        Apart from moving statistics nothing is changed, so that this part can be compiled by XLA.
        Under a loss scaler the gradients are scaled, the logs are not.

        Args:
            data: inputs and targets, uint8 [N, h, w, 3] and [N, H, W, C].
        """
        inputs, target = (to_float(x) for x in data)
        # computed once, outside the tape: no gradient reaches it
        known = self.known((inputs, target), training=True)
        with tf.GradientTape(persistent=True) as tape:
            terms, logs = self.terms(known, self.generator(inputs, training=True), training=True)
            total = tf.add_n(list(terms.values()))
            objectives = [
                total,
                *([logs["discriminator"]] if self.discriminator is not None else []),
            ]
            trained = list(zip(self._trained(), objectives, strict=True))
            scaled = [optimizer.scale_loss(loss) for (optimizer, _), loss in trained]
        gradients = [
            tape.gradient(loss, network.trainable_variables)
            for ((_, network), _), loss in zip(trained, scaled, strict=True)
        ]
        del tape
        own, other = [*gradients, []][:2]
        return (own, other), logs | terms | {"total": total}

    def apply_gradients(self, gradients: Gradients) -> tf.Tensor:
        """Apply each optimizer, the gradients summed over the replicas first; move the average.

        Returns:
            Whether all gradients were finite on every replica; under a loss scaler those that
            were not have changed nothing but its scale.
        """
        gradients = summed_over_replicas(gradients)
        for own, (optimizer, network) in zip(gradients, self._trained(), strict=False):
            optimizer.apply(own, network.trainable_variables)
        self._move_average()
        flat = tf.nest.flatten(gradients)
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in flat])

    def take_average(self) -> None:
        """Give the generator its EMA weights, at the end of a stage: they are what is exported."""
        if self.averaged is not self.generator:
            self.generator.set_weights(self.averaged.get_weights())

    def gradient_norms(self, data: Batch) -> Logs:
        """Return the norm of each weighted term's gradient with respect to the output.

        Says what moves the generator: a term whose norm is a thousandth of another's is inert.
        """
        inputs, target = (to_float(x) for x in data)
        known = self.known((inputs, target), training=False)
        output = self.generator(inputs, training=False)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(output)
            terms, _ = self.terms(known, output, training=False)
        return {f"{k}_gradient": tf.norm(tape.gradient(term, output)) for k, term in terms.items()}

    def _trained(self) -> list[tuple[keras.optimizers.Optimizer, keras.Model]]:
        trained = [(self.optimizer, self.generator)]
        if self.discriminator is not None:
            trained.append((self.discriminator_optimizer, self.discriminator))
        return trained

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
