"""Situations in which a command's output meets what a person owns: no file is lost or changed.

Real commands on real files. `SRGAN_KERAS_SITUATIONS=500` draws more situations than the suite does.
"""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import cv2
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.export import model_folder
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom

SITUATIONS = int(os.environ.get("SRGAN_KERAS_SITUATIONS", "15"))
COUNTS: Counter = Counter()
"""Situations by command and exit status."""

WEIGHTS = {
    "upscale": 6, "prepare": 6, "evaluate": 6, "train": 4, "downstream": 3, "export": 2,
    "pairs": 4, "assess": 4,
}  # fmt: skip
"""How often each command is drawn; pairs is `evaluate --pairs`."""
COMMANDS = tuple(WEIGHTS)
OUTPUTS = (
    *("beside", "the input", "inside the input", "around the input", "a link to the input"),
    *("a link inside the input", "other case", "other form", "an earlier result"),
    *("an earlier result, with the input inside", "the result of another command"),
)
LINKS = ("none", "hard links to results", "results as inputs", "links to the input")
OWN = (
    *("notes.txt", ".lock", ".writable", "a.png", "a.compare.png", "Ä.png", "metrics.json"),
    *("report.html", "per_image.csv", "card.md", "manifest.csv", "images/train/a.png"),
    *("images/mine.png", "masks/a.png", "beam/x", "gallery/mine.txt", "gallery/holiday.webp"),
    *("trust/mine/a.png", "checkpoints/mine.zip", "models/stage1/notes.txt", "cache/mine.bin"),
    *("logs/stage1/mine", "samples/mine.png", "trainings/mine.txt", "inputs/a.png", "run.json"),
    *("onnx/model.onnx", "litert/mine", "litert/model.tflite", "LICENSE", "saved_model/mine"),
    *("overlays-unet-1.png", "history.csv", "config.yaml", ".m.partial/mine", ".m.old/mine"),
    *("per_pair.csv", "quality.csv", ".quality.unfinished.csv", "pairs.csv"),
)


@cache
def kept_folder() -> Path:
    """A folder for what is made once: the model, and a result of each command."""
    return Path(tempfile.mkdtemp(prefix="nothing-lost-"))


