from contextlib import closing

import pytest

from srgan_keras.config import Config
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.training.held import hold_normalisation, hold_photographs
from srgan_keras.training.run_dir import RunDir


def parts(train="abc", validation="d", test="e", **changed):
    given = {"train": train, "validation": validation, "test": test}
    return {
        split: [Photograph(name, split, changed.get(name, f"sha of {name}")) for name in names]
        for split, names in given.items()
    }


def held(path, photographs, overwrite=False):
    with closing(RunDir(path, Config(), overwrite)) as work:
        hold_photographs(work, photographs)
        work.save()
        return work.record


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (parts(train="abcf"), "new: f"),
        (parts(train="ab"), "missing: c"),
        (parts(a="other"), "changed: a"),
        (parts(train="ab", test="ce"), "in another split: c"),
        (parts(train="abcfghijkl"), "new: f, g, h, i, j and 2 more"),
    ],
)
def test_other_photographs_are_refused_by_name(tmp_path, now, message):
    before = held(tmp_path, parts())
    with pytest.raises(UsageError, match=rf"other photographs \({message}\): choose another"):
        held(tmp_path, now)
    assert held(tmp_path, parts()) == before


def test_overwrite_starts_over_with_other_photographs(tmp_path):
    held(tmp_path, parts(), overwrite=True)
    (tmp_path / "checkpoints").mkdir()
    held(tmp_path, parts(), overwrite=True)
    assert (tmp_path / "checkpoints").exists()
    record = held(tmp_path, parts(train="ab"), overwrite=True)
    assert not (tmp_path / "checkpoints").exists()
    assert record["photographs"]["train"] == {"a": "sha of a", "b": "sha of b"}


def test_the_normalisation_stays(tmp_path):
    first = {"mean": [0.5] * 3, "std": [0.25] * 3}
    rounded = {"mean": [0.5 + 1e-12] * 3, "std": [0.25] * 3}
    with closing(RunDir(tmp_path, Config(), overwrite=False)) as work:
        assert hold_normalisation(work, first) == first
        assert hold_normalisation(work, rounded) == first
        with pytest.raises(UsageError, match=r"another normalisation \(mean 0.5000"):
            hold_normalisation(work, {"mean": [0.5, 0.5, 0.51], "std": [0.25] * 3})
