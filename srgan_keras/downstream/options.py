"""Options of `srgan-keras downstream`; loads no TensorFlow, so that --help answers at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from srgan_keras.config import DegradationName


@dataclass(frozen=True)
class DownstreamOptions:
    """Train segmenters and judge them on HR, on LR enlarged by bicubic, and on SR of each MODEL."""

    experiment: tyro.conf.Positional[Literal["segmentation"]]
    """What is asked of the photographs."""
    models: tyro.conf.Positional[tuple[str, ...]] = ()
    """Model folders, or names of shipped models; none: HR and bicubic alone."""
    data: str = "phantom:24"
    """SPEC: a folder in the layout of DRIVE, CHASE_DB1 or IDRiD, or phantom[:N]."""
    task: Literal["vessels", "lesions"] = "vessels"
    """lesions: microaneurysms, haemorrhages, hard and soft exudates, as in IDRiD."""
    also: str | None = None
    """SPEC of a further set that is tested on, all of it, and never trained on."""
    hr_long_side: int = 1024
    """Long side of HR in px; larger photographs are scaled down; phantoms have 256."""
    scale: int | None = None
    """Default: the first model's, else 4."""
    degradation: DegradationName | None = None
    """Default: the first model's, else bicubic."""
    networks: tuple[Literal["unet", "resunet"], ...] = ("unet", "resunet")
    """Trained on HR; what is trained anew on each input is the first."""
    seeds: int = 1
    """Trainings of each kind. Values are means over them, pooled AUPR is of the pixels of all."""
    retrain: bool = True
    """Also train the first network on each input, and test it on the same."""
    steps: int = 300
    """Of each training."""
    batch_size: int = 8
    """Patches a step."""
    patch: int = 96
    """Side of a patch in px."""
    depth: int = 3
    """Times the network halves the sides."""
    width: int = 16
    """Filters at full size, doubled at each level down."""
    learning_rate: float = 2e-3
    """Adam's, decaying to a hundredth by a cosine."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """auto: as in training; on a CPU, networks as small as these gain by bfloat16 only with AMX."""
    out: Path = Path("runs/segmentation")
    """Where trainings, downstream.json, per_image.csv and figures go; goes on where it stopped."""
