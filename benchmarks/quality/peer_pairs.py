"""Other networks on real pairs: `srgan-keras evaluate --pairs` for those of `ncnn_network.py`, too.

    python benchmarks/quality/peer_pairs.py "Real-ESRGAN x4plus" fundus-x4-fast
        --pairs data/ridb/pairs.csv [--segmenter SEGMENTER] [--out DIR]

The poor photograph is reduced by the scale of a model and upscaled again.
`benchmarks/quality/no_harm.py` reads `metrics.json` in the folder.
"""

import argparse
import sys
from pathlib import Path

from srgan_keras.evaluation.pairs import evaluate_pairs
from srgan_keras.report.pairs import table

sys.path.append(str(Path(__file__).parents[1]))  # for ncnn_network
from ncnn_network import PEERS, opened


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = f"{', '.join(PEERS)}, or models of the package"
    parser.add_argument("models", nargs="*", default=["Real-ESRGAN x4plus"], help=known)
    parser.add_argument("--pairs", type=Path, required=True, help="see `evaluate --pairs`")
    parser.add_argument("--segmenter", type=Path, help="see `evaluate --segmenter`")
    parser.add_argument("--out", type=Path, default=Path("runs/peer-pairs"))
    options = parser.parse_args()
    models = [opened(name) for name in options.models]
    found = evaluate_pairs(models, options.pairs, options.out, segmenter=options.segmenter)
    print(table(found))


if __name__ == "__main__":
    main()
