"""The options of every command, one dataclass each; loads no TensorFlow, so `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from tyro.conf import Positional, arg

from srgan_keras.config import Clinical, Config, Dataset, DegradationName, FovMask, PresetName
from srgan_keras.ranges import Amount, Count, Port, Positive, Share, Size


def _arg(metavar: str, default: str) -> object:
    """Name an argument of a command, and describe what its default stands for."""
    return arg(metavar=metavar, help_behavior_hint=f"(default: {default})")


_DEGRADATIONS = f"{{{','.join(get_args(DegradationName))}}}"
Folder = Annotated[Path, arg(metavar="DIR")]
Model = Annotated[str, arg(metavar="MODEL")]
Models = Annotated[tuple[str, ...], arg(metavar="[MODEL ...]", help_behavior_hint="")]
Inputs = Annotated[tuple[str, ...], arg(metavar="INPUT [INPUT ...]", help_behavior_hint="")]
Runner = Literal["local", "beam"]
BeamOptions = Annotated[str, _arg("OPTIONS", "none")]
Scale = Annotated[Count | None, _arg("INT", "the first model's, or 4")]
ModelDegradation = Annotated[
    DegradationName | None, _arg(_DEGRADATIONS, "the first model's, or bicubic")
]


@dataclass(frozen=True)
class TrainOptions(Config):
    """Train both stages, measure the result and write model folders; resume an interrupted run."""

    preset: PresetName = "demo"
    """Settings to start from."""
    config: Annotated[Path | None, _arg("FILE", "none")] = None
    """YAML file of settings that replace the preset's."""
    workdir: Annotated[Path | None, _arg("DIR", "runs/PRESET")] = None
    """Run directory: everything that the run writes."""
    overwrite: bool = False
    """Delete the run in the run directory and start over. If the same command was interrupted,
    resume its run."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure models beside nearest, bicubic and Lanczos interpolation on the same LR images.

    Models of scale 1 are measured beside the input.
    """

    data: Annotated[str | None, _arg("DATASET", "none")] = None
    """Folder of photographs, paired or preprocessed dataset, aptos2019, or phantom[:N]."""
    models: Positional[Models] = ()
    """Pretrained models, model folders, hf://USER/MODEL[@REVISION], SavedModels or ONNX files;
    without any: interpolation or input only."""
    pairs: Annotated[Path | None, _arg("PATH", "none")] = None
    """CSV file or folder of pairs, a poor and a good photograph each, instead of --data."""
    full_size: bool = False
    """Also upscale the poor photographs of --pairs at full size, not only their reductions."""
    segmenter: Annotated[Path | None, _arg("DIR", "none")] = None
    """Training of `downstream segmentation` for vessel Dice of --pairs: OUT/trainings/NAME."""
    split: Literal["train", "validation", "test", "all"] = "test"
    """Split of the dataset to measure."""
    protocol: Literal["standard", "author"] = "standard"
    """Recipe of the measurement (docs/evaluate.md); author is for a scale of 4."""
    hr_long_side: Size = 1024
    """Long side of HR in px (standard). Larger photographs are scaled down; 0 keeps all sizes."""
    scale: Scale = None
    """HR side over LR side."""
    degradation: ModelDegradation = None
    """Operator that makes LR from HR."""
    degradation_version: Annotated[
        Count | None, _arg("INT", "the first model's if the operator is, or the newest")
    ] = None
    """Version of the operator."""
    clinical: Clinical = field(default_factory=Clinical)
    """Faults of degradation clinical, version 2."""
    fov_mask: Annotated[
        FovMask | None, _arg("{1,2,3,4}", "1, or that of a preprocessed dataset")
    ] = None
    """Version of the field-of-view mask (standard)."""
    rounding: Literal["truncate", "nearest"] = "truncate"
    """Conversion of SR to 8 bit (author)."""
    vgg_weights: str = "bundled"
    """Weights of VGG-19 for the metric vgg_distance: bundled, a file, or none (not measured)."""
    trust: bool = True
    """Make trust maps of each model, at eight times the cost of SR (standard)."""
    self_ensemble: bool = False
    """Also measure the mean over eight flips and rotations, as NAME+, without trust maps."""
    guard: bool = False
    """Also measure each model as `upscale --guard` applies it, as NAME+guard, at eight times the
    cost, without trust maps."""
    runner: Runner = "local"
    """local: this process. beam: a pipeline of Apache Beam, which resumes after an interruption."""
    beam_options: BeamOptions = ""
    """Apache Beam's options after an =, as in --beam-options="--runner=FlinkRunner"."""
    out: Folder = Path("runs/evaluation")
    """Folder for metrics.json, per_image.csv or per_pair.csv, pictures and report.html."""


