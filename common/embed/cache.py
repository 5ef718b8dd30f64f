"""Cache of feature rows by key in SQLite: a kill, or a change of few products, costs few rows."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from common.artifacts import StageError

_CHUNK = 4096


class RowCache:
    """Feature rows (float16) keyed by what they were computed from, in one SQLite file.

    Every :meth:`put` is a transaction, so that a kill costs one batch; two processes may use the
    file at once. Float16 keeps three digits, as many as the bfloat16 towers that fill it.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing() as database:
            # Rows of some kilobytes would waste half of the default pages.
            database.execute("PRAGMA page_size = 65536")
            database.execute("CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB)")

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Positions of the keys that are not there yet; of equal keys the first."""
        with closing(self._connect()) as database:
            stored = {key for (key,) in database.execute("SELECT key FROM rows")}
        first = {key: position for position, key in reversed(list(enumerate(keys)))}
        return sorted(position for key, position in first.items() if key not in stored)

    def put(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        """Stores ``rows`` (n, d) under ``keys``."""
        values = [row.tobytes() for row in rows.astype(np.float16)]
        with self._writing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?)", zip(keys, values, strict=True)
            )

    def take(self, keys: Sequence[bytes], dtype=np.float32) -> np.ndarray:
        """The rows of ``keys`` (n, d), in their order; NaN where there is none."""
        with closing(self._connect()) as database:
            (width,) = database.execute("SELECT length(value) / 2 FROM rows").fetchone() or (0,)
            rows = np.full((len(keys), width), np.nan, dtype)
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, value FROM rows WHERE key IN ({marks})"
                stored = dict(database.execute(query, list(chunk)))
                for position, key in enumerate(chunk, start):
                    if key in stored:
                        rows[position] = np.frombuffer(stored[key], np.float16)
        return rows

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements are written together or not at all."""
        try:
            with closing(self._connect()) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            raise StageError(
                f"cannot write {self.path}: {error}; make room (or choose another --data-dir), "
                "delete the file if it is damaged, and run the same command again"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)


def file_stamp(file: Path) -> str:
    """What stands for a file's content: its name, size and time."""
    try:
        status = file.stat()
    except OSError:
        return f"{file.parent.name}/{file.name} is missing"
    return f"{file.parent.name}/{file.name} {status.st_size} {status.st_mtime_ns}"
