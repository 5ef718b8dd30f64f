"""What LLMs have answered: an append-only file of JSON lines, so that nothing is asked twice.

A line holds model, key (of prompt, schema and text), reply, and whether the token limit cut it.
Lines are written whole, as the answers arrive. A process killed while writing leaves at most one
torn last line: it is cut off when the file is next opened, and that one question asked again.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from common.artifacts import StageError


class Reply(NamedTuple):
    """text: as the model wrote it. cut: whether the token limit ended it."""

    text: str
    cut: bool


class Answers:
    """The answers of one model, by key. Use it in a ``with`` block; one process at a time.

    Raises StageError when another process has the file open, or the disk is full. Lines in the
    middle that cannot be read are counted in ``unreadable`` and their questions asked again.
    """

    def __init__(self, path: Path, model: str):
        self.path, self.model = path, model
        self.unreadable = 0
        self._replies: dict[str, Reply] = {}

    def __enter__(self) -> "Answers":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: once written, an answer survives a kill.
        self._file = self.path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise StageError(
                f"{self.path} is in use by another run; wait for it, or use another --data-dir"
            ) from error
        self._load()
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def _load(self) -> None:
        whole = 0
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    self._file.truncate(whole)
                    break
                whole += len(line)
                try:
                    entry = json.loads(line)
                    if entry["model"] == self.model:
                        self._replies[entry["key"]] = Reply(str(entry["reply"]), bool(entry["cut"]))
                except (ValueError, TypeError, KeyError):
                    self.unreadable += 1

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def __getitem__(self, key: str) -> Reply:
        return self._replies[key]

    def __len__(self) -> int:
        return len(self._replies)

    def add(self, key: str, reply: Reply) -> None:
        entry = {"model": self.model, "key": key, "reply": reply.text, "cut": reply.cut}
        line = json.dumps(entry).encode() + b"\n"
        whole = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(whole)
            raise StageError(
                f"cannot write {self.path} ({error.strerror}); the answers so far are kept, "
                "make room and run the same command again"
            ) from error
        self._replies[key] = reply


def complete(
    answers: Answers,
    requests: Iterable,
    engine: Callable[[list], Iterator[tuple[object, Reply]]],
    valid: Callable[[Reply], bool],
) -> dict[str, int]:
    """Asks the engine what is not answered yet, and stores each reply as it arrives.

    A reply that is not ``valid`` is asked for once more, with some randomness; what comes then is
    stored as it is. Returns counts: known, asked, retried, invalid, cut.
    """
    wanted = {request.key: request for request in requests}
    missing = [request for key, request in wanted.items() if key not in answers]
    counts = {"known": len(wanted) - len(missing), "asked": len(missing), "retried": 0}
    again = []
    if missing:
        bar = tqdm(
            total=len(missing), desc=f"asking {answers.model}", unit=" texts", smoothing=0.05
        )
        with bar:
            for request, reply in engine(missing):
                if valid(reply):
                    answers.add(request.key, reply)
                else:
                    again.append(request)
                bar.update()
    counts["retried"] = len(again)
    if again:
        for request, reply in engine(again, retry=True):
            answers.add(request.key, reply)
    replies = [answers[key] for key in wanted]
    counts["invalid"] = sum(not valid(reply) for reply in replies)
    counts["cut"] = sum(reply.cut for reply in replies)
    return counts