@dataclass(frozen=True)
class AssessOptions:
    """Measure the technical quality of photographs and recommend what to do with each."""

    inputs: Positional[Inputs]
    """Files, folders or globs; a folder is searched at any depth."""
    out: Annotated[Path, arg(metavar="CSV")]
    """Table to write, one line for each photograph."""
    overwrite: bool = False
    """Replace a table that exists."""


@dataclass(frozen=True)
class UpscaleOptions:
    """Upscale photographs: files, folders and globs of PNG, JPEG, TIFF, WebP and DICOM.

    A model of scale 1 restores them at their own size.
    """

    model: Positional[Model]
    """Name of a pretrained model, a model folder, hf://USER/MODEL[@REVISION], or an ONNX file."""
    inputs: Positional[Inputs]
    """Files, folders or globs; a folder is searched at any depth, and its tree is kept. -: the
    one file of standard input."""
    out: Folder
    """Folder for the results; each file has the name of its input. -: standard output."""
    format: Literal["png", "tiff", "jpeg", "webp", "dicom"] = "png"
    """File format of the results. jpeg: 8 bit, quality 95. webp: 8 bit, lossless."""
    long_side: Size = 0
    """Long side of the results in px, to which larger ones are reduced; 0 keeps all sizes."""
    keep_identity: bool = False
    """Copy the patient and the study of DICOM inputs into results in DICOM."""
    overwrite: bool = False
    """Replace results that exist, instead of skipping their inputs."""
    when: Literal["always", "recommended"] = "always"
    """recommended: skip photographs for which `assess` recommends leave or retake."""
    shard: Annotated[str, arg(metavar="I/N")] = "1/1"
    """Part I of N: every N-th input from the I-th, for one of N processes."""
    engine: Literal[
        "auto", "keras", "openvino", "openvino_float16", "openvino_int8", "onnx", "onnx_float16"
    ] = "keras"
    """Runtime. Others than keras need `srgan-keras export MODEL --format ENGINE` first. auto: the
    fastest of those that are exported, by a short measurement that is kept."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format; auto: bfloat16 where the device multiplies it, otherwise float32."""
    tile: Annotated[Count | None, _arg("INT", "set by --memory")] = None
    """Side of a tile in LR px, without the halo around it."""
    memory: Annotated[Positive | None, _arg("GB", "0.5")] = None
    """Memory for feature maps in GB, which sets the size of a tile."""
    batch: Count = 1
    """Tiles per batch."""
    skip_outside: bool = True
    """Interpolate bicubically away from the field of view, which saves time. At scale 1, keep the
    input there."""
    self_ensemble: bool = False
    """Mean over eight flips and rotations, at eight times the cost."""
    uncertainty: bool = False
    """Also write NAME.uncertainty: standard deviation over the eight, 16 bit, 256 a grey level."""
    guard: bool = False
    """Keep the input (above scale 1: bicubic interpolation) where the eight disagree about the
    change. Includes --self-ensemble."""
    back_project: Size = 0
    """Corrections of SR, each of which brings its reduction closer to LR. Not for clinical, whose
    faults are random, and not at scale 1."""
    blend: Annotated[Share | None, _arg("SHARE", "none")] = None
    """Share of the adversarial model in a mixture with MODEL, 0 to 1."""
    adversarial: Annotated[str | None, _arg("MODEL", "MODEL-gan, or stage2 beside MODEL")] = None
    """Adversarial model that --blend mixes in."""
    compare: bool = False
    """Also write NAME.compare: bicubic interpolation, or at scale 1 the input, beside SR."""
    runner: Runner = "local"
    """local: this process. beam: a pipeline of Apache Beam."""
    beam_options: BeamOptions = ""
    """Apache Beam's options after an =, as in --beam-options="--runner=FlinkRunner"."""


@dataclass(frozen=True)
class InspectOptions:
    """Print what a result of `upscale` says about itself: model, sha256, scale and settings."""

    file: Positional[Annotated[Path, arg(metavar="FILE")]]
    """Result of `upscale` in any of its formats."""


@dataclass(frozen=True)
class ExportOptions:
    """Convert a model to another format in its folder, and compare the result with Keras."""

    model: Positional[Model]
    """Name of a pretrained model, a model folder, or hf://USER/MODEL[@REVISION]."""
    format: Literal[
        "onnx",
        "onnx_float16",
        "openvino",
        "openvino_float16",
        "openvino_int8",
        "litert",
        "litert_float16",
        "tf_serving",
        "triton",
        "saved_model",
    ]
    """Format to write. tf_serving, triton: the folders that these servers read. saved_model
    rewrites a model folder of an older version."""
    tile: Annotated[Count | None, _arg("INT", "any size")] = None
    """Side in px of the only input that the file takes (onnx, litert), for browsers and phones."""
    calibration: Annotated[str | None, _arg("DATASET", "none")] = None
    """Photographs by which openvino_int8 chooses its ranges; every second one judges it."""
    data: Dataset = "phantom:3"
    """Photographs for the comparison, of which the first three are used."""


