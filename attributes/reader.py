"""Attributes of listings: who reads which, grounding in the text, and the columns they become.

Two readers fill them. The rules (:mod:`attributes.rules`) read what a closed vocabulary can; the
LLM (:mod:`attributes.prompts`) is asked, once per distinct text, for what they leave empty
(``ask="gaps"``), or for everything, as the study did (``ask="all"``; the rules then fill what the
LLM leaves empty).

Whatever an LLM says that is not in the text, in those words, is dropped and counted; so a text
that gives orders spoils at most its own row, with its own words.
"""

import multiprocessing
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from attributes import rules
from attributes.llm_cache import Reply
from attributes.normalize import COLUMNS, NormalizedAttributes, normalize_text, normalize_words
from attributes.prompts import DESCRIPTION_BYTES, NAMES, Request, parse, request
from common import runtime
from common.product_table import listing_text
from common.results import aligned
from common.runtime import Progress

# What ``ask="gaps"`` leaves to the LLM. Material, care and style have a closed wording: where the
# rules find none there mostly is none, and a small model, asked all the same, answers "zip".
GAP_ATTRIBUTES = ("brand", "item", "other")
WORD_COLUMNS = {name: "llm_main_item" if name == "item" else f"llm_{name}" for name in NAMES}
READERS = ("rules", "llm", "nobody")
PROCESSES_FROM = 20_000  # texts, from which on worker processes pay for their start

_WORD = re.compile(r"[^\W_]+|%")


def gaps(words: Mapping[str, str], house_brand: bool) -> tuple[str, ...]:
    """The attributes of ``GAP_ATTRIBUTES`` that the rules left empty.

    A catalogue that has one house brand does not name it in its texts.
    """
    names = GAP_ATTRIBUTES[1:] if house_brand else GAP_ATTRIBUTES
    return tuple(name for name in names if not words[name])


def ground(value: str, text: str) -> tuple[str, list[str]]:
    """Splits a value into what the text says and what it does not.

    Each piece between commas must stand in the text, word for word, whatever its case, spacing
    and punctuation. Returns the grounded pieces joined by ", " and the list of the others.
    """
    words, grounded, strange = _words(text), [], []
    for piece in re.split(r"[,;]", value):
        if bare := _words(piece).strip():
            (grounded if f" {bare} " in words else strange).append(piece.strip())
    return ", ".join(grounded), strange


