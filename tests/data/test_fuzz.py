import runpy
import warnings
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "fuzz_reading.py"))


@pytest.mark.parametrize("kind", FUZZ["KINDS"])
def test_damaged_files_give_an_image_or_a_reason(kind):
    with warnings.catch_warnings(action="ignore"):
        result = FUZZ["fuzz"](kind, 500, seed=1)
    assert result["image"] + result["refused"] == result["files"] == 500
    assert min(result["image"], result["refused"]) > 10
    assert result["memory, MB"] < 1000


def test_damaged_files_give_an_image_or_invalid_argument():
    result = FUZZ["fuzz_serving"](300, seed=1)
    assert result["image"] + result["InvalidArgument"] == result["files"] == 300
    assert min(result["image"], result["InvalidArgument"]) > 10
    assert result["bomb refused"] == "before it is decoded"
