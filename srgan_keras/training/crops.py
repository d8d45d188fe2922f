"""The crops that a run trains on, for the loop and for all devices."""

from functools import partial

import tensorflow as tf

from srgan_keras.config import Config
from srgan_keras.data.cache import Cache
from srgan_keras.data.pairs import pairs, shown
from srgan_keras.training import strategy


class Crops:
    """The data of the loop: crops of the decoded photographs, shared out to the devices."""

    def __init__(self, decoded: Cache, config: Config, devices: tf.distribute.Strategy) -> None:
        self.decoded, self.config, self.devices = decoded, config, devices

    def batches(self, start: int, stop: int) -> tf.distribute.DistributedDataset:
        """Return the batches of steps start .. stop - 1, for all devices."""
        return strategy.distribute(
            self.devices, partial(pairs, self.decoded, self.config, start, stop)
        )

    def part(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return as much of a step's batch as is computed at once."""
        parts = self.devices.num_replicas_in_sync * self.config.train.accumulate
        return next(iter(pairs(self.decoded, self.config, step, step + 1, replicas=parts)))

    def names(self, step: int) -> list[str]:
        """Return the photographs that a step's crops are from."""
        return shown(self.decoded, self.config, step)
