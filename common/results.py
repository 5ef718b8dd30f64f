"""Results tables: one row per experiment, model and seed, written as they arrive, resumable."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from common.artifacts import RunConfig, StageError, atomic, made_from, manifest, record

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


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
        run: RunConfig,
        inputs: Mapping[str, str | Path],
        key: tuple[str, ...],
        settings: Mapping[str, object] | None = None,
    ):
        self.path, self.run, self.inputs, self.key = path, run, dict(inputs), key
        self.settings = {"preset": run.preset, "limit": run.limit, **(settings or {})}
        self.rows: list[dict] = []
        self._started = time.monotonic()
        self._seconds_before = 0.0
        if not path.exists():
            return
            # Not is_current: a kill between the table and its manifest must not cost the rows.
        if run.force or not made_from(manifest(path), self.inputs, self.settings):
            why = "--force" if run.force else "made from other inputs or settings"
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
        """Adds one row, replacing one with the same key, saves the table and logs the row."""
        row = {name: _cell(value) for name, value in row.items()}
        identity = [row[name] for name in self.key]
        self.rows = [old for old in self.rows if [old.get(n) for n in self.key] != identity]
        self.rows.append(row)
        self._save()
        log.info("  ".join(f"{k}={v}" for k, v in row.items() if v != ""))

    def finish(self, summary: str = "") -> None:
        """Prints ``summary`` (see :func:`leaderboard`) and where the rows lie; ends a stage."""
        if not self.rows:
            raise StageError(f"{self.path}: nothing was computed, so there is no table to write")
        if summary:
            print(summary)
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
        record(self.path, self.run, self.inputs, seconds, self.settings)


def leaderboard(
    frame: pd.DataFrame,
    index: list[str],
    columns: Mapping[str, tuple[str, str]],
    best: str,
    lowest: bool = False,
    baseline: str = "",
) -> str:
    """A small aligned table for the terminal: means over seeds, the best row marked.

    frame: rows of a results table. index: the columns that name a line, the model last. columns:
    column -> (title, format). best: the column that decides, per group of all of ``index`` but the
    model; the largest value wins unless ``lowest``. baseline: the model that is marked as such.
    """
    means = frame.groupby(index, sort=False, dropna=False)[list(columns)].mean().reset_index()
    rivals = means[means[index[-1]] != baseline]
    ranked = rivals.groupby(index[:-1], sort=False)[best] if index[:-1] else rivals[best]
    winners = (
        set((ranked.idxmin() if lowest else ranked.idxmax()).tolist())
        if index[:-1]
        else {ranked.idxmin() if lowest else ranked.idxmax()}
    )
    rows = [[*index, *(title for title, _ in columns.values()), ""]]
    for number, line in means.iterrows():
        cells = [
            "" if value != value else form.format(value)
            for value, (_, form) in ((line[name], spec) for name, spec in columns.items())
        ]
        mark = "best" if number in winners else "baseline" if line[index[-1]] == baseline else ""
        rows.append([*(str(line[name]) for name in index), *cells, mark])
    return aligned(rows, len(index))


def aligned(rows: list[list[str]], left: int = 1) -> str:
    """Rows of cells as lines; the first ``left`` columns flush left, the others flush right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place < left or place == len(row) - 1 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cell(value: object) -> str:
    # NumPy scalars format like Python's own numbers here.
    if isinstance(value, float) or "float" in type(value).__name__:
        return f"{float(value):.6g}"
    return "" if value is None else str(value)
