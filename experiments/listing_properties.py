"""What a listing's price should not do, counted on the titles of 300 test listings.

    python -m experiments.listing_properties --data-dir data/full --raw-dir PATH --market retail

The same words written otherwise, or a price beside them, move the price (a new price should, of
second-hand goods); a better condition is cheaper; three pieces cost less than one; the price stands
at an end of its range; comparables are of another category, or tell another price.

Reads  dataset_with_llm.csv, models/ of the market (resale where its models are, else retail)
Writes results/listing_properties.csv (a row by property and market: listings, and share of them)
"""

import string

import numpy as np

from common import cli
from common.artifacts import StageError
from common.product_table import read_table
from common.results import Results
from pricing import resale
from pricing.predictor import ListingInput
from resale.condition import CONDITIONS

LISTINGS = 300
MOVES, APART = np.log(1.03), np.log(2)  # of log price


def other_ways(text: str, rng: np.random.Generator) -> dict[str, str]:
    """Texts of the same piece, by what is done to the words."""
    return {
        "upper case": text.upper(),
        "title case": string.capwords(text),
        "spaces doubled": text.replace(" ", "  "),
        "emoji in front": f"\U0001f525\u2728 {text}",
        "!!! behind": f"{text}!!!",
        "words in another order": " ".join(rng.permutation(text.split())),
        "asked price stated": f"{text}. Asking $45",
        "new price stated": f"{text}. Retail price $90",
    }


def measure(results: Results, predictor, texts: list[str], categories: dict[str, str]) -> None:
    """Adds a row by property. categories: of comparables by key, those that are known."""

    def log_usd(texts: list[str], **fields: str) -> np.ndarray:
        answers = predictor.predict([ListingInput(text, fields=fields) for text in texts])
        return np.log([answer.price_usd or np.nan for answer in answers])

    def add(name: str, hits: np.ndarray) -> None:
        results.add(property=name, market=predictor.market, n=len(hits), share=np.mean(hits))

    answers = predictor.predict([ListingInput(text) for text in texts])
    texts = [text for text, answer in zip(texts, answers, strict=True) if answer.price_usd]
    answers = [answer for answer in answers if answer.price_usd]
    if not answers:
        raise StageError("none of the test titles has a price")
    usd, low, high = np.log([(a.price_usd, a.low_usd, a.high_usd) for a in answers]).T
    rng = np.random.default_rng(0)
    written = [other_ways(text, rng) for text in texts]
    for name in written[0]:
        other = log_usd([ways[name] for ways in written])
        add(f"moves: {name}", ~(np.abs(other - usd) <= MOVES))  # no price is a move, too
    grades = np.stack([log_usd(texts, condition=grade) for grade in CONDITIONS])
    add("a better condition is cheaper", (np.diff(grades, axis=0) < -1e-6).any(axis=0))
    add("three cost less than one", log_usd([f"bundle of 3 {text}" for text in texts]) < usd)
    place = (usd - low) / np.maximum(high - low, 1e-9)
    add("outside the middle half of the range", np.abs(place - 0.5) > 0.25)
    pairs = [pair for pair in zip(answers, usd, strict=True) if pair[0].comparables]
    if pairs:
        own = [getattr(a.labels.get("category"), "value", "") for a, _ in pairs]
        kinds = [{categories.get(c.product_key, "") for c in a.comparables} for a, _ in pairs]
        strays = [bool(mine and kind - {mine, ""}) for mine, kind in zip(own, kinds, strict=True)]
        add("a comparable of another category", strays)
        medians = [np.median([c.price_usd for c in a.comparables]) for a, _ in pairs]
        apart = np.abs(np.log(medians) - [price for _, price in pairs]) > APART
        add("comparables more than a factor 2 away", apart)


def main() -> None:
    options = cli.parser(__doc__)
    options.add_argument("--market", choices=("retail", "resale"), help="default: as above")
    args = cli.parse(options)
    run = cli.run_config(args)
    predictor = resale.load(run, args.market, details=False)
    table = read_table(run.paths.llm)
    test = table[(table["split"] == "test") & (table["market"] == predictor.market)]
    titles = test["title"][test["title"] != ""].sample(frac=1, random_state=0)[:LISTINGS]
    categories = dict(zip(table["product_key"], table["normalized_category"], strict=True))
    if predictor.market == "resale":
        listed = predictor.comparables.facts["normalized_category"]
        categories = {f"resale:{row}": category for row, category in enumerate(listed)}
    file, key = run.paths.results("listing_properties"), ("property", "market")
    results = Results(file, run, {"table": run.paths.llm}, key)
    measure(results, predictor, titles.tolist(), categories)
    results.finish(results.frame.to_string(index=False))


if __name__ == "__main__":
    cli.run(main)