def _words(text: str) -> str:
    """The words in lower case with one space around each."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(["", *_WORD.findall(folded), ""])


class Reading(NamedTuple):
    """What is known of one distinct text.

    text: ``title. description``. words: of the rules. request: None without a gap, or where the
    limit left it out (``skipped``). normalized: the same in normal values. spelling: of the
    source's brands.
    """

    text: str
    words: dict[str, str]
    request: Request | None
    normalized: NormalizedAttributes = NormalizedAttributes()
    spelling: Mapping[str, str] = MappingProxyType({})
    skipped: bool = False


class _RuleReader:
    """Reads a listing (source, title, description) by rules; processes hand it to each other."""

    def __init__(self, table: pd.DataFrame, ask: str):
        self.ask, self.brands = ask, rules.gazetteers(table)
        self.spelling = rules.spellings_by_source(table)
        brands = table.groupby("dataset_source")["brand"]
        self.house_brand = {source: len(set(names)) == 1 for source, names in brands}

    def __call__(self, listing: tuple[str, str, str]) -> tuple:
        """Its words by attribute, what is to be asked about it, its normal values."""
        source, title, description = listing
        words = rules.read(title, description, self.brands[source])
        names = NAMES if self.ask == "all" else gaps(words, self.house_brand[source])
        question = request(title, description, names) if names else None
        return words, question, normalize_text(title, description, words, self.spelling[source])


def _read_all(reader: _RuleReader, listings: list[tuple[str, str, str]]) -> list[tuple]:
    if len(listings) < PROCESSES_FROM:
        return list(Progress(map(reader, listings), "reading by rules", len(listings), "texts"))
    # Spawned, not forked: DuckDB and the LLM may already have threads here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(runtime.cpu_count(), mp_context=context) as pool:
        with runtime.interrupts_left_to_parent():
            results = pool.map(reader, listings, chunksize=2048)
        return list(Progress(results, "reading by rules", len(listings), "texts"))


def read_texts(
    table: pd.DataFrame, ask: str, limit: int | None = None
) -> tuple[list[Reading], list[int]]:
    """Reads each distinct text of the table with the rules, and prepares what to ask the LLM.

    Returns the readings and, for each row of the table, the number of its reading. Of more than
    ``limit`` texts to ask about, so many are asked, spread evenly over the table.
    """
    reader = _RuleReader(table, ask)
    numbers: dict[tuple[str, str], int] = {}
    rows, listings = [], []
    columns = (table["dataset_source"], table["title"], table["description"], listing_text(table))
    for source, title, description, text in zip(*columns, strict=True):
        if (source, text) not in numbers:
            numbers[source, text] = len(listings)
            listings.append((source, title, description))
        rows.append(numbers[source, text])
    readings = [
        Reading(text, *read, reader.spelling[source])
        for (source, text), read in zip(numbers, _read_all(reader, listings), strict=True)
    ]
    gapped = [number for number, reading in enumerate(readings) if reading.request]
    if limit is not None and limit < len(gapped):
        chosen = {gapped[place * len(gapped) // limit] for place in range(limit)}
        for number in set(gapped) - chosen:
            readings[number] = readings[number]._replace(request=None, skipped=True)
    return readings, rows


def grounded_values(request: Request, reply: Reply, text: str) -> tuple[dict[str, str], list[str]]:
    """What a reply says that the text says too, by attribute, and what was dropped."""
    values, dropped = dict.fromkeys(NAMES, ""), []
    if (answer := parse(reply)) is not None:
        for name in request.names:
            values[name], strange = ground(getattr(answer, name), text)
            dropped += [f"{name}: {piece}" for piece in strange]
    return values, dropped


def attribute_columns(reading: Reading, replies: Mapping[str, Reply], ask: str) -> dict[str, str]:
    """The columns of one text: its words for each attribute, normal values, and who read them.

    ``llm_from`` says who filled which attribute: ``brand=rules material=llm``.
    """
    values, dropped = dict.fromkeys(NAMES, ""), []
    if reading.request:
        reply = replies[reading.request.key]
        values, dropped = grounded_values(reading.request, reply, reading.text)
    order = [("rules", reading.words), ("llm", values)]
    normalized = [reading.normalized, normalize_words(values, reading.spelling)]
    if ask == "all":
        order, normalized = order[::-1], normalized[::-1]
    row, filled = dict.fromkeys(WORD_COLUMNS.values(), ""), {}
    for name, column in WORD_COLUMNS.items():
        for reader, words in order:
            if words[name] and name not in filled:
                row[column], filled[name] = words[name], reader
    stated = {column.removeprefix("llm_").replace("_", " "): row[column] for column in row}
    row["llm_text"] = " ".join(f"{name}: {value}." for name, value in stated.items() if value)
    row["llm_ungrounded"] = "; ".join(dropped)
    row["llm_from"] = " ".join(f"{name}={reader}" for name, reader in filled.items())
    first, second = normalized
    for name, column in COLUMNS.items():
        row[column] = getattr(first, name) or getattr(second, name)
    return row


def summary(
    readings: list[Reading], counts: Mapping[str, int], table: pd.DataFrame
) -> pd.DataFrame:
    """What was read, in the form of the merge's account: source, table, outcome, rows, detail.

    ``counts`` comes from :func:`attributes.llm_cache.ask_missing`.
    """
    truncated = sum(reading.request.truncated for reading in readings if reading.request)
    skipped = sum(reading.skipped for reading in readings)
    dropped = sum(len(cell.split("; ")) for cell in table["llm_ungrounded"] if cell)
    texts = [
        ("distinct", len(readings), ""),
        ("asked now", counts["asked"], f"{counts['retried']} twice"),
        ("answered before", counts["known"], ""),
        *([("not asked, beyond --llm-limit", skipped, "")] if skipped else []),
        ("shown to the LLM in part", truncated, f"first {DESCRIPTION_BYTES} bytes"),
        ("reply cut at the token limit", counts["cut"], ""),
        ("reply not of the schema, set aside", counts["invalid"], ""),
    ]
    lines = [("both", "texts", *outcome) for outcome in texts]
    lines.append(("both", "llm", "values dropped, not in the text", dropped, ""))
    for source, rows in table.groupby("dataset_source", sort=True):
        for name, products in count_readers(rows).items():
            for reader, count in products.items():
                lines.append((source, "llm", f"{name} by {reader}", count, ""))
    return pd.DataFrame(lines, columns=["source", "table", "outcome", "rows", "detail"])


def report(summary: pd.DataFrame, table: pd.DataFrame) -> str:
    """What became of the texts, and the products by attribute and reader, for the terminal."""
    texts = summary[(summary["source"] == "both") & (summary["rows"] > 0)]
    pieces = [
        f"{row.rows:,} {row.outcome}" + (f" ({row.detail})" if row.detail else "")
        for row in texts.itertuples()
    ]
    lines = [
        [name, *(f"{products[reader]:,}" for reader in READERS)]
        for name, products in count_readers(table).items()
    ]
    return "texts: " + ", ".join(pieces) + "\n" + aligned([["attribute", *READERS], *lines])


def count_readers(table: pd.DataFrame) -> dict[str, Counter]:
    """Per attribute, the products by who filled it: rules, llm, nobody."""
    cells = [dict(pair.split("=") for pair in cell.split()) for cell in table["llm_from"]]
    return {name: Counter(cell.get(name, "nobody") for cell in cells) for name in NAMES}
