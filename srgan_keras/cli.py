"""`srgan-keras COMMAND`, the same as `python -m srgan_keras COMMAND`: parse, call, exit status.

Exit status: 0 done; 1 some inputs failed; 2 wrong use or input; 3 training diverged; 130 and 143
stopped by a signal, after a checkpoint. The module of a command is imported after its options are
parsed, so that `--help` does not wait for TensorFlow.
"""

import argparse
import contextlib
import dataclasses
import errno
import io
import re
import sys
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import tyro

from srgan_keras import configure, console, process, ranges
from srgan_keras.config import Config
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.options import (
    AppOptions,
    AssessOptions,
    DownstreamOptions,
    EvaluateOptions,
    ExportOptions,
    InspectOptions,
    PrepareOptions,
    PublishOptions,
    TrainOptions,
    UpscaleOptions,
)
from srgan_keras.output_folder import OutputFolder

T = TypeVar("T")

COMMANDS = {
    "prepare": PrepareOptions,
    "train": TrainOptions,
    "assess": AssessOptions,
    "upscale": UpscaleOptions,
    "inspect": InspectOptions,
    "export": ExportOptions,
    "publish": PublishOptions,
    "evaluate": EvaluateOptions,
    "downstream": DownstreamOptions,
    "app": AppOptions,
}


def main(argv: list[str]) -> int:
    """Run one command and return the exit status."""
    with console.session(), process.random_state():  # tyro and other packages draw numbers
        return _main(argv)


def _main(argv: list[str]) -> int:
    command, arguments = (argv[0], argv[1:]) if argv else ("--help", [])
    try:
        if command in ("-h", "--help"):
            console.say(_help())
        elif command not in COMMANDS:
            names = ", ".join(COMMANDS)
            raise UsageError(f"unknown command {command!r}: choose one of {names}")
        else:
            run(command, arguments)
    except CommandError as error:
        console.complain(str(error))
        return error.status
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        console.complain(f"{error}: free some space, then repeat the command")
        return UsageError.status
    except KeyboardInterrupt:  # not in the training loop, which writes a checkpoint first
        return 130
    except SystemExit:  # tyro has printed the options
        pass
    return 0


def entry() -> NoReturn:
    """Serve the console script."""
    console.open_descriptors()
    status = main(sys.argv[1:])
    console.flush()
    sys.exit(status)


def run(command: str, arguments: list[str]) -> None:
    """Parse the arguments of a command, import its module and call it.

    Raises:
        CommandError: the line and the exit status with which the command ends.
    """
    _refuse_empty(arguments)
    if command == "train":
        options, config = parse_training(arguments)
    else:
        options = parse(COMMANDS[command], arguments, command)
        ranges.check(options)
    if command not in ("assess", "inspect"):  # they need no TensorFlow
        process.check_backend()
        with process.tensorflow_environment():
            _import_tensorflow()
    if command == "prepare":
        from srgan_keras.preparation.prepare import prepare

        prepare(options)
    elif command == "train":
        from srgan_keras.train import train

        workdir = options.workdir or Path("runs") / options.preset
        _utf8(workdir)
        if options.config and options.overwrite:
            OutputFolder(workdir, "train").refuse_inputs(options.config)
        train(config, workdir, options.overwrite)
    elif command == "assess":
        from srgan_keras.assessment.assess import assess

        assess(options)
    elif command == "upscale":
        from srgan_keras.inference.upscale_files import upscale_files

        upscale_files(options)
    elif command == "inspect":
        from srgan_keras.inference.inspect_file import inspect_file

        inspect_file(options)
    elif command == "export":
        from srgan_keras.export.export import export

        _utf8(options.model)
        export(options)
    elif command == "publish":
        from srgan_keras.export.publish import publish

        publish(options)
    elif command == "evaluate":
        from srgan_keras.evaluate import evaluate_dataset

        evaluate_dataset(options)
    elif command == "downstream":
        from srgan_keras.downstream.experiment import run_experiment

        _utf8(options.out)
        run_experiment(options)
    elif command == "app":
        from srgan_keras.app.app import run_app

        run_app(options)


def _utf8(path: Path | str) -> None:
    """Check a path that TensorFlow writes below, which it can only if the path is UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UsageError(f"the path {path} is not UTF-8: rename it or choose another") from None


def _refuse_empty(arguments: list[str]) -> None:
    """Refuse an empty file or folder, which would be the current folder.

    A shell makes one of a variable that is not set.
    """
    for before, argument in zip(["", *arguments], [*arguments], strict=False):
        name, equals, value = argument.partition("=")
        if not argument and not before.startswith("--beam"):
            raise UsageError(f"the argument after {before or 'the command'} is empty: give a value")
        if equals and not value and name.startswith("--") and not name.startswith("--beam"):
            raise UsageError(f"{name} is empty: give a value")


def parse_training(arguments: list[str]) -> tuple[TrainOptions, Config]:
    """Parse the options of `train` over its preset and its configuration file."""
    files = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    files.add_argument("--preset", default="demo")
    files.add_argument("--config")
    try:
        chosen, _ = files.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    before = configure.load(chosen.preset, chosen.config)
    parts = {f.name: getattr(before, f.name) for f in dataclasses.fields(Config)}
    options = parse(TrainOptions, arguments, "train", TrainOptions(**parts, preset=chosen.preset))
    after = Config(**{name: getattr(options, name) for name in parts})
    config = configure.one_duration(before, after, "options")
    configure.validate(config)
    return options, config


def _import_tensorflow() -> None:
    """Import TensorFlow, and hide the lines that its native libraries write to stderr."""
    if "tensorflow" not in sys.modules:
        with console.native_stderr_hidden():
            import tensorflow as tf

            tf.config.list_physical_devices()  # writes lines where it finds no GPU driver


def parse(kind: type[T], arguments: list[str], command: str, default: Any = None) -> T:  # noqa: ANN401
    """Parse with tyro, and make one line of its boxed error message.

    Raises:
        SystemExit: the options were printed.
        UsageError: the arguments are wrong.
    """
    message = io.StringIO()
    given = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(message):
            return tyro.cli(kind, args=arguments, prog=f"srgan-keras {command}", **given)
    except SystemExit as end:
        if end.code in (0, None):
            raise
    except BrokenPipeError:  # `--help | head`
        raise SystemExit from None
    raise UsageError(_one_line(message.getvalue()))


def _one_line(box: str) -> str:
    """Extract the first paragraph and the nearest option from tyro's box (drawn or in spaces)."""
    lines = [re.sub("[╭╮╰╯│]", "", line).strip() for line in box.splitlines()]
    # the paragraphs follow the title, which is in the frame or above a line
    paragraphs = re.split(
        r"\n[─-]{5,}\n", "\n".join(lines[1:]).removeprefix("-" * len(lines[1])).lstrip("\n")
    )
    text = " ".join(paragraphs[0].split())
    if len(paragraphs) > 1 and paragraphs[1].startswith("Perhaps you meant"):
        nearest = re.search(r"--[\w.-]+", paragraphs[1])
        text += f"; nearest is {nearest.group()}" if nearest else ""
    return text


def _help() -> str:
    lines = ["usage: srgan-keras COMMAND [OPTIONS]", "", "commands:"]
    lines += [f"  {name:10} {options.__doc__}" for name, options in COMMANDS.items()]
    return "\n".join([*lines, "", "To list the options of a command: srgan-keras COMMAND --help"])
