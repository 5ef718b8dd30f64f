"""What the benches share: a run timed in a process of its own, and how figures are said."""

import importlib
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from common.runtime import hardware, peak_memory_mb


class Run(NamedTuple):
    """What a call returned, its wall seconds and the peak memory of its process in MB."""

    value: Any
    seconds: float
    peak_mb: int


def alone(function: Callable, *arguments: object, imports: tuple[str, ...] = ()) -> Run:
    """Calls ``function`` in a new process, so that no run warms or burdens the next.

    Starting the process and the named ``imports`` are not timed. The function stands at the top of
    its module.
    """
    # An executor's process, unlike a pool's, may have workers of its own.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_timed, function, arguments, imports).result()


def _timed(function: Callable, arguments: tuple, imports: tuple[str, ...]) -> Run:
    # Workers of its own start as they do from the shell, not in the way that this process did.
    multiprocessing.set_start_method(None, force=True)
    for name in imports:
        importlib.import_module(name)
    started = time.perf_counter()
    value = function(*arguments)
    return Run(value, time.perf_counter() - started, peak_memory_mb())


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent of growth: of log cost over log size, by least squares. 1 is linear."""
    x, y = ([math.log(value) for value in values] for values in (sizes, costs))
    return statistics.linear_regression(x, y).slope


def say(bench: str, sentence: str, **figures: object) -> None:
    """Prints one line of JSON for machines and ``sentence`` for people."""
    figures = {name: _rounded(value) for name, value in figures.items()}
    print(json.dumps({"bench": bench, "said": sentence, **figures, "hardware": hardware()}))
    print(sentence, flush=True)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
