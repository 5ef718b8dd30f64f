"""The attributes of a listing: who reads what, grounding, and the columns they become.

Two readers fill them. The rules (:mod:`attributes.rules`) read what a closed vocabulary can; the
LLM (:mod:`attributes.prompts`) is asked, once per distinct text, for what they leave empty
(``ask="gaps"``), or for everything, as the study did (``ask="all"``; the rules then fill what the
LLM leaves empty).

Whatever an LLM says that is not in the text, in those words, is dropped and counted; so a text
that gives orders spoils at most its own row, with its own words.

    python -m attributes.reader --evaluate --data-dir data/kaggle14k --raw-dir PATH

holds both readers to what the Fashion catalogue lists of its test products
(:mod:`experiments.attribute_extraction`); it needs stage 1's ``merged_dataset.csv``.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from attributes import listing, rules
from attributes.listing import Listing
from attributes.llm_cache import Reply
from attributes.prompts import DESCRIPTION_BYTES, NAMES, Request, parse, request
from common.product_table import listing_text

# What ``ask="gaps"`` leaves to the LLM. Material, care and style have a closed wording: where the
# rules find none there mostly is none, and a small model, asked all the same, answers "zip".
GAP_ATTRIBUTES = ("brand", "item", "other")
COLUMNS = {name: "llm_main_item" if name == "item" else f"llm_{name}" for name in NAMES}

_WORD = re.compile(r"[^\W_]+|%")


def gaps(found: Mapping[str, str], house_brand: bool) -> tuple[str, ...]:
    """The attributes of ``GAP_ATTRIBUTES`` that the rules left empty.

    A catalogue that has one house brand does not name it in its texts.
    """
    return tuple(
        name for name in GAP_ATTRIBUTES if not found[name] and not (name == "brand" and house_brand)
    )


def ground(value: str, text: str) -> tuple[str, list[str]]:
    """Splits a value into what the text says and what it does not.

    Each piece between commas must stand in the text, word for word, whatever its case, spacing
    and punctuation. Returns the grounded pieces joined by ", " and the list of the others.
    """
    words, kept, dropped = _words(text), [], []
    for piece in re.split(r"[,;]", value):
        if bare := _words(piece).strip():
            (kept if f" {bare} " in words else dropped).append(piece.strip())
    return ", ".join(kept), dropped


def _words(text: str) -> str:
    """The words in lower case with one space around each."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(["", *_WORD.findall(folded), ""])


class Reading(NamedTuple):
    """What is known of one distinct text.

    text: ``title. description``. found: what the rules read. request: None without a gap.
    listing: the same in normal values. spelling: of the source's brands.
    """

    text: str
    found: dict[str, str]
    request: Request | None
    listing: Listing = Listing()
    spelling: Mapping[str, str] = MappingProxyType({})


def read_texts(
    table: pd.DataFrame, ask: str, limit: int | None = None
) -> tuple[list[Reading], list[int]]:
    """Reads each distinct text of the table with the rules, and prepares what to ask the LLM.

    Returns the readings and, for each row of the table, the number of its reading. ``limit``
    asks only about the first texts that need it.
    """
    brands, spelling = rules.gazetteers(table), rules.spellings_by_source(table)
    house = {
        source: len(set(brand)) == 1
        for source, brand in table.groupby("dataset_source", sort=True)["brand"]
    }
    numbers: dict[tuple[str, str], int] = {}
    readings, rows, asked = [], [], 0
    columns = (table["dataset_source"], table["title"], table["description"], listing_text(table))
    products = tqdm(zip(*columns, strict=True), "rules", len(table), leave=False, unit=" products")
    for source, title, description, text in products:
        if (source, text) not in numbers:
            numbers[source, text] = len(readings)
            found = rules.read(title, description, brands[source])
            wanted = NAMES if ask == "all" else gaps(found, house[source])
            asks = bool(wanted) and (limit is None or asked < limit)
            asked += asks
            question = request(title, description, wanted) if asks else None
            normal = listing.of_text(title, description, found, spelling[source])
            readings.append(Reading(text, found, question, normal, spelling[source]))
        rows.append(numbers[source, text])
    return readings, rows


