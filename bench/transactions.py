"""One price an article from millions of H&M transactions: DuckDB out of core, and pandas.

    python -m bench.transactions           5 million rows, made on the spot (0.6 GB of disk)
    python -m bench.transactions --full    31.8 million, as many as the real file holds (3.5 GB)

Compared, each in a process of its own, on one file in the layout of ``transactions_train.csv``:

ours         ``common.merge.sources.article_prices``: clearance cut, median, every row accounted for
study's way  pandas in chunks of a million rows, a Python loop over the groups of each chunk
plain        ``pandas.read_csv`` of the two columns, ``groupby().median()``

The slope is that of log seconds over log rows, from a quarter of the rows to all; the floor is
what it takes to read the file's bytes and find its line ends.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROWS, FULL = 5_000_000, 31_800_000
ARTICLES, CUSTOMERS = 105_000, 1_360_000  # as in the download
CHUNK = 1_000_000
IMPORTS = ("common.merge.sources",)  # DuckDB and pandas, which no way is charged for
# A few articles sell most: the square of an even draw. Prices are integers over 59,000.
MADE = """
COPY (SELECT '2020-09-' || lpad((1 + n % 30)::VARCHAR, 2, '0') AS t_dat,
             sha256((hash(n) % {customers})::VARCHAR) AS customer_id,
             '0' || (100000000 + article * 8431)::VARCHAR AS article_id,
             ((299 + 500 * (article % 12)) * (10 - hash(n, 2) % 4) // 10) / 59000.0 AS price,
             1 + hash(n, 3) % 2 AS sales_channel_id
      FROM (SELECT n, ({articles} * power((hash(n, 1) % 1000003) / 1000003.0, 2))::BIGINT AS article
            FROM range({rows}) AS made(n)))
TO '{path}' (HEADER)
"""


def make(path: Path, rows: int) -> None:
    import duckdb

    with duckdb.connect() as db:
        db.execute("SET memory_limit = '1GB'")
        db.execute(MADE.format(rows=rows, path=path, articles=ARTICLES, customers=CUSTOMERS))


def ours(path: Path) -> int:
    from common.merge import sources

    prices, counts = sources.article_prices(path)
    assert sum(counts.values()) > 0
    return len(prices)


def study(path: Path) -> int:
    import pandas as pd

    seen = defaultdict(list)
    for chunk in pd.read_csv(path, chunksize=CHUNK, dtype={"article_id": str}):
        for article, group in chunk.groupby("article_id"):
            seen[article].extend(group["price"].tolist())
    return len({article: statistics.median(prices) for article, prices in seen.items()})


def plain(path: Path) -> int:
    import pandas as pd

    read = pd.read_csv(path, usecols=["article_id", "price"], dtype={"article_id": str})
    return len(read.groupby("article_id")["price"].median())


def line_ends(path: Path) -> int:
    with path.open("rb", buffering=0) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} rows, without the others")
    parser.add_argument("--rows", type=int, help=f"how many, of all ways ({ROWS:,})")
    args = parser.parse_args()
    rows = FULL if args.full else args.rows or ROWS

    from bench.measure import alone, say, slope

    with tempfile.TemporaryDirectory() as folder:
        sizes = [rows // 4, rows // 2, rows]
        files = [Path(folder) / f"{size}.csv" for size in sizes]
        for path, size in zip(files, sizes, strict=True):
            make(path, size)
        mine = [alone(ours, path, imports=IMPORTS) for path in files]
        run = mine[-1]
        started = time.perf_counter()
        line_ends(files[-1])
        floor = time.perf_counter() - started
        said = (
            f"{rows:,} transactions in {run.seconds:.1f} s, {run.peak_mb} MB at most; growth "
            f"exponent {slope(sizes, [one.seconds for one in mine]):.2f}; "
            f"reading the bytes alone takes {floor:.1f} s"
        )
        figures = {
            "rows": rows,
            "ours_s": run.seconds,
            "peak_mb": run.peak_mb,
            "peak_mb_by_size": [one.peak_mb for one in mine],
            "exponent": slope(sizes, [one.seconds for one in mine]),
            "floor_s": floor,
        }
        if not args.full:
            theirs, usual = (alone(way, files[-1], imports=IMPORTS) for way in (study, plain))
            figures |= {
                "study_s": theirs.seconds,
                "plain_s": usual.seconds,
                "faster_than_study": theirs.seconds / run.seconds,
                "faster_than_plain": usual.seconds / run.seconds,
            }
            said += (
                f"; the study's way {theirs.seconds:.0f} s ({figures['faster_than_study']:.1f} "
                f"times as long), plain pandas {usual.seconds:.1f} s "
                f"({figures['faster_than_plain']:.1f} times)"
            )
    say("transactions", said, **figures)


if __name__ == "__main__":
    main()
