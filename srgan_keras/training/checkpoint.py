"""Checkpoints of one stage: networks, optimizers and step, from which the same command goes on."""

from pathlib import Path

import tensorflow as tf

from srgan_keras.config import UsageError
from srgan_keras.training.srgan import SRGAN


class Checkpoint:
    """The last few checkpoints of a stage in `folder`, written beside and renamed."""

    def __init__(self, model: SRGAN, folder: Path, keep: int) -> None:
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        parts = {"generator": model.generator, "generator_optimizer": model.optimizer}
        if model.discriminator is not None:
            parts["discriminator"] = model.discriminator
            parts["discriminator_optimizer"] = model.discriminator_optimizer
        self._checkpoint = tf.train.Checkpoint(step=self.step, **parts)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep)

    def restore(self) -> int:
        """Load the newest checkpoint and return its step; 0 where there is none."""
        latest = self._manager.latest_checkpoint
        if latest is None:
            return 0
        try:
            self._checkpoint.restore(latest).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError):
            raise UsageError(
                f"the checkpoint {latest} does not fit these networks or is damaged: "
                "remove it, or start anew with --overwrite"
            ) from None
        return int(self.step)

    def save(self, step: int) -> None:
        """Write a checkpoint of this step and drop the oldest."""
        self.step.assign(step)
        self._manager.save(checkpoint_number=step)
