"""Private APIs of Keras and TensorFlow: each in one function, with the version it was checked on.

A new minor version of either library may change them: run the tests that a function names.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf
from tensorflow.python.framework import config


def call_of(
    tensor: keras.KerasTensor,
) -> tuple[keras.layers.Layer, int, int, list[keras.KerasTensor]]:
    """Return the layer call that made a symbolic tensor.

    Keras 3.15.1: `KerasTensor._keras_history`, `Layer._inbound_nodes`. The public `get_config` of a
    model gives its graph as names, without the tensors' shapes. Tests: `tests/models/test_diagram`.

    Returns:
        the layer, the number of the call, the tensor's position among the outputs of the call, and
        the tensors that the call takes (none for an input layer).
    """
    layer, call, position = tensor._keras_history
    return layer, call, position, layer._inbound_nodes[call].input_tensors


class UnreducedAdam(keras.optimizers.Adam):
    """Keras's Adam for gradients that are summed over the replicas already.

    Keras 3.15.1: `Optimizer._all_reduce_sum_gradients`, `Optimizer._get_variable_index`,
    `Adam._momentums`, `Adam._velocities`. No public API reads a moment, and none switches the
    reduction off. Tests: `tests/training`.
    """

    def moments(self, variable: keras.Variable) -> tuple[tf.Variable, tf.Variable]:
        """Return the first and the second moment of a variable."""
        index = self._get_variable_index(variable)
        return self._momentums[index].value, self._velocities[index].value

    def _all_reduce_sum_gradients(self, grads_and_vars: list[tuple]) -> list[tuple]:
        return grads_and_vars


@contextmanager
def deterministic_operations() -> Iterator[None]:
    """Let TensorFlow compute the same bits each time, inside the block.

    TensorFlow 2.21.0: `tensorflow.python.framework.config.disable_op_determinism`. The public API
    switches determinism on, never off. Tests: `tests/test_process.py`.
    """
    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()


def set_health_interval(strategy: tf.distribute.MultiWorkerMirroredStrategy, seconds: int) -> None:
    """Set the time between two looks at whether the other workers live.

    TensorFlow 2.21.0: `CollectiveAllReduceExtended._check_health_interval`, 30 s unless set. No
    public API sets it. Tests: `tests/training`.
    """
    strategy.extended._check_health_interval = seconds