@cache
def model() -> Path:
    info = {"name": "m", "degradation": {"name": "bicubic", "version": 1}, "training_sha256": []}
    info |= {"normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3}, "configuration": {}}
    folder = kept_folder() / "m"
    model_folder.save(folder, build_generator(Generator(blocks=1, filters=4), 2), info)
    return folder


def write_photographs(folder: Path, size: int, command: str) -> None:
    """Photographs; for pairs with their table; for segmentation in the layout of DRIVE."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(("a.png", "Ä.png", "b.jpg", "deep/A.png")):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        kind = file.suffix
        file.write_bytes(cv2.imencode(kind, phantom(seed, size).image[..., ::-1])[1].tobytes())
    if command == "pairs":
        lines = ["poor,good,H_poor_to_good", "a.png,Ä.png,1 0 0 0 1 0 0 0 1", ""]
        (folder / "pairs.csv").write_text("\n".join(lines), encoding="utf-8")
    if command != "downstream":
        return
    for seed, (split, number) in enumerate((("training", 21), ("test", 1))):
        eye = phantom(seed + 4, 64)
        for kind, name, image in (
            ("images", f"{number:02}_{split}.png", eye.image[..., ::-1]),
            ("1st_manual", f"{number:02}_manual1.png", eye.vessels * 255),
            ("mask", f"{number:02}_{split}_mask.png", eye.fov * 255),
        ):
            (folder / split / kind).mkdir(parents=True, exist_ok=True)
            data = cv2.imencode(".png", image.astype("uint8"))[1]
            (folder / split / kind / name).write_bytes(data.tobytes())


def run(command: str, photographs: Path, out: Path, overwrite: bool) -> tuple[int, str]:
    """Run a command as the console script does; return its status and standard error."""
    few = {
        "upscale": [str(model()), str(photographs), "--compare", "--precision", "float32"],
        "prepare": [str(photographs), "--hr-long-side", "48"],
        "evaluate": ["--data", str(photographs), "--hr-long-side", "32", "--scale", "2"],
        "train": [
            *("--data", str(photographs), "--data.hr-long-side", "64", "--data.patch", "32"),
            *("--generator.blocks", "1", "--generator.filters", "4", "--train.jit", "off"),
            *("--train.stage1-steps", "1", "--train.stage2-steps", "0", "--train.batch-size", "1"),
            *("--eval.protocols", "standard"),
        ],
        "downstream": [
            *("segmentation", "--data", str(photographs), "--steps", "1", "--batch-size", "1"),
            *("--patch", "8", "--depth", "1", "--width", "2", "--networks", "unet"),
            *("--no-retrain", "--hr-long-side", "32"),
        ],
        "export": [str(out), "--format", "litert", "--data", str(photographs)],
        "pairs": ["--pairs", str(photographs)],
        "assess": [str(photographs)],
    }[command]
    place = {
        "train": ["--workdir", str(out)],
        "export": [],
        "assess": ["--out", str(out / "quality.csv")],
    }.get(command, ["--out", str(out)])
    with_overwrite = ("upscale", "prepare", "train", "assess")
    again = ["--overwrite"] if overwrite and command in with_overwrite else []
    name = "evaluate" if command == "pairs" else command
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = cli.main([name, *few, *place, *again])
    return status, errors.getvalue()


@cache
def result(command: str) -> Path:
    """Return a folder that holds the result of a command."""
    folder = kept_folder() / command
    if command == "export":
        shutil.copytree(model(), folder)
        return folder
    write_photographs(kept_folder() / f"{command}-in", 64, command)
    status, errors = run(command, kept_folder() / f"{command}-in", folder, False)
    assert status == 0, errors
    return folder


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder; a link to a file is a file."""
    found = {}
    for folder, _, files in os.walk(root):
        for name in files:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def arranged(root: Path, draw: st.DrawFn, command: str) -> tuple[Path, Path, set[str]]:
    """Arrange a situation: the input, the output, and the files that a command may replace."""
    # most trainings end after their directory is opened: the photographs are too small
    size = draw(st.sampled_from([16, 16, 16, 64])) if command == "train" else 64
    photographs = root / "photos é"
    write_photographs(photographs, size, command)
    where = draw(st.sampled_from(OUTPUTS), label="output")
    out = {
        "beside": root / "out",
        "the input": photographs,
        "inside the input": photographs / "out",
        "around the input": root,
        "a link to the input": root / "link",
        "a link inside the input": photographs / "link",
        "other case": root / "PHOTOS É",
        "other form": root / "photos é",
    }.get(where, root / "result")
    if "link" in where:
        target = photographs if where == "a link to the input" else root / "elsewhere"
        target.mkdir(exist_ok=True)
        out.symlink_to(target, target_is_directory=True)
    of = command
    if where == "the result of another command":
        of = draw(st.sampled_from([c for c in COMMANDS if c not in (command, "export")]))
    replaceable = set()
    if "result" in where or command == "export":
        made = result(of)
        # a command may replace its own results
        shutil.copytree(made, out, dirs_exist_ok=True)
        if of == command:
            replaceable = {str((out / name).relative_to(root)) for name in contents(made)}
    if where.endswith("inside"):
        shutil.move(photographs, out / "photos é")
        photographs = out / "photos é"
    links = draw(st.sampled_from(LINKS), label="links")
    if links == "links to the input":
        (root / "another name").mkdir()
        for file in photographs.glob("*.png"):
            os.link(file, root / "another name" / file.name)
    elif replaceable and links == "hard links to results":
        for number, name in enumerate(sorted(replaceable)):
            os.link(root / name, root / f"{number}.mine")
    elif replaceable and links == "results as inputs":
        pictures = [n for n in sorted(replaceable) if n.endswith(".png")][:2]
        for number, name in enumerate(pictures):
            (photographs / f"link{number}.png").symlink_to(root / name)
    for name in draw(st.lists(st.sampled_from(OWN), max_size=4, unique=True), label="own files"):
        file = out / name
        with contextlib.suppress(OSError):  # a file or a folder is in its place
            file.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(file):
                file.write_bytes(b"mine: " + name.encode())
    if links == "links to the input" and out.is_dir() and not (out / "b.png").exists():
        os.link(photographs / "b.jpg", out / "b.png")
    return photographs, out, replaceable


@pytest.mark.slow
@settings(
    max_examples=SITUATIONS,
    deadline=None,
    derandomize=SITUATIONS < 100,
    database=None,
    phases=[Phase.generate],  # a situation is short, and to find a shorter one takes long
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_every_file_of_a_person_is_there_afterwards(data):
    draw = data.draw
    command = draw(st.sampled_from([c for c, n in WEIGHTS.items() for _ in range(n)]))
    overwrite = draw(st.booleans(), label="overwrite")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        photographs, out, replaceable = arranged(root, draw, command)
        before = contents(root)
        status, errors = run(command, photographs, out, overwrite)
        after = contents(root)
    COUNTS[command, status] += 1
    note(f"status {status}: {errors}")
    assert status in (0, 1, 2)
    lost = {n for n, b in before.items() if after.get(n) != b and n not in replaceable}
    assert not lost
    if status == 2:
        assert len(errors.strip().splitlines()) == 1
    if out == photographs or out.resolve() == photographs.resolve():
        assert command in ("export", "assess") or status == 2
        assert command == "assess" or "overwrite" not in errors


def test_the_situations_are_of_all_kinds(capsys):
    """Print how many situations of each command ended with which status."""
    if not COUNTS:
        pytest.skip("no situation was drawn")
    lines = [f"{command}, status {s}: {n}" for (command, s), n in sorted(COUNTS.items())]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join([*lines, f"{COUNTS.total()} situations", ""]))
    assert {status for _, status in COUNTS} >= {0, 2}
