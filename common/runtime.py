"""The process and the machine: cores, memory, threads, and what a manifest says of them."""

import contextlib
import ctypes
import functools
import os
import platform
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

SECONDS_BETWEEN_LINES = 30  # of progress where nobody sees a bar

_VERSIONED = (
    "numpy pandas scikit-learn torch timm open_clip_torch transformers lightgbm xgboost duckdb "
    "xllamacpp optuna".split()
)


def cpu_count() -> int:
    """The cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_memory() -> None:
    """Lets the C library keep what was freed, instead of handing it back to the system.

    Mapping arrays anew takes half of a pass through EfficientNet. Elsewhere than glibc no effect.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        # Arrays of a gigabyte are still mapped one by one, and given back at once.
        library.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def rest_while_waiting() -> None:
    """Lets OpenMP's threads sleep while they wait for work; for libraries that load after the call.

    Spinning costs several times the work itself where anything else wants the cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def quiet_libraries() -> None:
    """Silences what libraries say about their own insides, by its message: nobody can act on it."""
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+. is deprecated")


def let_others_first(*_: object) -> None:
    """Gives this process the lower priority; what a pool or DataLoader calls in each worker.

    A worker that decodes on a core of a network's threads holds up all of them.
    """
    if hasattr(os, "nice"):
        os.nice(10)


@contextlib.contextmanager
def interrupts_left_to_parent() -> Iterator[None]:
    """Worker processes that are started inside it ignore Ctrl-C, which ends their parent."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


class Progress:
    """How far long work has come: a bar on a terminal, elsewhere a line every half minute.

    Iterates over ``items``, or is a context manager told by :meth:`update`. On standard error.

    Parameters: what: the work, as the line begins. total: number of steps (``len(items)``). unit:
    of a step, in the plural. active: False shows nothing. done: steps that an earlier run has done.
    """

    def __init__(
        self,
        items: Iterable = (),
        what: str = "",
        total: int | None = None,
        unit: str = "",
        active: bool = True,
        done: int = 0,
    ):
        self._items, self._what, self._unit = items, what, unit
        self._total = len(items) if total is None else total
        self._before = self._done = done
        self._started = time.monotonic()
        self._next_line = self._started + SECONDS_BETWEEN_LINES
        self._active, self._bar = active and self._total > 0, None
        if self._active and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total, initial=done, desc=what, unit=f" {unit}", leave=False
            )

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
        """Counts ``steps`` more as done; 0 says that the work is alive. ``note``: e.g. the loss."""
        self._done += steps
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(steps)
        elif self._active and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            parts = [f"{self._what}: {self._done:,} of {self._total:,} {self._unit}".rstrip()]
            if self._done > self._before:
                elapsed = time.monotonic() - self._started
                rest = elapsed * (self._total - self._done) / (self._done - self._before)
                parts.append(f"about {max(1, round(rest / 60))} min left")
            print(", ".join([*parts, note] if note else parts), file=sys.stderr, flush=True)


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
    return round(sum(process.ru_maxrss for process in usage) / unit)


# A row of a results table has a manifest written anew: these two would take most of its time.
@functools.cache
def versions() -> dict[str, str]:
    """Of Python and of the packages that results depend on, where they are installed."""
    import importlib.metadata  # half of what an import of this module would take

    installed = {"python": platform.python_version()}
    for name in _VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


@functools.cache
def git_revision() -> str:
    """As ``git describe --always --dirty`` has it; "unknown" outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