def grounded_values(request: Request, reply: Reply, text: str) -> tuple[dict[str, str], list[str]]:
    """What a reply says that the text says too, by attribute, and what was dropped."""
    said, dropped = dict.fromkeys(NAMES, ""), []
    answer = parse(reply)
    if answer is not None:
        for name in request.wanted:
            said[name], strange = ground(getattr(answer, name), text)
            dropped += [f"{name}: {piece}" for piece in strange]
    return said, dropped


def attribute_columns(reading: Reading, answers: Mapping[str, Reply], ask: str) -> dict[str, str]:
    """The columns of one text: what was found in its words, in normal values, and by whom.

    ``llm_from`` says who filled which attribute: ``brand=rules material=llm``.
    """
    said, dropped = dict.fromkeys(NAMES, ""), []
    if reading.request:
        said, dropped = grounded_values(reading.request, answers[reading.request.key], reading.text)
    readers = {"rules": reading.found, "llm": said}
    first, second = ("llm", "rules") if ask == "all" else ("rules", "llm")
    row, sources = {}, []
    for name in NAMES:
        reader = first if readers[first][name] else second
        row[COLUMNS[name]] = value = readers[reader][name]
        if value:
            sources.append(f"{name}={reader}")
    stated = {name.removeprefix("llm_").replace("_", " "): value for name, value in row.items()}
    row["llm_text"] = " ".join(f"{name}: {value}." for name, value in stated.items() if value)
    row["llm_ungrounded"] = "; ".join(dropped)
    row["llm_from"] = " ".join(sources)
    pair = (reading.listing, listing.of_words(said, reading.spelling))
    return row | listing.joined(*(pair if ask == "gaps" else pair[::-1]))


def summary(
    readings: list[Reading], counts: Mapping[str, int], table: pd.DataFrame
) -> pd.DataFrame:
    """What was read, in the form of the merge's account: source, table, outcome, rows, detail.

    ``counts`` comes from :func:`attributes.llm_cache.complete`.
    """
    truncated = sum(bool(one.request and one.request.truncated) for one in readings)
    dropped = sum(len(cell.split("; ")) for cell in table["llm_ungrounded"] if cell)
    lines = [
        ("both", "texts", "distinct", len(readings), ""),
        ("both", "texts", "asked now", counts["asked"], f"{counts['retried']} twice"),
        ("both", "texts", "answered before", counts["known"], ""),
        (
            "both",
            "texts",
            "shown to the LLM in part",
            truncated,
            f"first {DESCRIPTION_BYTES} bytes",
        ),
        ("both", "texts", "reply cut at the token limit", counts["cut"], ""),
        ("both", "texts", "reply not of the schema, set aside", counts["invalid"], ""),
        ("both", "llm", "values dropped, not in the text", dropped, ""),
    ]
    for (source, name), by in _readers(table).items():
        lines += [(source, "llm", f"{name} by {reader}", rows, "") for reader, rows in by.items()]
    return pd.DataFrame(lines, columns=["source", "table", "outcome", "rows", "detail"])


def _readers(table: pd.DataFrame) -> dict[tuple[str, str], Counter]:
    """Rows by who filled an attribute (rules, llm, nobody), per source and attribute."""
    found = {}
    for source, cells in table.groupby("dataset_source", sort=True)["llm_from"]:
        said = [dict(pair.split("=") for pair in cell.split()) for cell in cells]
        for name in NAMES:
            found[source, name] = Counter(one.get(name, "nobody") for one in said)
    return found


def main() -> None:
    from attributes import llm
    from common import cli

    parser = cli.parser(__doc__)
    parser.add_argument(
        "--evaluate", action="store_true", required=True, help="judge the readers, write the table"
    )
    parser.add_argument(
        "--hand-labelled",
        metavar="PATH",
        help="folder of the downloads that hold the H&M products labelled by hand (--raw-dir)",
    )
    llm.add_arguments(parser)
    args = cli.parse(parser)
    from experiments import attribute_extraction as quality

    engine = llm.load_engine(args, args.engine, args.base_url, args.parallel)
    quality.evaluate(args, engine)


if __name__ == "__main__":
    from common.cli import run

    run(main)
