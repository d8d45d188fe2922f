"""Thresholds of the guard: how the eight orientations disagree where a change helps and harms.

    python benchmarks/quality/guard.py --model MODEL --data data/idrid/images [--split test]
        [--json] [--photographs 4] [--hr-long-side 900]

A model of scale 1 sees each photograph clean and with the faults of `clinical` at half and at full
strength; a larger scale sees its degradation. For each, the script prints percentiles of
`guard.disagreement` within `inner`, and the root mean square error there, in grey levels: of the
input (above scale 1: of bicubic interpolation), of the self-ensemble, and of it with the guard.

Expect the disagreement on clean photographs to lie above `guard.HIGH`, and below `guard.LOW` where
the self-ensemble is much better than the input.
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np

from srgan_keras.config import Clinical
from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.evaluation.self_ensembled import mean_and_deviation
from srgan_keras.inference import guard
from srgan_keras.inference.model import Model, load

PERCENTILES = (5, 50, 95)


def protocols(model: Model, long_side: int) -> Iterator[tuple[str, Standard]]:
    """Yield the cases by name."""
    if model.scale > 1:
        yield model.degradation, Standard(model.scale, model.degradation, long_side)
        return
    for strength in (0.0, 0.5, 1.0):
        faults = Clinical(strength=strength, clean_share=float(strength == 0), cast_share=0)
        name = f"strength {strength}" if strength else "clean"
        yield name, Standard(1, "clinical", long_side, clinical=faults)


def measured(model: Model, protocol: Standard, image: np.ndarray) -> dict[str, float]:
    """Return the percentiles, the errors and the share of the fallback on one photograph."""
    sample = protocol.sample(image)
    inner = sample.regions["inner"]
    mean, deviation = mean_and_deviation(model, sample.lr)
    fallback = protocol.baseline(protocol.reference, sample) / np.float32(255)
    rms = np.sqrt(np.mean(deviation**2, axis=-1))
    q = guard.disagreement(mean - fallback, rms, model.scale)
    q = q.repeat(model.scale, 0).repeat(model.scale, 1)[inner]
    lr = sample.lr / np.float32(255)
    guarded, share = guard.guarded(*(x[np.newaxis] for x in (lr, mean, rms)), model.scale)
    hr = sample.hr / np.float32(255)

    def error(sr: np.ndarray) -> float:
        return 255 * float(np.sqrt(np.mean((sr - hr)[inner] ** 2, dtype=np.float64)))

    return {f"q{p}": float(np.percentile(q, p)) for p in PERCENTILES} | {
        protocol.reference: error(fallback),
        "self-ensemble": error(mean),
        "guard": error(guarded[0]),
        "share": float(share[0][inner].mean()),
    }


def main() -> None:
    """Print a line a photograph and case, as Markdown or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", nargs="+", default=["phantom:8"])
    parser.add_argument("--split", default="test")
    parser.add_argument("--photographs", type=int, default=4, help="of each data set, at most")
    parser.add_argument("--hr-long-side", type=int, default=900)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model, rows = load(options.model), []
    for spec in options.data:
        photographs = datasets.select(datasets.find(spec), options.split)
        for photograph in sorted(photographs, key=lambda p: p.sha256)[: options.photographs]:
            image = photograph.read()
            for case, protocol in protocols(model, options.hr_long_side):
                values = measured(model, protocol, image)
                rows.append({"id": photograph.id, "case": case} | values)
                if options.json:
                    continue
                if len(rows) == 1:
                    print("|", " | ".join(rows[0]), "|\n" + "|---" * len(rows[0]) + "|")
                cells = [photograph.id, case, *(f"{value:.3f}" for value in values.values())]
                print("|", " | ".join(cells), "|", flush=True)
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
