"""The photographs and results of the page, in memory alone, each under a token nobody can guess."""

import secrets
import threading
from dataclasses import dataclass, field

import numpy as np

from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.provenance import Provenance


@dataclass
class Result:
    """What a model made of a photograph.

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
    """

    name: str
    photograph: ImageFile
    result: Result | None = None
    left: threading.Event = field(default_factory=threading.Event)


class Entries:
    """The entries of all users; beyond the most that are kept, the oldest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._entries)

    def add(self, entry: Entry) -> str:
        """Keep an entry, and return its token."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._entries[token] = entry
            oldest = list(self._entries)[: -self._most]
        for other in oldest:
            self.drop(other)
        return token

    def get(self, token: str) -> Entry | None:
        """Return the entry of a token, or None if it is gone."""
        return self._entries.get(token)

    def drop(self, token: str) -> None:
        """Forget an entry; what is being computed from it stops at the next tile."""
        with self._lock:
            entry = self._entries.pop(token, None)
        if entry is not None:
            entry.left.set()
