"""Where each artefact lies, and how it is written: atomically, with a manifest beside it.

Everything that passes between stages is a file. Beside each lies ``<file>.meta.json``, which
says how it was made (command, git revision, versions, seed) and from what (hashes of the
inputs), so that a stage can tell a stale or foreign input from a good one before it uses it.

Only the standard library is imported here: ``--help`` of every stage passes through.
"""

import contextlib
import csv
import errno
import functools
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

HNM_FOLDER = "h-and-m-personalized-fashion-recommendations"
FASHION_FOLDER = "fashion-dataset"

# Columns of the product tables that are not text (see data/README.md).
_NUMBER_COLUMNS = ("price_usd",)
_FLAG_COLUMNS = ("usage_is_native",)

_VERSIONED = (
    "numpy",
    "pandas",
    "scikit-learn",
    "torch",
    "timm",
    "open_clip_torch",
    "transformers",
    "lightgbm",
    "xgboost",
    "duckdb",
    "xllamacpp",
    "optuna",
)

# What the file system answers when a write cannot go on; anything else stays a bug's traceback.
_WRITE_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would pass the size limit",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
}


class StageError(Exception):
    """What is wrong and what to do, in one line; a stage prints it and exits with 2."""


class Paths:
    """Where every artefact of a run lies.

    Parameters: ``data`` is the folder of the artefacts, ``raw`` that of the two downloads
    (default ``<data>/raw``).
    """

    def __init__(self, data: str | Path, raw: str | Path | None = None):
        self.data = Path(data)
        self.raw = Path(raw) if raw else self.data / "raw"
        self.hnm_raw = self.raw / HNM_FOLDER
        self.fashion_raw = self.raw / FASHION_FOLDER
        self.merged = self.data / "merged_dataset.csv"
        self.llm = self.data / "dataset_with_llm.csv"
        self.llm_store = self.data / "llm_answers.jsonl"
        self.img_emb = self.data / "img_emb.npy"
        self.wrd_emb = self.data / "wrd_emb.npy"
        self.clusters = self.data / "clusters.csv"
        self.cache = self.data / "cache"
        self.models = self.data / "models"

    def results(self, stage: str) -> Path:
        return self.data / "results" / f"{stage}.csv"

    def figure(self, name: str) -> Path:
        return self.data / "figures" / f"{name}.png"

    def model(self, *parts: str) -> Path:
        return self.models.joinpath(*parts)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; moves it into place when the block succeeds.

    A reader sees the old file or the whole new one, never a part; after an error, Ctrl-C or a
    kill the old file is still there. A full disk and the like become a :class:`StageError`.
    """
    path = Path(path)
    # The name is fixed: what a killed process left behind is overwritten by the next run. The
    # suffix stays, since several libraries choose the format by it.
    temporary = path.with_name(f".unfinished.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _note(path, written=True)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno not in _WRITE_ERRORS:
            raise
        raise StageError(
            f"cannot write {path}: {_WRITE_ERRORS[error.errno]}; nothing was changed, "
            "make room (or choose another --data-dir) and run the same command again"
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def stamp(path: Path) -> list[int] | None:
    """Size and time of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


_touched: dict[Path, list[int] | None] = {}


def touched() -> dict[Path, list[int] | None]:
    """The files that this process has read or written through this module, with their stamps.

    The stamp of a file is that of its last writing here, else of its first reading.
    """
    return dict(_touched)


def _note(path: str | Path, written: bool = False) -> None:
    path = Path(path).absolute()
    if written or path not in _touched:
        _touched[path] = stamp(path)


