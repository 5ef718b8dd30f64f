"""Predicts a fair price in USD for a listing from a photo, a text, or both.

Prints the price with its 90 % range, the labels, the attributes stated and inferred, what each
piece adds to the price, and the five most comparable products. What cannot be used is ignored and
named; where nothing remains there is no price. Retail prices stand in for resale prices.

    python predict_price.py --data-dir data/sample --text "Black leather boots, worn twice"
    python predict_price.py --image photo.jpg --text "Levi's 501, dark blue, barely worn" --json
    python predict_price.py --csv listings.csv --out priced.csv

The CSV has a header and at least one of the columns image (a path, relative to the CSV's folder)
and text; id names a row, and brand, product_type, colour, normalized_gender, normalized_category
and normalized_usage may state what is known. Rows are appended to --out in order, so that an
interrupted run resumes; unreadable rows go with their reason to <out>.set_aside.csv.

Reads  <data-dir>/models/ (stages 3d and 4b, pricing.calibrate, attributes.impute); pictures of
       comparables where <raw-dir> has them
"""

import json
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path

from attributes import llm
from common import cli
from common.artifacts import StageError
from pricing.strings import reason, usd


def arguments():
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("what to price")
    group.add_argument("--image", type=Path, metavar="FILE", help="a photo")
    group.add_argument("--text", help="what the seller says of it; in quotes")
    group.add_argument("--csv", type=Path, metavar="FILE", help="many listings; goes with --out")
    group.add_argument("--out", type=Path, metavar="FILE", help="where their prices go")
    group.add_argument("--json", action="store_true", help="the answer for machines")
    help_llm = "let the language model read the brand or item where the rules find none"
    group.add_argument("--llm-read", action="store_true", help=help_llm)
    llm.add_arguments(parser)
    args = cli.parse(parser)
    if bool(args.csv) != bool(args.out):
        parser.error("--csv and --out go together")
    if args.csv and (args.image or args.text is not None):
        parser.error("--csv does not go with --image or --text")
    if not args.csv and args.image is None and args.text is None:
        parser.error("give --image, --text or both, or --csv and --out")
    return args


def main() -> None:
    args = arguments()
    run = cli.run_config(args)

    from common.embed.images import BrokenImageError
    from pricing import batch
    from pricing.predictor import ListingInput, PricePredictor

    def load() -> PricePredictor:
        # Listings are read one at a time: a second slot would read the same question again.
        engine = llm.load_engine(run, args.engine, args.base_url, 1) if args.llm_read else None
        return PricePredictor.load(run, engine)

    if args.csv:
        batch.price_csv(load, args.csv, args.out)
        return
    predictor = load()
    try:
        (estimate,) = predictor.predict([ListingInput(args.text or "", args.image)])
    except BrokenImageError as error:
        raise StageError(f"{args.image}: {error}; give another photo") from error
    if args.json:
        answer = asdict(estimate) | {"training": predictor.training}
        print(json.dumps(answer, indent=1, ensure_ascii=False, default=str))
    else:
        print_estimate(estimate, predictor.training)


def print_estimate(estimate, training: dict) -> None:
    """Prints a PriceEstimate as lines of the terminal's width, the price first."""
    low, high = usd(estimate.low_usd or 0), usd(estimate.high_usd or 0)
    rows = [("price", f"{usd(estimate.price_usd or 0)}, 90 % range {low} to {high}")]
    if estimate.refusal:
        rows = [("no price", reason("en", estimate.refusal))]
    rows += [("note", reason("en", code)) for code in estimate.doubts]
    rows += [(k, f"{label.value} ({label.confidence:.0%})") for k, label in estimate.labels.items()]
    inferred = (f"{k} {v.value} ({v.confidence:.0%})" for k, v in estimate.inferred.items())
    rows.append(("stated", "; ".join(f"{k} {v}" for k, v in estimate.attributes.items())))
    rows.append(("inferred", "; ".join(inferred)))
    rows.append(("adds", ", ".join(f"{piece} {add:+.2f}" for piece, add in estimate.attributions)))
    for product in estimate.comparables:
        title, path = textwrap.shorten(product.title, 40, placeholder=" …"), product.image
        if path and path.resolve().is_relative_to(Path.cwd()):
            path = path.resolve().relative_to(Path.cwd())
        line = f"{usd(product.price_usd)}, {product.brand}, {title}, {product.similarity:.0%} alike"
        rows.append(("comparable", f"{line} {path or ''}"))
    model = "{products:,} products of {data} ({created}, {preset}) at retail, not resale prices"
    rows.append(("training", model.format(**training)))
    layout = {"break_long_words": False, "break_on_hyphens": False, "max_lines": 3}
    for name, value in rows:
        if value:
            indents = {"initial_indent": f"{name:12}", "subsequent_indent": " " * 12}
            print(textwrap.fill(value, shutil.get_terminal_size().columns, **indents, **layout))


if __name__ == "__main__":
    cli.run(main)
