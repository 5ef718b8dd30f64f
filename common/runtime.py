"""The process and the machine: cores, memory, threads, seeds, and what a manifest says of them.

Only the standard library is imported at the top: ``--help`` of every stage passes through.
"""

import contextlib
import functools
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

# mallopt(3). Arrays of a gigabyte are still mapped one by one: they are few, and their memory is
# given back at once.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 2**30
SECONDS_BETWEEN_LINES = 30  # of progress where nobody sees a bar

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


def cpu_count() -> int:
    """The cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_memory() -> None:
    """Lets the C library keep what was freed, instead of handing it back to the system.

    Every array above 32 MB that an operator returns would otherwise be mapped anew and each of its
    pages zeroed and faulted in: more than half of the time of a pass through EfficientNet. Does
    nothing where the C library is not glibc.
    """
    import ctypes

    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, 2 * _KEPT_BYTES - 1)


def rest_while_waiting() -> None:
    """Lets OpenMP's threads sleep while they wait for work; for libraries that load after the call.

    Spinning is faster where nothing but training runs. Where anything else wants the cores it
    costs several times the work itself.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def quiet_libraries() -> None:
    """Silences warnings of libraries about their own insides, which no user can act on."""
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+. is deprecated")


class Progress:
    """How far long work has come: a bar on a terminal, elsewhere a line every half minute.

    Iterates over ``items``, or is told by :meth:`update`; a context manager for the latter. total:
    of the steps, ``len(items)`` unless given; 0 or ``active=False`` shows nothing.
    """

    def __init__(
        self,
        items: Iterable = (),
        what: str = "",
        total: int | None = None,
        unit: str = "",
        active: bool = True,
    ):
        if total is None:
            total = len(items)
        self._items, self._what, self._total, self._unit = items, what, total, unit
        self._done, self._started = 0, time.monotonic()
        self._next, self._bar, self._note = self._started + SECONDS_BETWEEN_LINES, None, ""
        self._active = active and total > 0
        if self._active and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, unit=f" {unit}", leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __iter__(self) -> Iterator:
        with self:
            for item in self._items:
                yield item
                self.update()

    def update(self, steps: int = 1, note: str = "") -> None:
        """Counts ``steps`` more as done; ``note`` stands behind, such as a loss."""
        self._done, self._note = self._done + steps, note
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(steps)
        elif self._active and time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            elapsed = time.monotonic() - self._started
            left = elapsed * (self._total - self._done) / max(self._done, 1)
            print(
                f"{self._what}: {self._done:,} of {self._total:,} {self._unit}, "
                f"about {left / 60:.0f} min left {note}".rstrip(),
                flush=True,
            )


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and torch."""
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that take no generator draw from this one
    torch.manual_seed(seed)


def hardware() -> str:
    """A short name of what computes here, for results tables, e.g. ``2 CPU cores, 24 GB``."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = f"{cpu_count()} CPU cores, {memory:.0f} GB"
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
def versions() -> dict[str, str]:
    import importlib.metadata  # half of what an import of this module would take

    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@functools.cache
def git_revision() -> str:
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