def write_json(value: object, path: str | Path) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_csv(frame, path: str | Path) -> None:
    """Writes a pandas frame without its index; empty cells stand for missing text."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_npy(array, path: str | Path) -> None:
    """Writes an array as NPY, memory-mappable, streaming it row by row."""
    import numpy as np

    with atomic(path) as temporary, temporary.open("wb") as file:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, header)
        # file.write, unlike ndarray.tofile, reports a full disk with its errno.
        for start in range(0, len(array), 4096):
            file.write(np.ascontiguousarray(array[start : start + 4096]).tobytes())


def read_table(path: str | Path, columns: list[str] | None = None):
    """Reads a product table: identifiers and labels stay text, so ``0108775015`` keeps its zero.

    Returns a pandas DataFrame with a RangeIndex. Raises StageError for an empty file or a
    missing column, by name.
    """
    import pandas as pd

    _note(path)
    try:
        header = pd.read_csv(path, dtype=str, nrows=0).columns
        missing = [name for name in columns or [] if name not in header]
        if missing:
            raise StageError(f"{path} has no column {', '.join(missing)}; make the file anew")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=columns)
    except pd.errors.EmptyDataError as error:
        raise StageError(f"{path} is empty; make it anew with --force") from error
    for name in _NUMBER_COLUMNS:
        if name in table:
            table[name] = table[name].astype(float)
    for name in _FLAG_COLUMNS:
        if name in table:
            table[name] = table[name] == "True"
    return table


# --- manifests -----------------------------------------------------------------------------


def _sidecar(path: str | Path) -> Path:
    path = Path(path)
    return path.with_name(path.name + ".meta.json")


def manifest(path: str | Path) -> dict:
    """The manifest beside ``path``; an empty dict when there is none or it cannot be read."""
    try:
        return json.loads(_sidecar(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a file. The manifest's figure is trusted while size and time stay the same."""
    path = Path(path)
    _note(path)
    status = path.stat()
    known = manifest(path)
    if (known.get("size"), known.get("mtime_ns")) == (status.st_size, status.st_mtime_ns):
        return known["sha256"]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes(inputs: Mapping[str, str | Path]) -> dict[str, str]:
    """A Path stands for the content of a file, a string for itself."""
    return {
        name: fingerprint(value) if isinstance(value, Path) else str(value)
        for name, value in inputs.items()
    }


def record(
    path: str | Path,
    args,
    inputs: Mapping[str, str | Path],
    seconds: float | None = None,
    settings: Mapping[str, object] | None = None,
    **extra: object,
) -> None:
    """Writes the manifest of the artefact at ``path``, which must exist."""
    path = Path(path)
    status = path.stat()
    write_json(
        {
            "artifact": path.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
            "git": _git_revision(),
            "versions": _versions(),
            "hardware": hardware(),
            "preset": getattr(args, "preset", None),
            "seed": getattr(args, "seed", None),
            "limit": getattr(args, "limit", None),
            "inputs": _hashes(inputs),
            "settings": dict(settings or {}),
            "seconds": None if seconds is None else round(seconds, 2),
            "peak_memory_mb": peak_memory_mb(),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": fingerprint(path),
            **extra,
        },
        _sidecar(path),
    )


def require(path: str | Path, command: str) -> Path:
    """``path`` if it exists; else a StageError that names the command that makes it."""
    path = Path(path)
    if not path.exists():
        raise StageError(f"{path} is missing; make it with: {command}")
    _note(path)
    return path


def require_made_from(path: str | Path, inputs: Mapping[str, str | Path], command: str) -> None:
    """Stops when ``path`` was made from other inputs than those that lie there now."""
    recorded = manifest(path).get("inputs", {})
    for name, value in _hashes(inputs).items():
        if recorded.get(name) != value:
            source = inputs[name]
            raise StageError(
                f"{path} was not made from the present {source} ({name} differs); "
                f"make it anew with: {command} --force"
            )


def is_current(
    path: str | Path,
    inputs: Mapping[str, str | Path],
    settings: Mapping[str, object] | None = None,
) -> bool:
    """Whether ``path`` exists, is intact, and was made from these inputs with these settings."""
    known = manifest(path)
    if not Path(path).exists() or known.get("sha256") != fingerprint(path):
        return False
    return _made_from(known, inputs, settings)


def _made_from(known: dict, inputs: Mapping, settings: Mapping | None) -> bool:
    # JSON turns tuples into lists; compare what would have been written.
    wanted = json.loads(json.dumps(dict(settings or {})))
    return known.get("inputs") == _hashes(inputs) and known.get("settings") == wanted


# --- results -------------------------------------------------------------------------------


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
        _note(path)
        # Not is_current: a kill between the table and its manifest must not cost the rows.
        if args.force or not _made_from(manifest(path), self.inputs, self.settings):
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
        import io

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


# --- where it ran --------------------------------------------------------------------------


def hardware() -> str:
    """A short name of what computes here, for results tables, e.g. ``2 CPU cores, 24 GB``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = f"{cores} CPU cores, {memory:.0f} GB"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        name += f", {torch.cuda.get_device_name(0)}"
    return name


def peak_memory_mb() -> int:
    """Peak resident memory in MB: this process plus the largest of its finished children."""
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_maxrss for one in usage) / unit)


# A row of a results table has a manifest written anew: these two would take most of its time.
@functools.cache
def _versions() -> dict[str, str]:
    import importlib.metadata  # half of what an import of this module would take

    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@functools.cache
def _git_revision() -> str:
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
