"""Pricing listings: the first answer of a cold process, the next ones, many at once, with the LLM.

    python -m bench.predict --data-dir data/sample
    python -m bench.predict --data-dir data/study --raw-dir PATH

The listings are test products, photo and text. The ratio compares many at once with one by one.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from attributes import llm
from bench.measure import alone, say
from common import cli, runtime

ROOT = Path(__file__).resolve().parents[1]
ONE_BY_ONE, AT_ONCE, READ, COLD = 30, 256, 8, 3


def listings(args, count: int) -> list:
    """``count`` test products as listings, from the first again where there are fewer."""
    import numpy as np

    from common.product_table import read_table
    from pricing.predictor import Listing

    table = read_table(args.paths.llm)
    whole = ~np.isnan(np.load(args.paths.img_emb, mmap_mode="r")[:, 0])  # no broken photo
    tested = table[whole & (table["split"] == "test")]
    made = [
        Listing(f"{row.title}\n{row.description}", args.paths.raw / row.image_path)
        for row in tested.head(count).itertuples()
    ]
    return [made[number % len(made)] for number in range(count)]


def cold(args) -> float:
    """Seconds from the start of a process to its printed answer."""
    (one,) = listings(args, 1)
    command = [sys.executable, "predict_price.py", "--data-dir", str(args.paths.data)]
    command += ["--text", one.text, "--image", str(one.image), "--preset", args.preset]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def warm(args, count: int, at_once: bool) -> list[float]:
    """Seconds of each answer after the first; of all together where they come ``at_once``."""
    from pricing.predictor import Appraiser

    runtime.keep_memory()
    appraiser, wanted = Appraiser.load(args), listings(args, count + 1)
    appraiser.appraise(wanted[:1])
    if at_once:
        appraiser.appraise(wanted[:32])
    seconds = []
    for some in [wanted[1:]] if at_once else [[one] for one in wanted[1:]]:
        started = time.perf_counter()
        appraiser.appraise(some)
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = cli.parser(__doc__)
    llm.add_arguments(parser)
    args = cli.parse(parser)
    args.paths.data, args.paths.raw = args.paths.data.resolve(), args.paths.raw.resolve()
    args.llm_read = False
    first = statistics.median(cold(args) for _ in range(COLD))
    each = statistics.median(alone(warm, args, ONE_BY_ONE, False).value)
    together = AT_ONCE / alone(warm, args, AT_ONCE, True).value[0]
    args.llm_read = True
    read = statistics.median(alone(warm, args, READ, False).value)
    say(
        "predict",
        f"first answer of a cold process {first:.1f} s, then {each * 1000:.0f} ms a listing, "
        f"{read * 1000:.0f} ms with the LLM; {together:.0f} a second at once",
        first_seconds=first,
        each_seconds=each,
        with_llm_seconds=read,
        at_once_per_second=together,
        ratio=together * each,
    )


if __name__ == "__main__":
    cli.run(main)
