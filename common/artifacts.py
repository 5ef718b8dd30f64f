"""Paths of a run's artefacts; atomic writing, and a manifest beside each file.

A manifest, ``<file>.meta.json``, says how its file was made (command, git revision, versions,
seed) and from what (hashes of the inputs), so that a stage recognises a stale or foreign input.
"""

import contextlib
import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common import runtime

HNM_FOLDER = "h-and-m-personalized-fashion-recommendations"
FASHION_FOLDER = "fashion-dataset"

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
    """Every path of a run. ``data``: folder of the artefacts; ``raw``: of the two downloads."""

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


@dataclass(frozen=True)
class RunConfig:
    """The common flags of a stage (:mod:`common.cli`); clip, cnn, llm: instead of the preset's."""

    paths: Paths
    preset: str = "embedded"
    seed: tuple[int, ...] = (0,)
    limit: int | None = None
    device: str = "auto"
    split: str = "grouped"
    force: bool = False
    clip: str | None = None
    cnn: str | None = None
    llm: str | None = None
    all_figures: bool = False


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; moves it into place when the block succeeds.

    After an error or a kill the old file is still there. A full disk becomes a :class:`StageError`.
    """
    path = Path(path)
    # A fixed name: the next run overwrites what a killed one left. Libraries go by the suffix.
    temporary = path.with_name(f".unfinished.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.errno not in _WRITE_ERRORS:
            raise
        raise StageError(
            f"cannot write {path}: {_WRITE_ERRORS[error.errno]}; nothing was changed, "
            "make room (or choose another --data-dir) and run the same command again"
        ) from error


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


def manifest(path: str | Path) -> dict:
    """The manifest beside ``path``; an empty dict when there is none or it cannot be read."""
    try:
        return json.loads(Path(f"{path}.meta.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a file. The manifest's figure is trusted while size and time stay the same."""
    status, recorded = Path(path).stat(), manifest(path)
    if (recorded.get("size"), recorded.get("mtime_ns")) == (status.st_size, status.st_mtime_ns):
        return recorded["sha256"]
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes(inputs: Mapping[str, str | Path]) -> dict[str, str]:
    """A Path stands for the content of a file, a string for itself."""
    return {
        name: fingerprint(value) if isinstance(value, Path) else str(value)
        for name, value in inputs.items()
    }


def record(
    path: str | Path,
    run: RunConfig,
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
            "git": runtime.git_revision(),
            "versions": runtime.versions(),
            "hardware": runtime.hardware(),
            "preset": run.preset,
            "seed": list(run.seed),
            "limit": run.limit,
            "inputs": _hashes(inputs),
            "settings": dict(settings or {}),
            "seconds": None if seconds is None else round(seconds, 2),
            "peak_memory_mb": runtime.peak_memory_mb(),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": fingerprint(path),
            **extra,
        },
        f"{path}.meta.json",
    )


def require(path: str | Path, command: str) -> Path:
    """``path`` if it exists; else a StageError that names the command that makes it."""
    if not Path(path).exists():
        raise StageError(f"{path} is missing; make it with: {command}")
    return Path(path)


def require_made_from(path: str | Path, inputs: Mapping[str, str | Path], command: str) -> None:
    """Stops when ``path`` was made from other inputs than those that lie there now."""
    recorded = manifest(path).get("inputs", {})
    for name, value in _hashes(inputs).items():
        if recorded.get(name) != value:
            raise StageError(
                f"{path} was not made from the present {inputs[name]} ({name} differs); "
                f"make it anew with: {command} --force"
            )


def is_current(path: str | Path, inputs: Mapping, settings: Mapping | None = None) -> bool:
    """Whether ``path`` exists, is intact, and was made from these inputs with these settings."""
    recorded = manifest(path)
    intact = Path(path).exists() and recorded.get("sha256") == fingerprint(path)
    return intact and made_from(recorded, inputs, settings)


def made_from(recorded: Mapping, inputs: Mapping, settings: Mapping | None) -> bool:
    """Whether a manifest tells of these inputs and settings."""
    # JSON turns tuples into lists; compare what would have been written.
    settings = json.loads(json.dumps(dict(settings or {})))
    return recorded.get("inputs") == _hashes(inputs) and recorded.get("settings") == settings
