"""What a user installs: the sdist and the wheel, as `make dist` builds them."""

import configparser
import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
MAPPED = {
    "data/aptos2019_sr": "srgan_keras/data/aptos2019_sr",
    "saved_models": "srgan_keras/saved_models",
}
LICENCES = {"LICENSE", "THIRD_PARTY.md"}
PROGRAM = """
import numpy as np
import srgan_keras
from srgan_keras.data.aptos2019 import Builder

model = srgan_keras.load("fundus-x4")
print(model.path)
print(model.upscale(np.full((6, 8, 3), 90, np.uint8)).shape)
print(Builder.pkg_dir_path, Builder.get_metadata().citation[:16])
"""


def git(*arguments: str) -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone: lists the files that git has")
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def committed() -> set[str]:
    """Return the files that belong to the package, under the names that a clone has."""
    return {name for name in git("ls-files", "srgan_keras", *MAPPED) if (ROOT / name).is_file()}


def in_wheel(name: str) -> str:
    for folder, inside in MAPPED.items():
        if name.startswith(f"{folder}/"):
            return name.replace(folder, inside, 1)
    return name


def test_git_holds_no_symbolic_link():
    assert not [line for line in git("ls-files", "-s") if line.startswith("120000")]


def test_every_package_is_listed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = setup["options"]["packages"].split()
    files = [file.relative_to(ROOT) for file in ROOT.glob("srgan_keras/**/__init__.py")]
    found = {".".join(file.parent.parts) for file in files}
    assert listed == sorted(found | {inside.replace("/", ".") for inside in MAPPED.values()})


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Folder of the sdist and of the wheel that was built from the sdist; no network is used."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return out


@pytest.mark.slow
def test_both_hold_what_git_holds(dist):
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        installed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert installed == {in_wheel(name) for name in committed()}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert packed >= committed() | {*LICENCES, "README.md", "setup.cfg", "CITATION.cff"}
    assert not [name for name in packed if name.startswith(("tests", "runs", "docs"))]
    in_data = {name for name in packed if name.startswith("data/")}
    assert in_data - committed() == {"data/aptos2019_sr"}, "photographs of the user"


@pytest.mark.slow
def test_the_wheel_is_small_and_carries_the_licences(dist):
    (wheel,) = dist.glob("*.whl")
    assert wheel.stat().st_size < 95e6
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name).name: name for name in archive.namelist() if "/licenses/" in name}
        third_party = archive.read(inside["THIRD_PARTY.md"]).decode()
    assert inside.keys() == LICENCES
    assert all(name in third_party for name in ("Simonyan", "Zisserman", "IDRiD", "CC BY 4.0"))


def test_third_party_names_the_authors_of_every_training_set():
    """A model card attributes its training photographs; so must the file in the wheel."""
    third_party = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    cards = [file.read_text(encoding="utf-8") for file in ROOT.glob("saved_models/*/README.md")]
    doi = {found for card in cards for found in re.findall(r"\b10\.\d{4,}/[\w.-]+\b", card)}
    assert doi
    assert not [name for name in doi if name not in third_party]


def test_every_dependency_has_a_tested_version_that_setup_allows():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    groups = {"": setup["options"]["install_requires"], **setup["options.extras_require"]}
    pins = {}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    for group, lines in groups.items():
        for line in filter(None, lines.splitlines()):
            wanted = Requirement(line)
            assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), (group, line)


@pytest.mark.slow
def test_the_description_is_valid(dist):
    files = [str(file) for file in dist.iterdir()]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (file,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(file))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"]
    assert metadata["Project-URL"]


@pytest.mark.slow
def test_the_wheel_works_outside_of_a_clone(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "deprecated" not in run.stderr
    assert run.stdout.splitlines() == [
        str(site / "srgan_keras" / "saved_models" / "fundus-x4"),
        "(24, 32, 3)",
        f"{site / 'srgan_keras' / 'data' / 'aptos2019_sr'} @misc{{aptos2019,",
    ]
