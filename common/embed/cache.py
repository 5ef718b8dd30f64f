"""Cache of feature rows by key in SQLite: a kill, or a change of few products, costs few rows."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from common.artifacts import StageError


class RowCache:
    """Feature rows (float16) keyed by what they were computed from, in one SQLite file.

    Every :meth:`put` is a transaction, so that a kill costs one batch. Float16 has as many digits
    as the bfloat16 towers that fill it.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as database:
            # Rows of some kilobytes would waste half of the default pages.
            database.execute("PRAGMA page_size = 65536")
            database.execute("CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB)")

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Positions of the keys that are not there yet; of equal keys the first."""
        with self._transaction() as database:
            stored = {key for (key,) in database.execute("SELECT key FROM rows")}
        first = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
        return sorted(position for key, position in first.items() if key not in stored)

    def put(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        """Stores ``rows`` (n, d) under ``keys``."""
        values = [row.tobytes() for row in rows.astype(np.float16)]
        pairs = zip(keys, values, strict=True)
        with self._transaction() as database:
            database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", pairs)

    def take(self, keys: Sequence[bytes], dtype=np.float32) -> np.ndarray:
        """The rows of ``keys`` (n, d), in their order; NaN where there is none."""
        with self._transaction() as database:
            (width,) = database.execute("SELECT length(value) / 2 FROM rows").fetchone() or (0,)
            rows = np.full((len(keys), width), np.nan, dtype)
            for position, key in enumerate(keys):
                query = "SELECT value FROM rows WHERE key = ?"
                for (value,) in database.execute(query, (key,)):
                    rows[position] = np.frombuffer(value, np.float16)
        return rows

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements are written together or not at all."""
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            raise StageError(
                f"cannot write {self.path}: {error}; make room (or choose another --data-dir), "
                "delete the file if it is damaged, and run the same command again"
            ) from error


def file_stamp(file: Path) -> str:
    """What stands for a file's content: its name, size and time."""
    try:
        status = file.stat()
    except OSError:
        return f"{file.parent.name}/{file.name} is missing"
    return f"{file.parent.name}/{file.name} {status.st_size} {status.st_mtime_ns}"
