"""`srgan-keras VERB`, the same as `python -m srgan_keras VERB`: parse, call, exit status.

Exit status: 0 done; 1 some inputs failed; 2 wrong use or input; 3 non-finite training; 130 and 143
stopped by a signal after a checkpoint. TensorFlow is imported after parsing: `--help` is quick.
"""

import argparse
import contextlib
import dataclasses
import errno
import importlib
import io
import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import tyro

from srgan_keras.config import CommandError, Config, DegradationName, PresetName, UsageError
from srgan_keras.configure import load, one_duration, validate
from srgan_keras.downstream.options import DownstreamOptions

T = TypeVar("T")


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

    data: str
    """SPEC: a folder of photographs (any layout), a prepared folder, aptos2019, or phantom[:N]."""
    models: tyro.conf.Positional[tuple[str, ...]] = ()
    """Model folders, SavedModels, or names of shipped models; none: the baselines alone."""
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


def main(argv: list[str]) -> int:
    """Run one verb and return the exit status."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("srgan_keras").setLevel(logging.INFO)
    verb, arguments = (argv[0], argv[1:]) if argv else ("--help", [])
    try:
        if verb in ("-h", "--help"):
            print(_help())  # noqa: T201
        elif verb not in VERBS:
            raise UsageError(f"no verb {verb!r}: choose one of {', '.join(VERBS)}")
        elif verb == "train":
            _train(arguments)
        else:
            options = parse(VERBS[verb][0], arguments, verb)
            _load(VERBS[verb][1])(options)
    except CommandError as error:
        print(f"srgan-keras: {error}", file=sys.stderr)  # noqa: T201
        return error.status
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        line = f"srgan-keras: {error}: make room, and give the same command again"
        print(line, file=sys.stderr)  # noqa: T201
        return UsageError.status
    except KeyboardInterrupt:  # outside the training loop, which writes a checkpoint first
        return 130
    return 0


def entry() -> NoReturn:
    """Serve the console script."""
    sys.exit(main(sys.argv[1:]))


def _train(arguments: list[str]) -> None:
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--preset", default="demo")
    files.add_argument("--config")
    try:
        chosen, _ = files.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    before = load(chosen.preset, chosen.config)
    parts = {f.name: getattr(before, f.name) for f in dataclasses.fields(Config)}
    options = parse(TrainOptions, arguments, "train", TrainOptions(**parts, preset=chosen.preset))
    after = Config(**{name: getattr(options, name) for name in parts})
    config = one_duration(before, after, "options")
    validate(config)
    _load(VERBS["train"][1])(
        config, options.workdir or Path("runs") / options.preset, options.overwrite
    )


def _load(target: str) -> Callable:
    """Import a verb's function, `module:name`, and TensorFlow before it.

    The lines that TensorFlow's native libraries write to stderr meanwhile are left out.
    """
    sys.stderr.flush()
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for a GPU driver, and says where there is none
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


VERBS = {
    # verb: its options, and the function that takes them (imported after parsing)
    "prepare": (PrepareOptions, "srgan_keras.data.prepare:prepare"),
    "train": (TrainOptions, "srgan_keras.train:train"),
    "upscale": (UpscaleOptions, "srgan_keras.inference.upscale_files:upscale_files"),
    "export": (ExportOptions, "srgan_keras.inference.export:export"),
    "evaluate": (EvaluateOptions, "srgan_keras.evaluation.evaluate:evaluate_spec"),
    "downstream": (DownstreamOptions, "srgan_keras.downstream.experiment:run"),
}


def parse(kind: type[T], arguments: list[str], verb: str, default: Any = None) -> T:  # noqa: ANN401
    """Parse with tyro; its boxed error message becomes one line."""
    message = io.StringIO()
    given = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(message):
            return tyro.cli(kind, args=arguments, prog=f"srgan-keras {verb}", **given)
    except SystemExit as end:
        if end.code in (0, None):
            raise
    raise UsageError(_one_line(message.getvalue()))


def _one_line(box: str) -> str:
    """Take the first paragraph, and the nearest option, out of tyro's box (drawn or in spaces)."""
    lines = [re.sub("[╭╮╰╯│]", "", line).strip() for line in box.splitlines()]
    # the title, whether in the frame or above a line, is followed by the paragraphs
    paragraphs = re.split(
        r"\n[─-]{5,}\n", "\n".join(lines[1:]).removeprefix("-" * len(lines[1])).lstrip("\n")
    )
    text = " ".join(paragraphs[0].split())
    if len(paragraphs) > 1 and paragraphs[1].startswith("Perhaps you meant"):
        nearest = re.search(r"--[\w.-]+", paragraphs[1])
        text += f"; nearest is {nearest.group()}" if nearest else ""
    return text


def _help() -> str:
    lines = ["usage: srgan-keras VERB [OPTIONS]", "", "verbs:"]
    lines += [f"  {verb:10} {kind.__doc__}" for verb, (kind, _) in VERBS.items()]
    return "\n".join([*lines, "", "srgan-keras VERB --help lists a verb's options."])
