"""How rightly a listing's text is read: each field, and each doubt.

    python -m experiments.listing_reading --data-dir data/full

Lines told of 600 test products in 13 ways and six languages, and eight test listings of each real
marketplace by the fields that it has beside the text. Precision counts all that is read where the
field is known; recall what the text states: a brand, size, colour or gender whose words stand in
it. Whether it states category or condition is not known: their recall on real listings is bounded
by what sellers write. A size of another system than the field's counts as wrong.

Reads  dataset_with_llm.csv, models/pricing/calibration.json, models/resale/comparables.*
Writes results/listing_reading.csv (a row by lines and field), results/listing_doubts.csv
"""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from common import cli
from common.artifacts import RunConfig, require
from common.product_table import read_table
from common.results import Results
from pricing.models import CALIBRATION, FOLDER, command
from pricing.reading import TextReader
from pricing.resale import MODEL
from resale.brands import UNBRANDED, brand_key, words
from resale.comparables import Comparables
from resale.phrases import Phrases, plain_words
from resale.taxonomy import colour

LINES, OF_PLATFORM = 600, 8
FIELDS = ("brand", "category", "condition", "size", "gender", "colour")
DOUBTS = UNKNOWN, FOREIGN, LOT, NOT_WORN = "unknown_brand", "foreign_language", "lot", "not_worn"
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
WORDS = [Phrases(TABLE[name]) for name in ("gender", "shade")]
_SIZE = re.compile(r"\d+(?:\.\d)?|\b\d?X*[SML]\b")
# A text; what is true by field, "" for none, left out if unknown; the fields that it states.
Line = tuple[str, dict[str, str], set[str]]


def tell(way: dict[str, str], product: dict[str, str], rng: np.random.Generator) -> Line:
    """A line of a product in the way of a template."""
    item, shade = (TABLE[name][rng.integers(len(TABLE[name]))] for name in ("item", "colour"))
    text, language, gender = way["text"], way["language"], product["normalized_gender"]
    own = {language: product["normal_item"], "category": product["normalized_category"]}
    item, size = own if language == "en" else item, str(rng.choice(TABLE["sizes"]))
    parts = {"b": product["brand"], "s": size, "g": gender.lower(), "c": shade[language]}
    truth = {"brand": parts["b"] * ("{b}" in text.lower()), "size": size * ("{s}" in text)}
    truth |= {"category": item["category"], "gender": gender, "colour": shade["en"]}
    truth["condition"], parts["i"] = way.get("condition", ""), item[language]
    stated = {name for name in FIELDS if truth[name] and (name != "gender" or "{g}" in text)}
    parts |= {name.upper(): value.upper() for name, value in parts.items()}
    return text.format(**parts), truth, stated


def real_line(row: dict, reader: TextReader) -> Line:
    """A second-hand listing with what its own columns say; of brands those that can be known."""
    text = "\n".join(filter(None, (row["title"], row["description"])))
    plain, key, tokens = plain_words(text), brand_key(row["brand"]), keys("size", row["size"])
    truth = {"condition": row["condition"], "colour": colour(row["colour"])}
    truth["brand"] = row["brand"] * (reader.knows(row["brand"]) and key != UNBRANDED)
    truth["size"] = row["size"] * bool(tokens)
    for name in ("category", "gender"):
        truth[name] = row[f"normalized_{name}"] * row[f"{name}_is_native"]
    truth = {name: value for name, value in truth.items() if value}
    named = {phrases.labels[place] for phrases in WORDS for place in phrases.places(plain)}
    stands = {name: truth.get(name) in named for name in ("gender", "colour")}
    stands["brand"] = key in words(text) or plain_words(row["brand"]) in plain
    stands["size"] = any(plain_words(size) in plain for size in tokens)
    return text, truth, {name for name in truth if stands.get(name, True)}


def keys(field: str, value: str) -> set[str]:
    """What is compared: of sizes numbers and letters without their system, EU 38 / M -> 38, M."""
    if field == "size":
        return {size.removesuffix(".0") for size in _SIZE.findall(value.upper().replace(",", "."))}
    return {brand_key(value) if field == "brand" else value} - {""}


