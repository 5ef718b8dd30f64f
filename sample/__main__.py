"""Writes the sample catalogue: invented, drawn products in the layouts of the two Kaggle downloads,
and second-hand listings of them on three invented platforms.

    python -m sample               # 600 products and 1,200 listings in data/sample/raw
    python -m sample --out data/tiny/raw --products 120 --listings 0 --seed 1

Writes into --out, whole or not at all: the three folders that the stages read, and beside them
truth.json (planted cases, price formulas, ceilings), truth.csv and truth_listings.csv (per product
and listing: what its price would be without noise). The ceiling is the R2 that no model of them
can honestly beat; for listings it is that of log prices.
"""

import argparse
import json
from pathlib import Path

from common import cli
from sample.catalogue import TRUTH, ceiling_r2, write


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", default="data/sample/raw", help="folder to write")
    parser.add_argument("--products", type=int, default=600, help="how many, both sources (600)")
    parser.add_argument("--listings", type=int, help="about how many (twice the products)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another catalogue (0)")
    args = parser.parse_args()

    if write(args.out, args.products, args.seed, listings=args.listings):
        print(f"{args.products} products and their listings in {args.out}")
    else:
        print(f"{args.out} is up to date")
    ceiling = ceiling_r2(args.out)
    truth = json.loads((Path(args.out) / TRUTH).read_text("utf-8"))
    ceiling |= truth.get("listings", {}).get("ceiling", {})
    print("best reachable " + "  ".join(f"{name}={r2:.3f}" for name, r2 in ceiling.items()))


if __name__ == "__main__":
    cli.run(main)
