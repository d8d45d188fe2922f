"""After `import srgan_keras`, `keras.models.load_model` loads the `.keras` file of a model folder.

Keras finds a layer of ours by the name under which its module registers it. Importing that module
takes seconds, because it imports Keras. So the modules are imported as soon as a program has
imported Keras, and `srgan-keras --help` does not wait for them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


def register() -> None:
    """Import the modules of the layers now, or when Keras has been imported."""
    if "keras" in sys.modules:
        _import_layers()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _import_layers() -> None:
    # neither imports TensorFlow: Keras may have another backend
    import srgan_keras.models.bicubic
    import srgan_keras.models.layers  # noqa: F401


class _AfterKeras(MetaPathFinder):
    """Finds Keras as Python does, and calls `_import_layers` after it is executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load Keras; None for all other modules."""
        spec = PathFinder.find_spec(name, path, target) if name == "keras" else None
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _import_layers()

            spec.loader.exec_module = execute_and_register
        return spec
