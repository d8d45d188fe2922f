"""The command `publish`: a model folder goes to the Hugging Face Hub, after a dry run."""

import re
from pathlib import Path
from typing import NamedTuple

from srgan_keras import hub
from srgan_keras.console import say
from srgan_keras.errors import UsageError
from srgan_keras.export import model_folder
from srgan_keras.files import sha256
from srgan_keras.options import PublishOptions

CARD = "README.md"
REQUIRED = ("license", "library_name", "pipeline_tag", "tags")
"""The keys that the front matter of a card must have."""

UNKNOWN = "unknown"
"""The licence of a model that nobody has given one."""

_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


class Upload(NamedTuple):
    """A file to be uploaded: its name below the folder, its size in bytes and its hash."""

    name: str
    size: int
    sha256: str


def publish(options: PublishOptions) -> None:
    """List what is uploaded and check the card; with `yes`, upload it in one commit.

    Raises:
        UsageError: the model cannot be published, or the hub refuses it.
    """
    if not hub.is_repository(options.repository):
        raise UsageError(f"{options.repository!r} is not USER/MODEL: correct it")
    library = hub.library()
    folder = model_folder.find(options.model)
    files = uploads(folder)
    licence = check_card(folder / CARD)
    total = sum(file.size for file in files)
    lines = [f"{file.sha256}  {file.size:>12,}  {file.name}" for file in files]
    target = f"{library.constants.ENDPOINT}/{options.repository}"
    lines.append(f"{len(files)} files, {total:,} bytes, license {licence}, for {target}")
    if not options.yes:
        lines.append("This was a dry run, and nothing is uploaded. To upload, add --yes.")
        say("\n".join(lines))
        return
    if licence == UNKNOWN:
        raise UsageError(
            f"{folder / CARD} gives no license: replace `license: {UNKNOWN}` in its first lines, "
            "for example by `license: cc-by-4.0`"
        )
    say("\n".join(lines))
    commit = _upload(options, folder, files)
    say(f"uploaded as {hub.Reference(options.repository, commit)}")


def uploads(folder: Path) -> list[Upload]:
    """Return the files of a model folder that the package wrote, and the pictures of its card."""
    names = set(model_folder.recorded(folder, model_folder.read_info(folder)))
    names |= set(_PICTURE.findall(_card(folder / CARD)))
    files = {name: folder / name for name in names}
    root = folder.resolve()
    return [
        Upload(name, file.stat().st_size, sha256(file))
        for name, file in sorted(files.items())
        if file.is_file() and file.resolve().is_relative_to(root)
    ]


def check_card(file: Path) -> str:
    """Check the front matter of a model card by the hub's own parser, and return the licence.

    Raises:
        UsageError: it cannot be parsed, or lacks one of `REQUIRED`.
    """
    library = hub.library()
    try:
        data = library.ModelCard(_card(file)).data.to_dict()
    except Exception as error:  # of YAML, or of one of the parser's many checks
        reason = " ".join(str(error).split())
        raise UsageError(f"{file}: the hub cannot read the front matter: {reason}") from None
    missing = [key for key in REQUIRED if not data.get(key)]
    if missing:
        raise UsageError(f"{file}: the front matter lacks {', '.join(missing)}: add it")
    return str(data["license"])


def _card(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"cannot read the model card {file}: restore it") from None


def _upload(options: PublishOptions, folder: Path, files: list[Upload]) -> str:
    library = hub.library()
    api = library.HfApi()
    with hub.errors(f"{hub.PREFIX}{options.repository}"):
        api.create_repo(options.repository, private=options.private or None, exist_ok=True)
        done = api.create_commit(
            options.repository,
            [library.CommitOperationAdd(file.name, str(folder / file.name)) for file in files],
            commit_message=f"Model {folder.name} of srgan_keras",
        )
    return done.oid
