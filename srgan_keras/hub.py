"""Models on the Hugging Face Hub: `hf://USER/MODEL[@REVISION]`.

A revision is resolved to a commit first, so that what was used can be named and fetched again. Only
the files that can be opened in safe mode are fetched: the SavedModel of somebody else is a program.
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from srgan_keras.errors import UsageError
from srgan_keras.files import sha256

log = logging.getLogger(__name__)

PREFIX = "hf://"
FILES = ("model.json", "generator.keras")
"""The files that are fetched."""

MOST_BYTES = 2**30
"""Size of the largest file that is fetched."""

_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Reference(NamedTuple):
    """A model on the hub.

    Attributes:
        repository: USER/MODEL.
        revision: branch, tag or commit; None is the default branch.
    """

    repository: str
    revision: str | None

    def __str__(self) -> str:
        """Return the name that commands take."""
        return PREFIX + self.repository + (f"@{self.revision}" if self.revision else "")


def is_reference(name: object) -> bool:
    """Tell whether MODEL names a model on the hub."""
    return str(name).startswith(PREFIX)


def is_repository(name: str) -> bool:
    """Tell whether a text is USER/MODEL."""
    return bool(_NAME.fullmatch(PREFIX + name)) and "@" not in name


def reference(name: str) -> Reference:
    """Parse `hf://USER/MODEL[@REVISION]`.

    Raises:
        UsageError: it is something else.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise UsageError(f"{name} is not hf://USER/MODEL or hf://USER/MODEL@REVISION: correct it")
    return Reference(*found.groups())


def pinned(name: str) -> str:
    """Return a model's name with the commit of its revision; other names stay as they are.

    Raises:
        UsageError: the hub does not know it, or cannot be asked.
    """
    if not is_reference(name):
        return name
    wanted = reference(name)
    if wanted.revision and _COMMIT.fullmatch(wanted.revision):
        return name
    hub = library()
    with errors(str(wanted)):
        resolved = hub.HfApi().resolve_revision(wanted.repository, revision=wanted.revision)
    found = Reference(wanted.repository, resolved.resolved)
    log.info("%s is %s", wanted, found)
    return str(found)


def origin(info: dict[str, Any]) -> str:
    """Return where a model comes from by its model.json: its name on the hub, or nothing."""
    found = info.get("hub")
    return str(Reference(found["repository"], found["revision"])) if found else ""


def fetch(pin: Reference) -> dict[str, tuple[Path, str]]:
    """Fetch `FILES` of a model into the hub's cache, check them, and log their sha256.

    Args:
        pin: with a commit.

    Returns:
        Where each is, and its sha256.

    Raises:
        UsageError: a file is missing, too large or damaged, or the hub cannot be asked.
    """
    api = library().HfApi()
    with errors(str(pin)):
        infos = api.get_paths_info(pin.repository, list(FILES), revision=pin.revision)
    listed = {info.path: info for info in infos if hasattr(info, "size")}
    for name in FILES:
        if name not in listed:
            raise UsageError(f"{pin} is no model of srgan_keras: it has no {name}")
        if listed[name].size > MOST_BYTES:
            raise UsageError(
                f"{pin}: {name} has more than {MOST_BYTES} bytes: choose another model"
            )
    files = {}
    for name in FILES:
        with errors(str(pin)):
            path = Path(api.hf_hub_download(pin.repository, name, revision=pin.revision))
        digest, stored = sha256(path), listed[name].lfs
        files[name] = path, digest
        if path.stat().st_size != listed[name].size or (stored and stored.sha256 != digest):
            raise UsageError(f"{pin}: {name} is damaged: delete {path}, then repeat the command")
        log.info("%s: %s has sha256 %s", pin, name, digest)
    return files


def cache() -> Path:
    """Return the folder of models that were opened in safe mode and written again."""
    return Path(library().constants.HF_HOME) / "srgan_keras"


def library() -> ModuleType:
    """Import huggingface_hub, an extra.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.constants  # which is no attribute before
        import huggingface_hub.utils.logging
    except ImportError:
        raise UsageError(
            f"models of {PREFIX} need huggingface_hub: pip install 'srgan_keras[hub]'"
        ) from None
    huggingface_hub.utils.logging.set_verbosity_error()  # our lines say what matters
    return huggingface_hub


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Make one line of what the hub, the network or huggingface_hub object to.

    Raises:
        UsageError: the line.
    """
    from huggingface_hub import errors as known

    try:
        yield
    except known.GatedRepoError:
        advice = "ask for access on its page, then run `hf auth login`"
        raise UsageError(f"{what} is gated: {advice}") from None
    except known.RepositoryNotFoundError:
        advice = "correct the name, or run `hf auth login` if it is private"
        raise UsageError(f"the hub has no {what} that you may see: {advice}") from None
    except known.RevisionNotFoundError:
        raise UsageError(f"{what}: there is no such revision: choose another one") from None
    except (known.OfflineModeIsEnabled, known.RevisionResolutionError) as error:
        raise UsageError(
            f"{what} is not in the cache, and the hub cannot be reached ({_reason(error)}): "
            "connect, unset HF_HUB_OFFLINE, or give a model folder"
        ) from None
    except known.HFValidationError as error:
        raise UsageError(f"{what}: {_reason(error)}") from None
    except known.HfHubHTTPError as error:  # which is an OSError, and some a ValueError, too
        status = error.response.status_code
        login = "run `hf auth login` with a token that may write" if status in (401, 403) else ""
        raise UsageError(
            f"{what}: the hub answers {status} ({_reason(error)}): {login or 'try again later'}"
        ) from None
    except (OSError, known.HTTPError) as error:  # that of the HTTP client
        raise UsageError(
            f"{what}: the hub cannot be reached ({_reason(error)}): connect, then try again"
        ) from None
    except (RuntimeError, ValueError) as error:  # of an upload, or of what the hub answers
        raise UsageError(f"{what}: {_reason(error)}: correct it, then try again") from None


def _reason(error: Exception) -> str:
    """Return the innermost cause of an error, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
