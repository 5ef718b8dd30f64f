"""The cache of an LLM's replies: append-only JSON lines, so that no question is asked twice.

A line holds model, key (of prompt, schema and text), reply, and whether the token limit cut it. A
process killed while writing leaves at most one torn last line, which is cut off when the file is
next opened.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from common.artifacts import StageError
from common.runtime import Progress

log = logging.getLogger(__name__)


class Reply(NamedTuple):
    """text: as the model wrote it. cut: whether the token limit ended it."""

    text: str
    cut: bool


class ReplyCache(dict[str, Reply]):
    """The replies of one model, by key. Use it in a ``with`` block; one process at a time.

    Raises StageError when another process has the file open, or the disk is full. Of lines in the
    middle that cannot be read the questions are asked again.
    """

    def __init__(self, path: Path, model: str):
        super().__init__()
        self.path, self.model = path, model

    def __enter__(self) -> "ReplyCache":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: once written, a reply survives a kill.
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
        size = unreadable = 0
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    self._file.truncate(size)
                    break
                size += len(line)
                try:
                    entry = json.loads(line)
                    if entry["model"] == self.model:
                        self[entry["key"]] = Reply(str(entry["reply"]), bool(entry["cut"]))
                except (ValueError, TypeError, KeyError):
                    unreadable += 1
        if unreadable:
            log.warning("%s: %d lines cannot be read; they are asked again", self.path, unreadable)

    def add(self, key: str, reply: Reply) -> None:
        entry = {"model": self.model, "key": key, "reply": reply.text, "cut": reply.cut}
        line = json.dumps(entry).encode() + b"\n"
        size = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(size)
            raise StageError(
                f"cannot write {self.path} ({error.strerror}); the answers so far are kept, "
                "make room and run the same command again"
            ) from error
        self[key] = reply


def ask_missing(
    cache: ReplyCache,
    requests: Iterable,
    engine: Callable[[list], Iterator[tuple[object, Reply]]],
    parse: Callable[[Reply], object],
) -> dict[str, int]:
    """Asks the engine what the cache does not hold, and adds each reply as it arrives.

    What ``parse`` gives None for is asked once more, with some randomness; what comes then is added
    as it is. Returns counts: known, asked, retried, invalid, cut.
    """
    distinct = {request.key: request for request in requests}
    missing = [request for key, request in distinct.items() if key not in cache]
    retries = []
    what = f"asking {cache.model.partition(':')[0]}"  # without its hash
    with Progress(what=what, total=len(missing), unit="texts") as progress:
        for request, reply in engine(missing) if missing else ():
            if parse(reply) is None:
                retries.append(request)
            else:
                cache.add(request.key, reply)
            progress.update()
    for request, reply in engine(retries, retry=True) if retries else ():
        cache.add(request.key, reply)
    replies = [cache[key] for key in distinct]
    return {
        "known": len(distinct) - len(missing),
        "asked": len(missing),
        "retried": len(retries),
        "invalid": sum(parse(reply) is None for reply in replies),
        "cut": sum(reply.cut for reply in replies),
    }
