"""Predicts a fair price for a listing from a photo, a text, or both, and what is known of it.

Prints the price to ask with its 90 % range, what such pieces sold for, the labels, the attributes
stated and inferred, what each piece adds to the price, what would narrow the range, and the five
most comparable listings. What cannot be used is ignored and named; where nothing remains there is
no price. Models without second-hand data price new goods, and say so.

    python predict_price.py --data-dir data/sample --text "Black leather boots, worn twice"
    python predict_price.py --image photo.jpg --text "Levi's 501, dark blue, barely worn" --json
    python predict_price.py --text "나이키 후드티 L" --condition "very good" --currency KRW
    python predict_price.py --csv listings.csv --out priced.csv

The CSV has a header and at least one of the columns image (a path, relative to the CSV's folder),
text and title; id or listing_id names a row. All columns of raw/listings are taken as they are
(data/README.md; a price is not looked at), and brand, product_type, colour, condition, size,
platform, currency, new_price, normalized_gender, normalized_category and normalized_usage may
state what is known. Rows are appended to --out in order, so that an interrupted run resumes;
unreadable rows go with their reason to <out>.set_aside.csv.

Reads  <data-dir>/models/ (of second-hand prices: stage 4a with --market resale; of retail prices:
       stages 3d and 4b, pricing.calibrate, attributes.impute); pictures of comparables where
       <raw-dir> has them
"""

import json
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path

from attributes import llm
from common import cli
from common.artifacts import StageError
from common.merge.currency import RATES
from pricing.strings import money, reason, sentence, word

# What may be stated of a listing, and an example.
STATED = {
    "condition": '"very good", or as a marketplace says it',
    "brand": "Levi's",
    "size": "M, EU 38, W32 L34",
    "category": "Shoes, or as a marketplace says it",
    "gender": "Women, or as a marketplace says it",
    "colour": "black",
    "platform": "the marketplace; one that the models know",
    "currency": "of the answer and of --new-price (USD)",
    "new-price": "what it cost new",
}


def arguments():
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("what to price")
    group.add_argument("--image", type=Path, metavar="FILE", help="a photo")
    group.add_argument("--text", help="what the seller says of it; in quotes")
    stated = parser.add_argument_group("what is known of it (else read from the text)")
    for name, text in STATED.items():
        stated.add_argument(f"--{name}", metavar="VALUE", help=text)
    group.add_argument("--csv", type=Path, metavar="FILE", help="many listings; goes with --out")
    group.add_argument("--out", type=Path, metavar="FILE", help="where their prices go")
    group.add_argument("--json", action="store_true", help="the answer for machines")
    text = "prices of second-hand (resale; default where their models are) or of new goods"
    group.add_argument("--market", choices=("resale", "retail"), help=text)
    help_llm = "let the language model read the brand or item where the rules find none"
    group.add_argument("--llm-read", action="store_true", help=help_llm)
    llm.add_arguments(parser)
    args = cli.parse(parser)
    if bool(args.csv) != bool(args.out):
        parser.error("--csv and --out go together")
    args.stated = {name: getattr(args, name) for name in (n.replace("-", "_") for n in STATED)}
    if args.csv and (args.image or args.text is not None or any(args.stated.values())):
        parser.error("--csv does not go with --image, --text or what is known of one listing")
    if not args.csv and args.image is None and args.text is None and not any(args.stated.values()):
        parser.error("give --image, --text or both, or --csv and --out")
    return args


def main() -> None:
    args = arguments()
    run = cli.run_config(args)

    from common.embed.images import BrokenImageError
    from pricing import batch, resale, stated
    from pricing.predictor import ListingInput

    def load():
        # Listings are read one at a time: a second slot would read the same question again.
        engine = llm.load_engine(run, args.engine, args.base_url, 1) if args.llm_read else None
        return resale.load(run, args.market, engine, details=not args.csv)

    if args.csv:
        batch.price_csv(load, args.csv, args.out)
        return
    predictor = load()
    try:
        fields = stated.fields(args.stated, predictor.platforms)
        (estimate,) = predictor.predict([ListingInput(args.text or "", args.image, fields)])
    except stated.StatedError as error:
        raise StageError(f"--{error}") from error
    except BrokenImageError as error:
        raise StageError(f"{args.image}: {error}; give another photo") from error
    if args.json:
        answer = asdict(estimate) | {"training": predictor.training}
        print(json.dumps(answer, indent=1, ensure_ascii=False, default=str))
    else:
        print_estimate(estimate, predictor.training)


def print_estimate(estimate, training: dict) -> None:
    """Prints a PriceEstimate as lines of the terminal's width, the price first."""
    rows = [("no price", reason("en", estimate.refusal or "no_input"))]
    if not estimate.refusal:
        usd = estimate.price_usd, estimate.low_usd, estimate.high_usd
        price, low, high = (_money(estimate, amount) for amount in usd)
        rows = [("price", f"{price}, 90 % range {low} to {high}")]
    if estimate.sold_usd is not None:
        rows.append(("sold for", _money(estimate, estimate.sold_usd)))
    if estimate.new_price_usd is not None:
        rows.append(("cost new", _money(estimate, estimate.new_price_usd)))
    if estimate.market == "retail" and not estimate.refusal:
        rows.append(("note", sentence("en", "new_goods")))
    rows += [("note", reason("en", code)) for code in estimate.doubts]
    rows += [(k, f"{label.value} ({label.confidence:.0%})") for k, label in estimate.labels.items()]
    rows.append(("condition", estimate.condition))
    inferred = (f"{k} {v.value} ({v.confidence:.0%})" for k, v in estimate.inferred.items())
    rows.append(("stated", "; ".join(f"{k} {v}" for k, v in estimate.attributes.items())))
    rows.append(("inferred", "; ".join(inferred)))
    rows.append(("adds", ", ".join(f"{piece} {add:+.2f}" for piece, add in estimate.attributions)))
    narrows = (f"{word('en', name).lower()} (±{width:.0%})" for name, width in estimate.narrows)
    rows.append(("missing", ", ".join(narrows)))
    for product in estimate.comparables:
        title, path = textwrap.shorten(product.title, 40, placeholder=" …"), product.image
        if path and path.resolve().is_relative_to(Path.cwd()):
            path = path.resolve().relative_to(Path.cwd())
        kind = f" {product.price_kind}" if product.price_kind in ("asked", "sold") else ""
        parts = [f"{_money(estimate, product.price_usd)}{kind}", product.brand, title]
        parts += [product.condition, f"{product.similarity:.0%} alike"]
        line = ", ".join(part for part in parts if part)
        rows.append(("comparable", f"{line} {path or ''}"))
    rows.append(("training", sentence("en", f"training_{estimate.market}", **training)))
    layout = {"break_long_words": False, "break_on_hyphens": False, "max_lines": 3}
    for name, value in rows:
        if value:
            indents = {"initial_indent": f"{name:12}", "subsequent_indent": " " * 12}
            print(textwrap.fill(value, shutil.get_terminal_size().columns, **indents, **layout))


def _money(estimate, dollars: float) -> str:
    """USD in the currency of the answer."""
    return money(dollars / RATES[estimate.currency], estimate.currency)


if __name__ == "__main__":
    cli.run(main)
