"""One price an article from millions of H&M transactions: DuckDB out of core, and pandas.

Compared on one drawn file in the layout of ``transactions_train.csv`` (0.6 GB; the real one has
31.8 million rows):

ours     ``common.merge.sources.article_prices``: clearance cut, median, every row accounted for
study    pandas in chunks of a million rows, a Python loop over the groups of each chunk
plain    ``pandas.read_csv`` of the two columns, ``groupby().median()``
"""

import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import pandas as pd

from bench.harness import Figures, Options, alone, growth
from common.merge import sources

SIZE = 5_000_000
ARTICLES, CUSTOMERS = 105_000, 1_360_000  # as in the download
CHUNK = 1_000_000
# A few articles sell most: the square of an even draw. Prices are integers over 59,000.
DRAWN = """
COPY (SELECT '2020-09-' || lpad((1 + n % 30)::VARCHAR, 2, '0') AS t_dat,
             sha256((hash(n) % {customers})::VARCHAR) AS customer_id,
             '0' || (100000000 + article * 8431)::VARCHAR AS article_id,
             ((299 + 500 * (article % 12)) * (10 - hash(n, 2) % 4) // 10) / 59000.0 AS price,
             1 + hash(n, 3) % 2 AS sales_channel_id
      FROM (SELECT n, ({articles} * power((hash(n, 1) % 1000003) / 1000003.0, 2))::BIGINT AS article
            FROM range({rows}) AS drawn(n)))
TO '{path}' (HEADER)
"""


def draw(path: Path, rows: int) -> None:
    import duckdb

    with duckdb.connect() as db:
        db.execute("SET memory_limit = '1GB'")
        db.execute(DRAWN.format(rows=rows, path=path, articles=ARTICLES, customers=CUSTOMERS))


def ours(path: Path) -> int:
    prices, counts = sources.article_prices(path)
    assert sum(counts.values()) > 0
    return len(prices)


def study(path: Path) -> int:
    prices = defaultdict(list)
    for chunk in pd.read_csv(path, chunksize=CHUNK, dtype={"article_id": str}):
        for article, group in chunk.groupby("article_id"):
            prices[article].extend(group["price"].tolist())
    return len({article: statistics.median(values) for article, values in prices.items()})


def plain(path: Path) -> int:
    table = pd.read_csv(path, usecols=["article_id", "price"], dtype={"article_id": str})
    return len(table.groupby("article_id")["price"].median())


def measure(options: Options) -> Figures:
    sizes = [options.size // 4, options.size // 2, options.size]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{size}.csv" for size in sizes]
        for path, size in zip(files, sizes, strict=True):
            draw(path, size)
        runs = [alone(ours, path) for path in files]
        run, others = runs[-1], {way.__name__: alone(way, files[-1]) for way in (study, plain)}
    exponent = growth(sizes, [run.seconds for run in runs])
    ratios = {name: other.seconds / run.seconds for name, other in others.items()}
    summary = (
        f"{options.size:,} transactions in {run.seconds:.1f} s, {run.peak_mb} MB at most, growth "
        f"exponent {exponent:.2f}; the study's loop takes {ratios['study']:.1f} times as long, "
        f"plain pandas {ratios['plain']:.1f} times"
    )
    figures = {"rows": options.size, "seconds": run.seconds, "times_as_long": ratios}
    yield summary, {**figures, "peak_mb": run.peak_mb, "exponent": exponent}
