"""The benchmarks' own machinery."""

import runpy
from contextlib import closing
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_pytorchs_side_is_built_and_called_in_a_process_without_tensorflow():
    kind = runpy.run_path(str(BENCHMARKS / "torch_process.py"))["TorchProcess"]
    print_loaded = "print('noise') or 'tensorflow' in __import__('sys').modules"
    with closing(kind()) as process:
        second = process.build("operator", "itemgetter", 1)
        loaded = process.build("functools", "partial", eval, print_loaded)
        assert second(["a", "b"]) == "b"
        assert loaded() is False
        assert second("cd") == "d"
