"""Pricing listings: the first answer of a cold process, the next ones, many at once, with the LLM.

The listings are test products, photo and text. The ratio compares many at once with one by one.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from attributes import llm
from bench.harness import Figures, Options, alone
from common import cli
from common.product_table import read_table
from pricing.predictor import BATCH, ListingInput, PricePredictor

ROOT = Path(__file__).resolve().parents[1]
SIZE, AT_ONCE, WITH_LLM, COLD = 30, 256, 8, 3


def listings(args, count: int) -> list[ListingInput]:
    """``count`` test products as listings, from the first again where there are fewer."""
    table = read_table(args.paths.llm)
    readable = ~np.isnan(np.load(args.paths.img_emb, mmap_mode="r")[:, 0])  # no broken photo
    rows = table[readable & (table["split"] == "test")].head(count)
    products = [
        ListingInput(f"{row.title}\n{row.description}", args.paths.raw / row.image_path)
        for row in rows.itertuples()
    ]
    return [products[number % len(products)] for number in range(count)]


def cold(args) -> float:
    """Seconds from the start of a process to its printed answer."""
    (listing,) = listings(args, 1)
    command = [sys.executable, "predict_price.py", "--data-dir", str(args.paths.data)]
    command += ["--text", listing.text, "--image", str(listing.image), "--preset", args.preset]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def warm(args, count: int, at_once: bool) -> float:
    """Median seconds of an answer after the first; of all of them where they come ``at_once``."""
    run = cli.run_config(args)
    engine = llm.load_engine(run, args.engine, args.base_url, 1) if args.llm_read else None
    predictor, products = PricePredictor.load(run, engine), listings(args, count + 1)
    predictor.predict(products[:1])
    if at_once:
        predictor.predict(products[:BATCH])
    seconds = []
    for batch in [products[1:]] if at_once else [[product] for product in products[1:]]:
        started = time.perf_counter()
        predictor.predict(batch)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measure(options: Options) -> Figures:
    parser = cli.parser("")
    llm.add_arguments(parser)
    paths = options.paths
    args = cli.parse(parser, ["--data-dir", str(paths.data.resolve()), "--device", options.device])
    args.paths.raw, args.llm_read = paths.raw.resolve(), False
    first = statistics.median(cold(args) for _ in range(COLD))
    single = alone(warm, args, options.size, False).value
    rate = AT_ONCE / alone(warm, args, AT_ONCE, True).value
    args.llm_read = True
    with_llm = alone(warm, args, WITH_LLM, False).value
    summary = (
        f"first answer of a cold process {first:.1f} s, then {single * 1000:.0f} ms a listing, "
        f"{with_llm * 1000:.0f} ms with the LLM; {rate:.0f} a second at once, "
        f"{rate * single:.1f} times one by one"
    )
    seconds = {"first": first, "single": single, "with_llm": with_llm}
    yield summary, {"seconds": seconds, "at_once_per_second": rate, "ratio": rate * single}
