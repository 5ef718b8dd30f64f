"""Results tables of the stages: written row by row, resumable, summed up in a small leaderboard."""

import csv
import io
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.artifacts import RunConfig, StageError, atomic, made_from, manifest, record

log = logging.getLogger(__name__)


class Results:
    """The results table of a stage, one row per experiment, model and seed; resumable.

    A later run with the same settings and inputs, or more inputs, computes only what is missing
    (:meth:`done`); otherwise the table starts anew.

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
        self._started, self._seconds_before = time.monotonic(), 0.0
        if not path.exists():
            return
        # Not is_current: a kill between the table and its manifest must not cost the rows.
        known = {k: v for k, v in inputs.items() if k in manifest(path).get("inputs", {})}
        if run.force:
            log.info("%s starts anew (--force)", path)
        elif not made_from(manifest(path), known, self.settings):
            print(f"{path} starts anew (made from other inputs or settings)", flush=True)
        else:
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))
            self._seconds_before = manifest(path).get("seconds") or 0.0

    def done(self, **key: object) -> bool:
        """Whether there is a row with these key values (all of ``self.key``)."""
        identity = [str(key[name]) for name in self.key]
        return any([row.get(name) for name in self.key] == identity for row in self.rows)

    def add(self, **row: object) -> None:
        """Adds one row, replacing one with the same key, saves the table and logs the row."""
        row = {name: _cell(value) for name, value in row.items()}
        identity = [row[name] for name in self.key]
        self.rows = [old for old in self.rows if [old.get(n) for n in self.key] != identity]
        self.rows.append(row)
        self._save()
        log.info("  ".join(f"{k}={v}" for k, v in row.items() if v != ""))

    def finish(self, summary: str = "") -> None:
        """Ends a stage: prints ``summary`` (see :func:`leaderboard`) and where the rest lies."""
        if not self.rows:
            raise StageError(f"{self.path}: nothing was computed, so there is no table to write")
        figures = self.run.paths.figure(f"{self.path.stem}/_").parent
        rest = f"; figures in {figures}" if figures.is_dir() else ""
        lines = [summary] if summary else []
        print(*lines, f"{len(self.rows)} rows in {self.path}{rest}", sep="\n", flush=True)

    @property
    def frame(self):
        """The rows as a pandas DataFrame with numbers as numbers."""
        import pandas as pd

        buffer = io.StringIO()
        self._write(buffer)
        buffer.seek(0)
        return pd.read_csv(buffer)

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
    frame,
    index: list[str],
    columns: Mapping[str, tuple[str, str]],
    best: str,
    lowest: bool = False,
    baseline: str = "",
) -> str:
    """A small aligned table for the terminal: means over seeds, the best row marked.

    Parameters: frame: rows of a results table. index: the columns that name a line, the model last.
    columns: {column: (title, format)}. best: the column that decides within a group of equal
    ``index`` but for the model, by the highest or ``lowest``. baseline: a model that cannot win.
    """
    *group, model = index
    scores = list(dict.fromkeys([*columns, best]))
    means = frame.groupby(index, sort=False, dropna=False)[scores].mean().reset_index()
    rivals = means[(means[model] != baseline) & means[best].notna()]
    ranked = rivals.sort_values(best, ascending=lowest, kind="stable")
    winners = ranked.drop_duplicates(group).index if group else ranked.index[:1]
    rows, marks = [[*index, *(title for title, _ in columns.values())]], [""]
    formats = dict.fromkeys(index, "{}") | {name: form for name, (_, form) in columns.items()}
    for number, line in means.iterrows():
        cells = ((line[name], form) for name, form in formats.items())
        rows.append(["" if value != value else form.format(value) for value, form in cells])
        marks.append("baseline" if line[model] == baseline else "best" if number in winners else "")
    lines = aligned(rows, len(index)).splitlines()
    return "\n".join(f"{line}  {mark}".rstrip() for line, mark in zip(lines, marks, strict=True))


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of cells as lines: the first ``left`` columns flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cell(value: object) -> str:
    # NumPy scalars format like Python's own numbers here.
    if isinstance(value, float) or "float" in type(value).__name__:
        return f"{float(value):.6g}"
    return "" if value is None else str(value)
