import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_serving.py"


def test_damaged_files_give_an_image_or_invalid_argument():
    result = runpy.run_path(str(SCRIPT))["fuzz"](300, seed=1)
    assert result["image"] + result["InvalidArgument"] == result["files"] == 300
    assert min(result["image"], result["InvalidArgument"]) > 10
    assert result["bomb refused"] == "before it is decoded"
