"""The photographs of a run belong to its record: it resumes on the same ones, or not at all."""

from collections.abc import Mapping, Sequence

import numpy as np

from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.training.run_dir import RunDir

NAMED = 5  # photographs in an error message
TOLERANCE = 1e-6  # of mean and deviation in 0..1: processors differ in the last bits of a sum


def hold_photographs(work: RunDir, parts: Mapping[str, Sequence[Photograph]]) -> None:
    """Record the sha256 of each split's photographs; refuse others than those of the record.

    Two stand for a photograph of a paired dataset: that of HR, a blank, and that of LR.

    With `overwrite` the run starts over instead.

    Raises:
        UsageError: a photograph is new, missing, changed, or in another split.
    """
    now = {split: {p.id: " ".join(p.hashes) for p in part} for split, part in parts.items()}
    before = work.record.get("photographs", now)
    if before != now:
        work.start_over(f"other photographs ({_differences(before, now)})")
    work.record["photographs"] = now


def hold_normalisation(work: RunDir, now: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return the recorded `mean` and `std` per channel; those of a new run are recorded.

    Raises:
        UsageError: they have changed, and would move under the weights.
    """
    before = work.record.setdefault("normalisation", now)
    if any(np.abs(np.subtract(before[k], now[k])).max() > TOLERANCE for k in ("mean", "std")):
        raise UsageError(
            f"{work.path} holds a run with another normalisation (mean {_rounded(before['mean'])}, "
            f"now {_rounded(now['mean'])}). Restore the pixels of the training photographs, or "
            "train.init_from; or choose another directory."
        )
    return before


def _differences(before: Mapping[str, dict], now: Mapping[str, dict]) -> str:
    old = {name: (split, sha256) for split, part in before.items() for name, sha256 in part.items()}
    new = {name: (split, sha256) for split, part in now.items() for name, sha256 in part.items()}
    both = sorted(old.keys() & new.keys())
    kinds = {
        "new": sorted(new.keys() - old.keys()),
        "missing": sorted(old.keys() - new.keys()),
        "changed": [name for name in both if old[name][1] != new[name][1]],
        "in another split": [
            name for name in both if old[name][1] == new[name][1] and old[name][0] != new[name][0]
        ],
    }
    return "; ".join(f"{kind}: {_some(names)}" for kind, names in kinds.items() if names)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _rounded(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)
