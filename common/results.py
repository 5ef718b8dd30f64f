"""Results tables: one row per experiment, model and seed, written as they arrive, resumable."""

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path

from common.artifacts import StageError, atomic, made_from, manifest, record


class Results:
    """The results table of a stage, one row per experiment, model and seed; resumable.

    Rows are written as they arrive. A later run with the same inputs and settings finds them
    (:meth:`done`) and computes only what is missing; other inputs, other settings or
    ``--force`` start the table anew and say so.

    Parameters: ``key`` names the columns that identify a row; ``inputs`` and ``settings`` are
    as in :func:`record`. The preset and ``--limit`` always count as settings.
    """

    def __init__(
        self,
        path: Path,
        args,
        inputs: Mapping[str, str | Path],
        key: tuple[str, ...],
        settings: Mapping[str, object] | None = None,
    ):
        self.path, self.args, self.inputs, self.key = path, args, dict(inputs), key
        self.settings = {"preset": args.preset, "limit": args.limit, **(settings or {})}
        self.rows: list[dict] = []
        self._started = time.monotonic()
        self._seconds_before = 0.0
        if not path.exists():
            return
            # Not is_current: a kill between the table and its manifest must not cost the rows.
        if args.force or not made_from(manifest(path), self.inputs, self.settings):
            why = "--force" if args.force else "made from other inputs or settings"
            print(f"{path} starts anew ({why})", flush=True)
            return
        with path.open(newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        self._seconds_before = manifest(path).get("seconds") or 0.0

    def done(self, **key: object) -> bool:
        """Whether there is a row with these key values (all of ``self.key``)."""
        wanted = tuple(str(key[name]) for name in self.key)
        return any(tuple(row.get(name) for name in self.key) == wanted for row in self.rows)

    def add(self, **row: object) -> None:
        """Adds one row, replacing one with the same key, saves the table and prints the row."""
        row = {name: _cell(value) for name, value in row.items()}
        identity = [row[name] for name in self.key]
        self.rows = [old for old in self.rows if [old.get(n) for n in self.key] != identity]
        self.rows.append(row)
        self._save()
        print("  ".join(f"{k}={v}" for k, v in row.items() if v != ""), flush=True)

    def finish(self) -> None:
        """Says where the table lies; call it at the end of the stage."""
        if not self.rows:
            raise StageError(f"{self.path}: nothing was computed, so there is no table to write")
        print(f"{len(self.rows)} rows in {self.path}", flush=True)

    @property
    def frame(self):
        """The rows as a pandas DataFrame with numbers as numbers."""
        import pandas as pd

        buffer = io.StringIO()
        self._write(buffer)
        return pd.read_csv(io.StringIO(buffer.getvalue()), keep_default_na=True)

    def _write(self, file) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)

    def _save(self) -> None:
        with atomic(self.path) as temporary, temporary.open("w", encoding="utf-8") as file:
            self._write(file)
        seconds = self._seconds_before + time.monotonic() - self._started
        record(self.path, self.args, self.inputs, seconds, self.settings)


def _cell(value: object) -> str:
    # NumPy scalars format like Python's own numbers here.
    if isinstance(value, float) or "float" in type(value).__name__:
        return f"{float(value):.6g}"
    return "" if value is None else str(value)
