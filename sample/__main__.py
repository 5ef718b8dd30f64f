"""Writes the sample catalogue: invented, drawn products in the layouts of the two Kaggle downloads.

    python -m sample                                  # 600 products in data/sample/raw
    python -m sample --out data/tiny/raw --products 120 --seed 1

Writes into --out, whole or not at all: the two folders that the stages read, and beside them
truth.json (planted cases, price formula, ceiling) and truth.csv (per product: what its price
would be without noise). The ceiling is the R2 that no model of these listings can honestly beat.
"""

import argparse

from common import cli
from sample.catalogue import ceiling_r2, write


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", default="data/sample/raw", help="folder to write")
    parser.add_argument("--products", type=int, default=600, help="how many, both sources (600)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another catalogue (0)")
    args = parser.parse_args()

    if write(args.out, args.products, args.seed):
        print(f"{args.products} products in {args.out}")
    else:
        print(f"{args.out} is up to date")
    ceiling = ceiling_r2(args.out)
    print("best reachable " + "  ".join(f"{name}={r2:.3f}" for name, r2 in ceiling.items()))


if __name__ == "__main__":
    cli.run(main)
