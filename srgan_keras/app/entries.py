"""The photographs and results of the page, in memory alone, each under a token nobody can guess."""

import secrets
import threading
from dataclasses import dataclass, field

import numpy as np

from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.provenance import Provenance


@dataclass
class Result:
    """A result, and the facts that the page shows beside it.

    Attributes:
        image: SR, as `upscale` writes it.
        about: its provenance.
        scale: SR side over LR side.
        command: the command line that makes the same file.
        seconds: the time that the model took.
        maps: name -> float32 [h, w], a value for each LR pixel: see `support`.
        flags: boxes, [top, left, bottom, right] in px of SR, the largest first.
        notes: what the user should know about it, a sentence each.
    """

    image: ImageFile
    about: Provenance
    scale: int
    command: str
    seconds: float
    maps: dict[str, np.ndarray]
    flags: list[list[int]]
    notes: list[str]


@dataclass
class Entry:
    """A photograph that a user has given, and the last result from it.

    Attributes:
        name: that of the file.
        photograph: its contents.
        result: None until a model has made one.
        left: set when the user has stopped the model, or has left.
        token: the secret in the addresses of its pictures.
    """

    name: str
    photograph: ImageFile
    result: Result | None = None
    left: threading.Event = field(default_factory=threading.Event)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))


class Entries:
    """The entries of all sessions, one each; beyond the most that are kept, the oldest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def put(self, session: str, entry: Entry) -> None:
        """Keep the entry of a session, and forget the one before it."""
        self.drop(session)
        with self._lock:
            self._of[session] = entry
            oldest = list(self._of)[: -self._most]
        for other in oldest:
            self.drop(other)

    def of(self, session: str) -> Entry | None:
        """Return the entry of a session, if there is one."""
        return self._of.get(session)

    def get(self, token: str) -> Entry | None:
        """Return the entry of a token, or None if it is gone."""
        with self._lock:
            return next((e for e in self._of.values() if e.token == token), None)

    def drop(self, session: str) -> None:
        """Forget the entry of a session; what is computed from it stops at the next tile."""
        with self._lock:
            entry = self._of.pop(session, None)
        if entry is not None:
            entry.left.set()

    def clear(self) -> None:
        """Forget everything."""
        for session in list(self._of):
            self.drop(session)
