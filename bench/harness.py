"""What the benches share: ways timed in processes of their own, and what a bench hands back."""

import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.artifacts import Paths
from common.runtime import keep_memory, peak_memory_mb


@dataclass(frozen=True)
class Options:
    """Of one bench: its size (rows, files or products), the run that it may read, the device."""

    size: int
    paths: Paths | None
    device: str


Figures = Iterator[tuple[str, dict]]  # one sentence for people, and its numbers, at a time


class Run(NamedTuple):
    """What a call returned, its wall seconds and the peak memory of its process in MB."""

    value: Any
    seconds: float
    peak_mb: int


def alone(function: Callable, *arguments: object) -> Run:
    """Calls a function of a module's top level in a new process, so that no run warms the next.

    Starting the process and importing the function's module are not timed.
    """
    # An executor's process, unlike a pool's, may have workers of its own.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_timed, function, arguments).result()


def _timed(function: Callable, arguments: tuple) -> Run:
    # Its workers start as they do from the shell, not in the way that this process did.
    multiprocessing.set_start_method(None, force=True)
    keep_memory()
    started = time.perf_counter()
    value = function(*arguments)
    return Run(value, time.perf_counter() - started, peak_memory_mb())


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The exponent of growth: of log seconds over log size, by least squares. 1 is linear."""
    x, y = ([math.log(value) for value in values] for values in (sizes, seconds))
    return statistics.linear_regression(x, y).slope
