"""Adam, its loss scale and its learning rate."""

import keras
import tensorflow as tf

from srgan_keras.config import Schedule
from srgan_keras.private_apis import UnreducedAdam


class Adam(UnreducedAdam):
    """Adam for gradients that are summed over the replicas already, in one operation a variable.

    The operations that Keras makes of it read and write every weight some ten times.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Move a variable and its two moments."""
        step = tf.cast(self.iterations.value + 1, tf.float32)
        first, second = self.moments(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def optimizer(
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    clip_norm: float,
    precision: str,
) -> keras.optimizers.Optimizer:
    """Return Adam, clipped where asked for; under mixed_float16 with a loss scale of its own."""
    adam = Adam(learning_rate, global_clipnorm=clip_norm or None)
    return keras.optimizers.LossScaleOptimizer(adam) if precision == "mixed_float16" else adam


def schedule(
    kind: Schedule, rate: float, updates: int, halving_updates: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate of a stage as a function of the updates that were made in it."""
    schedules = keras.optimizers.schedules
    if kind == "cosine" and updates:
        return schedules.CosineDecay(rate, updates, alpha=0.01)
    if kind == "halving":
        return schedules.ExponentialDecay(rate, max(1, halving_updates), 0.5, staircase=True)
    return rate


def variables(optimizer: keras.optimizers.Optimizer) -> list[tf.Variable]:
    """Return all that an optimizer remembers: moments, iterations, and its loss scale."""
    return [v.value for v in optimizer.variables]
