"""A fair price in USD for a listing: from a photo, a text, or both.

The answer: the price with the range in which nine of ten such products lie; category, gender and
usage with their confidence; the attributes that the text states and those inferred; the five most
comparable products; and what moved the price. What cannot be trusted is set aside and said, and
where nothing remains there is no price. Prices are learnt from retail prices, which stand in for
resale prices.

    python predict_price.py --data-dir data/sample --text "Black leather boots, worn twice"
    python predict_price.py --image photo.jpg --text "Levi's 501, dark blue, barely worn"
    python predict_price.py --image photo.jpg --json
    python predict_price.py --csv listings.csv --out priced.csv

The CSV has a header and at least one of the columns image (a path, relative to the CSV's folder)
and text; id names a row (else its number does), and brand, product_type, colour,
normalized_gender, normalized_category and normalized_usage may state what is known. Rows are
appended to --out in order, so that an interrupted run goes on where it stopped; rows that cannot
be read stand with their reason in <out>.set_aside.csv.

Reads  <data-dir>/models/ (stages 3d and 4b, python -m pricing.calibrate; for inferred attributes
       python -m attributes.impute); pictures of comparables where <raw-dir> is there
Writes nothing, or --out and <out>.set_aside.csv
"""

from pathlib import Path

from attributes import llm
from common import cli


def arguments():
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("what to price")
    group.add_argument("--image", type=Path, metavar="FILE", help="a photo")
    group.add_argument("--text", help="what the seller says of it; in quotes")
    group.add_argument("--csv", type=Path, metavar="FILE", help="many listings; goes with --out")
    group.add_argument("--out", type=Path, metavar="FILE", help="where their prices go")
    group.add_argument("--json", action="store_true", help="the answer for machines")
    group.add_argument(
        "--llm-read",
        action="store_true",
        help="let the language model read what the rules find no brand or item in",
    )
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

    from common.artifacts import StageError
    from pricing import batch, telling
    from pricing import predictor as appraisal

    if args.csv:
        batch.price(args, args.csv, args.out)
        return

    from common.embed.images import BrokenImageError
    from pricing.uploads import TextTooLongError

    appraiser = appraisal.Appraiser.load(args)
    try:
        listing = appraisal.Listing(args.text or "", args.image)
        (answer,) = appraiser.appraise([listing])
    except BrokenImageError as error:
        raise StageError(f"{args.image}: {error}; give another photo") from error
    except TextTooLongError as error:
        raise StageError(f"--text: {error}; shorten it") from error
    print(telling.as_json(answer, appraiser.trained) if args.json else telling.plain(answer))
    if not args.json:
        print(telling.trained(appraiser.trained))


if __name__ == "__main__":
    cli.run(main)
