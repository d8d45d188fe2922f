"""The options of every command, one dataclass each; loads no TensorFlow, so `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from srgan_keras.config import Config, DegradationName, PresetName


@dataclass(frozen=True)
class TrainOptions(Config):
    """Train both stages, measure the result, write model folders; goes on where it stopped."""

    preset: PresetName = "demo"
    """Settings to start from."""
    config: Path | None = None
    """A YAML file of settings, over the preset."""
    workdir: Path | None = None
    """Work folder. Default: runs/PRESET."""
    overwrite: bool = False
    """Start anew where the work folder holds a run."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure models beside nearest, bicubic and Lanczos on the same LR photographs."""

    data: str | None = None
    """SPEC: a folder of photographs (any layout), a prepared folder, aptos2019, or phantom[:N]."""
    models: tyro.conf.Positional[tuple[str, ...]] = ()
    """Model folders, SavedModels, or names of shipped models; none: the baselines alone."""
    pairs: Path | None = None
    """Pairs of a poor and a good photograph, instead of --data: a CSV file or a folder."""
    full_size: bool = False
    """--pairs: also upscale the poor photograph itself, not only its reduction."""
    split: Literal["train", "validation", "test", "all"] = "test"
    """Which photographs."""
    protocol: Literal["standard", "author"] = "standard"
    """See docs of the protocols in README.md."""
    hr_long_side: int = 1024
    """standard: long side of HR in px; larger photographs are scaled down, smaller are kept."""
    scale: int | None = None
    """Default: the first model's, else 4."""
    degradation: DegradationName | None = None
    """Default: the first model's, else bicubic."""
    fov_mask: Literal[1, 2, 3] | None = None
    """standard: version of the field of view's mask. Default: 1, or a prepared folder's."""
    rounding: Literal["truncate", "nearest"] = "truncate"
    """author: how SR becomes 8 bit."""
    vgg_weights: Path | None = None
    """ImageNet weights of VGG-19 without top: measure vgg_distance, too."""
    trust: bool = True
    """standard: make the models' trust maps, too, which takes eight times as long as SR."""
    self_ensemble: bool = False
    """Measure the mean over eight flips and rotations, too, as NAME+; trust maps are not made."""
    out: Path = Path("runs/evaluation")
    """Where metrics.json, per_image.csv, trust/ and report.html go."""


@dataclass(frozen=True)
class UpscaleOptions:
    """Enlarge photographs: files, folders or globs of PNG, JPEG, TIFF and WebP."""

    model: tyro.conf.Positional[str]
    """A model folder, or the name of a shipped model."""
    inputs: tyro.conf.Positional[tuple[str, ...]]
    """Photographs; folders are searched, and their tree is kept."""
    out: Path
    """Folder for what is made; a file is named like its input."""
    format: Literal["png", "tiff"] = "png"
    """Of what is made."""
    overwrite: bool = False
    """Make anew what is there already."""
    shard: str = "1/1"
    """I/N: every N-th input from the I-th on, for one of N processes."""
    engine: Literal["keras", "openvino"] = "keras"
    """openvino: faster on CPUs; `srgan-keras export MODEL --format openvino` comes first."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the device multiplies it, else float32."""
    tile: int | None = None
    """LR pixels along a side that a tile owns; its halo comes on top."""
    memory: float | None = None
    """GB for feature maps, in place of --tile. Default: 0.5."""
    batch: int = 1
    """Tiles that are computed at once."""
    skip_outside: bool = True
    """Interpolate bicubically where nothing of the field of view is near."""
    self_ensemble: bool = False
    """Mean over the eight flips and rotations: eight times the work."""
    uncertainty: bool = False
    """Also write NAME.uncertainty: standard deviation over the eight, 256 a grey level, 16 bit."""
    back_project: int = 0
    """Times to move SR so that its reduction comes nearer to LR."""
    blend: float | None = None
    """0..1: share of the adversarial model's output in the mixture with MODEL's."""
    adversarial: str | None = None
    """The model that --blend mixes in. Default: MODEL-gan or srgan beside it."""
    compare: bool = False
    """Also write NAME.compare: bicubic interpolation and SR side by side."""


@dataclass(frozen=True)
class ExportOptions:
    """Write a model in another format into its folder, compared with Keras on photographs."""

    model: tyro.conf.Positional[str]
    """A model folder, or the name of a shipped model."""
    format: Literal["onnx", "openvino", "litert", "litert_float16", "saved_model"]
    """saved_model: write the folder anew, where it comes from an older version."""
    data: str = "phantom:3"
    """SPEC: the photographs it is compared on, the first three."""


@dataclass(frozen=True)
class PrepareOptions:
    """Check, crop, scale and split a folder of photographs once, for all that reads it after."""

    data: tyro.conf.Positional[str]
    """A folder of photographs, or Kaggle's layout."""
    out: Path
    """The prepared folder: images, masks of the field of view, manifest.csv."""
    hr_long_side: int = 1024
    """Photographs are scaled down to this long side, in px, never up; 0 keeps their size."""
    strict: bool = False
    """A file that is left out is an error."""
    overwrite: bool = False
    """Start anew where the folder was prepared with other options."""
    runner: Literal["local", "beam"] = "local"
    """beam: as a pipeline of Apache Beam, on the cores of this machine unless told otherwise."""
    beam_options: str = ""
    """Of Apache Beam, after an =, such as --beam-options="--runner=FlinkRunner --parallelism=8"."""


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
