import subprocess
import sys
from pathlib import Path


def test_two_devices_train_as_one_does_with_the_same_global_batch():
    """Batch normalisation in both networks; a process of its own, whose CPU is split in two."""
    command = [sys.executable, "-m", "tests.training.two_devices"]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == ["content", "srgan"]
    for _, weights, loss in lines:
        assert float(weights) < 1e-2, "share of each variable's own movement"
        assert float(loss) < 1e-4
