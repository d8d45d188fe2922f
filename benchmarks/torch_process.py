"""PyTorch in a process of its own: its Triton crashes when it is loaded after TensorFlow."""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any


class TorchProcess:
    """Builds functions in a process that never imports TensorFlow, and calls them there.

    Arguments and results travel as pickles, at more than a gigabyte a second.
    """

    def __init__(self) -> None:
        command = [sys.executable, __file__, "serve"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def build(self, module: str, maker: str, *arguments: object) -> Callable[..., Any]:
        """Return the function that `maker` of a module in this folder makes there.

        Raises:
            EOFError: the process has ended; its reason is on stderr.
        """
        index = self._ask(None, (module, maker, arguments))
        return lambda *inputs: self._ask(index, inputs)

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, index: int | None, inputs: tuple) -> Any:  # noqa: ANN401
        pickle.dump((index, inputs), self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)


def serve() -> None:
    """Build and call functions until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    built = []
    while True:
        try:
            index, inputs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if index is None:
            module, maker, arguments = inputs
            built.append(getattr(importlib.import_module(module), maker)(*arguments))
            answer = len(built) - 1
        else:
            answer = built[index](*inputs)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__" and sys.argv[1:] == ["serve"]:
    serve()
