"""State of the whole process that a command sets, and gives back when it ends.

A command may run inside a notebook or a server, whose settings it must not change. Keras is
imported on use, so that `--help` is quick.
"""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from srgan_keras.errors import UsageError


@contextmanager
def tensorflow_environment() -> Iterator[None]:
    """Set, where they have no value, the variables that Keras and TensorFlow read at import."""
    defaults = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Set Keras's global dtype policy."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def random_state() -> Iterator[None]:
    """Keep the state of the generators of Python and NumPy, which Keras seeds with its own."""
    numpy = sys.modules.get("numpy")  # if it is not imported yet, nobody has seeded it
    states = random.getstate(), numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(states[0])
        if numpy:
            numpy.random.set_state(states[1])


def check_backend() -> None:
    """Refuse Keras with another backend than TensorFlow.

    Raises:
        UsageError: the environment, or what Keras has been imported with, names another one.
    """
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras else os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise UsageError(
            f"Keras's backend is {backend}, but srgan_keras trains and computes with TensorFlow. "
            "Set the environment variable KERAS_BACKEND to tensorflow."
        )