def measure_fields(results: Results, name: str, lines: list[Line], reader: TextReader) -> None:
    """Adds a row by field: counts, precision, recall, F1; NaN where there is nothing to count."""
    readings = [reader.read(text) for text, *_ in lines]
    for field in FIELDS:
        known = []
        for (_, truth, stated), reading in zip(lines, readings, strict=True):
            value = reading.values.get(field, getattr(reading, field, ""))
            if field in truth:
                right = bool(keys(field, truth[field]) & keys(field, value))
                known.append((right, bool(value), field in stated))
        right, *parts = np.array(known, bool).reshape(-1, 3).T
        precision, recall = (right[part].mean() if part.any() else np.nan for part in parts)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        row = {"lines": name, "field": field, "n": len(known), "n_stated": int(parts[1].sum())}
        results.add(**row, precision=precision, recall=recall, f1=f1)


def measure_doubts(results: Results, reader, name, lines, doubts, right_for="none") -> None:
    """Adds rows of the share of the lines that raise a doubt, which is right for all or none."""
    raised = [reader.read(text).doubts for text, *_ in lines]
    for doubt in doubts if raised else ():
        share = np.mean([doubt in codes for codes in raised])
        results.add(lines=name, doubt=doubt, right_for=right_for, n=len(raised), share=share)


def measure_told(fields: Results, doubts: Results, test: pd.DataFrame, run: RunConfig) -> None:
    """Lines told of test products, and lists made for the doubts."""
    file = require(run.paths.model(FOLDER, CALIBRATION), command(run))
    known = json.loads(file.read_text("utf-8"))
    reader = TextReader(known["spelling"], known["words"])
    rng, rows, ways = np.random.default_rng(0), test[test["normal_item"] != ""], TABLE["template"]
    products = rows.sample(min(LINES, len(rows)), random_state=0).to_dict("records")
    strangers = [p | {"brand": str(rng.choice(TABLE["strangers"]))} for p in products]

    def lines(ways: list[dict], products: list[dict] = products) -> list[Line]:
        return [tell(ways[n % len(ways)], product, rng) for n, product in enumerate(products)]

    measure_fields(fields, "told of products", lines(ways), reader)
    english = [way for way in ways if way["language"] == "en"]
    foreign = lines([way for way in ways if way["language"] != "en"])
    told = lines([way for way in ways if "{b}" in way["text"].lower()], strangers)
    titles = [(title,) for title in test["title"]]
    measure_doubts(doubts, reader, "English lines", lines(english), DOUBTS)
    measure_doubts(doubts, reader, "foreign lines", foreign, (FOREIGN,), "all")
    measure_doubts(doubts, reader, "titles of products", titles, DOUBTS)
    measure_doubts(doubts, reader, "lots", lines(TABLE["lot"]), (LOT,), "all")
    measure_doubts(doubts, reader, "lines of made-up brands", told, (UNKNOWN,), "all")
    goods = [(title,) for title in TABLE["not_worn"]]
    measure_doubts(doubts, reader, "goods not worn", goods, (NOT_WORN,), "all")


def measure_real(fields: Results, doubts: Results, test: pd.DataFrame, run: RunConfig) -> None:
    known = Comparables.load(run.paths.model(MODEL))
    reader = TextReader(known.known, known.words)
    rows = test.groupby("platform").sample(OF_PLATFORM, replace=True, random_state=0)
    lines = [real_line(row, reader) for row in rows.drop_duplicates().to_dict("records")]
    measure_fields(fields, "second-hand listings", lines, reader)
    branded = [line for line in lines if "brand" in line[2]]
    measure_doubts(doubts, reader, "listings of a known brand", branded, (UNKNOWN,))
    measure_doubts(doubts, reader, "second-hand listings", lines, (NOT_WORN,))


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    table = read_table(run.paths.llm)
    inputs = {"table": run.paths.llm}
    fields = Results(run.paths.results("listing_reading"), run, inputs, ("lines", "field"))
    doubts = Results(run.paths.results("listing_doubts"), run, inputs, ("lines", "doubt"))
    for market, test in table[table["split"] == "test"].groupby("market"):
        (measure_told if market == "retail" else measure_real)(fields, doubts, test, run)
    fields.finish(fields.frame.to_string(index=False))
    doubts.finish(doubts.frame.to_string(index=False))


if __name__ == "__main__":
    cli.run(main)