@dataclass(frozen=True)
class PublishOptions:
    """List the files of a model for the Hugging Face Hub, check its card, and upload it on demand.

    Without --yes, nothing is uploaded, and no network is needed.
    """

    model: Positional[Model]
    """Name of a pretrained model, or a model folder."""
    repository: Positional[Annotated[str, arg(metavar="REPO")]]
    """Repository, USER/MODEL; it is made where it does not exist."""
    yes: bool = False
    """Upload the files in one commit."""
    private: bool = False
    """Make a new repository private."""


@dataclass(frozen=True)
class PrepareOptions:
    """Check, crop, scale and split a folder of photographs once, for all other commands."""

    data: Positional[Dataset]
    """Folder of original photographs."""
    out: Folder
    """Preprocessed dataset to write: images, masks of the field of view, manifest.csv."""
    hr_long_side: Size = 1024
    """Long side in px. Larger photographs are scaled down; 0 keeps all sizes."""
    fov_mask: FovMask = 1
    """Version of the field-of-view mask; 4 also finds a retina on a bright page."""
    strict: bool = False
    """End with an error if any file is skipped."""
    overwrite: bool = False
    """Delete what an earlier run wrote, and start over; needed to change --hr-long-side."""
    runner: Runner = "local"
    """local: threads on this machine. beam: a pipeline of Apache Beam."""
    beam_options: BeamOptions = ""
    """Apache Beam's options after an =, as in --beam-options="--runner=FlinkRunner"."""


@dataclass(frozen=True)
class DownstreamOptions:
    """Train segmentation networks and test them on HR, on bicubic, and on SR of each MODEL.

    At scale 1, the degraded photograph (input) takes the place of bicubic.
    """

    experiment: Positional[Literal["segmentation"]]
    """Experiment to run."""
    models: Positional[Models] = ()
    """Pretrained models, model folders or hf://USER/MODEL[@REVISION]; without any: HR and bicubic
    only."""
    data: Dataset = "phantom:24"
    """Folder in the layout of DRIVE, CHASE_DB1 or IDRiD, or phantom[:N]."""
    task: Literal["vessels", "lesions"] = "vessels"
    """Structures to segment. lesions: microaneurysms, haemorrhages, hard and soft exudates."""
    also: Annotated[str | None, _arg("DATASET", "none")] = None
    """Second dataset for testing only; all of its photographs are tested."""
    hr_long_side: Size = 1024
    """Long side of HR in px. Larger photographs are scaled down. Phantoms have 256 px."""
    scale: Scale = None
    """HR side over LR side."""
    degradation: ModelDegradation = None
    """Operator that makes LR from HR."""
    networks: tuple[Literal["unet", "resunet"], ...] = ("unet", "resunet")
    """Networks to train on HR. --retrain retrains the first."""
    seeds: Count = 1
    """Trainings of each network. Metrics are means over them; pooled AUPR pools their pixels."""
    retrain: bool = True
    """Retrain the first network on each input, and test it on the same input."""
    steps: Count = 300
    """Steps of each training."""
    batch_size: Count = 8
    """Patches per step."""
    patch: Count = 96
    """Side of a patch in px."""
    depth: Count = 3
    """Times that the network halves the sides."""
    width: Count = 16
    """Filters at full size, doubled at each halving."""
    learning_rate: Amount = 2e-3
    """Adam's learning rate at the start; a cosine takes it to a hundredth."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """As train.precision. On a CPU, bfloat16 is faster for such small networks only with AMX."""
    out: Folder = Path("runs/segmentation")
    """Folder for the trainings, results and plots; the command resumes what is in it."""


@dataclass(frozen=True)
class AppOptions:
    """Serve a page on this machine to try models on photographs. It keeps no photograph."""

    models: Positional[Models] = ()
    """Model folders to offer before the pretrained models."""
    port: Port = 7860
    """Port on 127.0.0.1. Other machines cannot reach it."""
    megapixels: Positive = 16.0
    """Size of the largest photograph in megapixels."""
    queue: Count = 8
    """Photographs that may wait. The page turns further ones away."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format; auto: bfloat16 where the device multiplies it, otherwise float32."""
