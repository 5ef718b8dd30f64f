"""How good the readers of attributes are, held to what the catalogue lists of the test products.

A value counts as *expected* where the Fashion catalogue lists it and the text states it
(:func:`attributes.catalogue.states`), and where H&M descriptions were labelled with it by hand
(:mod:`experiments.hand_labels`). The usual five counts of extraction:

- correct, wrong, missed: a value is expected; the reader gives it, another, none;
- invented: none is expected, and what the reader gives does not stand in the text;
- rightly empty: none is expected, none is given.

What a text states beyond the catalogue (a second pattern, another stuff of the lining) can be
judged neither right nor wrong and is counted apart, as *unlisted*. The labels made by hand are
complete: there, whatever is given beyond them is invented. *agreement* is the strictest
figure: of all values given where the catalogue lists any, stated or not, the share that equals it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd

from attributes import catalogue as gold
from attributes import normalize as normal
from attributes import prompts, rules
from attributes import reader as attributes
from attributes.catalogue import ATTRIBUTES, Listed
from attributes.llm_cache import Answers, complete
from common import artifacts, product_table
from experiments import hand_labels

STAGE = "attribute_quality"
READERS = ("word search", "rules", "LLM", "rules + LLM")
COUNTS = ("correct", "wrong", "invented", "missed", "rightly_empty")
COMMAND = "python Use_LLM_for_preprocess.py"

Given = dict[str, normal.Mention]


class Product(NamedTuple):
    """A product to judge: its text, what is listed of it, what each reader gives.

    complete: whether what is not listed is not there.
    """

    text: str
    listed: dict[str, Listed]
    given: dict[str, Given]
    complete: bool = False


class Text(NamedTuple):
    """A text to read, and what is listed of it."""

    title: str
    description: str
    listed: dict[str, Listed]


def evaluate(args, engine) -> None:
    """Judges the readers on the Fashion products of the test split, and writes the table."""
    started, paths = time.monotonic(), args.paths
    table = product_table.read_table(artifacts.require(paths.merged, COMMAND))
    fashion = table[table["dataset_source"] == "FASHION"]
    if fashion.empty:
        raise artifacts.StageError(f"{paths.merged} has no Fashion product, so nothing to hold to")
    train, test = (fashion[fashion["split"] == split] for split in ("train", "test"))
    search = word_search(gold.read(paths.fashion_raw, train["product_key"]))
    brands = Brands(
        rules.gazetteer(train["brand"]), rules.spellings(train["title"], train["brand"])
    )
    listed = gold.read(paths.fashion_raw, test["product_key"])
    columns = (test["title"], test["description"], listed)
    groups = {
        "FASHION": (ATTRIBUTES, [Text(*one) for one in zip(*columns, strict=True)]),
        "HNM": (hand_labels.ATTRIBUTES, labelled_by_hand(args)),
    }
    said = _ask([*groups["HNM"][1], *groups["FASHION"][1]], args, engine, brands)
    rows = []
    for source, (names, texts) in groups.items():
        products = []
        for one in texts:
            read = by_rules(one.title, one.description, brands)
            given = {"word search": search(f"{one.title}. {one.description}"), "rules": read}
            if answer := said.get(one[:2]):
                both = {name: read[name] if read[name].value else answer[name] for name in read}
                given |= {"LLM": answer, "rules + LLM": both}
            text = f"{one.title}. {one.description}"
            products.append(Product(text, one.listed, given, complete=source == "HNM"))
        for reader in READERS:
            asked = [one for one in products if reader in one.given]
            if asked:
                rows += [{"source": source, **row} for row in judged(asked, reader, names)]
    path = paths.results(STAGE)
    artifacts.write_csv(pd.DataFrame(rows), path)
    settings = {"model": engine.model, "prompt": prompts.prompt_id()}
    inputs = {"merged": paths.merged}
    artifacts.record(path, args, inputs, time.monotonic() - started, settings)
    shown = ["source", "attribute", "reader", *COUNTS, "f1", "agreement"]
    print(pd.DataFrame(rows)[shown].to_string(index=False))
    print(path, flush=True)


def labelled_by_hand(args) -> list[Text]:
    """The H&M products labelled by hand, whose texts are looked for in ``--hand-labelled``."""
    folder = artifacts.Paths(args.data_dir, args.hand_labelled or args.raw_dir).hnm_raw
    labelled = hand_labels.read(folder)
    texts = [Text(one.title, one.description, by_hand(one.labels)) for one in labelled]
    if not texts:
        print(
            f"{folder} has none of the H&M products labelled by hand; "
            "--hand-labelled PATH names other downloads to look in",
            flush=True,
        )
    return texts


def by_hand(labels: dict[str, tuple[str, ...]]) -> dict[str, Listed]:
    """Labels made by hand in the form of what a catalogue lists."""
    return {
        name: Listed(values[0], values[0], values[1:], by_hand=True)
        for name, values in ((name, _comparable(name, values)) for name, values in labels.items())
        if values
    }


def _comparable(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(normal.singular, values)) if name == "item" else values


# --- readers -----------------------------------------------------------------------------------


class Brands(NamedTuple):
    """What the training rows tell of brands: a pattern of their names, and their spelling."""

    pattern: rules.Gazetteer
    spelling: dict[str, str]


def by_rules(title: str, description: str, brands: Brands) -> Given:
    found = rules.read(title, description, brands.pattern)
    return _named(normal.read(title, description, found["brand"]), found, brands)


def by_llm(said: dict[str, str], brands: Brands) -> Given:
    """The normal values of what an LLM says, after grounding, in the attributes of its schema."""
    return _named(normal.of_words(said), said, brands)


def _named(read: Given, found: dict[str, str], brands: Brands) -> Given:
    brand, item = found["brand"], found["item"]
    spelt = rules.name_key(normal.brand(brand, brands.spelling))
    return {
        **read,
        "material": read["fabric"],
        "brand": normal.Mention(spelt, brand, 0),
        "item": normal.Mention(normal.singular(item), item, 0),
    }


def _ask(texts: list[Text], args, engine, brands: Brands) -> dict[tuple[str, str], Given]:
    """What the LLM alone gives for each (title, description), asked for everything.

    Of at most ``--limit`` texts, those answered before first.
    """
    asked = {one[:2]: prompts.request(*one[:2], prompts.NAMES) for one in texts}
    with Answers(args.paths.llm_store, engine.model) as answers:
        if args.limit:
            first = sorted(asked.items(), key=lambda each: each[1].key not in answers)
            asked = dict(first[: args.limit])
        complete(answers, asked.values(), engine, prompts.valid)
        given = {}
        for (title, description), request in asked.items():
            said, _ = attributes.grounded_values(
                request, answers[request.key], f"{title}. {description}"
            )
            given[title, description] = by_llm(said, brands)
    return given


def word_search(listed: Iterable[dict[str, Listed]]) -> Callable[[str], Given]:
    """The baseline: the most frequent value of the training rows whose words the text states."""
    frequent = {name: Counter() for name in ATTRIBUTES}
    for one in listed:
        for name, value in one.items():
            frequent[name][value] += 1
    ordered = {
        name: [value for value, _ in found.most_common()] for name, found in frequent.items()
    }

    def search(text: str) -> Given:
        found = {
            name: next(
                (
                    normal.Mention(one.value, one.words, 0)
                    for one in values
                    if gold.states(one.words, text)
                ),
                normal.NOTHING,
            )
            for name, values in ordered.items()
        }
        return {**found, "item": normal.NOTHING}  # the catalogue lists none

    return search


# --- judging -----------------------------------------------------------------------------------


def judged(products: list[Product], reader: str, names: Iterable[str] = ATTRIBUTES) -> list[dict]:
    """One row per attribute and one over all: counts, precision, recall, F1, completeness.

    Micro figures are over products; macro ones are means over the values of an attribute, in the
    row over all: over the attributes.
    """
    rows = [_attribute(products, reader, name) for name in names]
    sums = {name: sum(row[name] for row in rows) for name in (*COUNTS, "unlisted")}
    means = {
        name: sum(row[name] for row in rows) / len(rows)
        for name in ("macro_precision", "macro_recall", "macro_f1", "agreement", "before", "after")
    }
    return [*rows, {**rows[0], "attribute": "all", **sums, **_micro(sums), **means}]


def _attribute(products: list[Product], reader: str, name: str) -> dict:
    counts, per_value = Counter(), {}
    agreed = both = 0
    for product in products:
        listed, given = product.listed.get(name), product.given[reader][name]
        expected = listed and (listed.by_hand or gold.states(listed.words, product.text))
        verdict = _verdict(product, listed if expected else None, given)
        counts[verdict] += 1
        if expected:
            per_value.setdefault(listed.value, Counter())[verdict] += 1
        if verdict == "wrong":
            per_value.setdefault(given.value, Counter())["wrongly given"] += 1
        if listed and given.value:
            both += 1
            agreed += given.value in (listed.value, *listed.also)
    known = [name in product.listed and not product.complete for product in products]
    given = [bool(product.given[reader][name].value) for product in products]
    return {
        "attribute": name,
        "reader": reader,
        "n_test": len(products),
        **{count: counts[count] for count in (*COUNTS, "unlisted")},
        **_micro(counts),
        **_macro(per_value),
        "agreement": agreed / both if both else float("nan"),
        "before": sum(known) / len(products),
        "after": sum(map(any, zip(known, given, strict=True))) / len(products),
    }


def _verdict(product: Product, expected: Listed | None, given: normal.Mention) -> str:
    if expected:
        if not given.value:
            return "missed"
        return "correct" if given.value in (expected.value, *expected.also) else "wrong"
    if not given.value:
        return "rightly_empty"
    grounded = not attributes.ground(given.found, product.text)[1]
    return "unlisted" if grounded and not product.complete else "invented"


def _micro(counts: dict[str, int]) -> dict[str, float]:
    given = counts["correct"] + counts["wrong"] + counts["invented"]
    expected = counts["correct"] + counts["wrong"] + counts["missed"]
    return _scores("", counts["correct"], given, expected)


def _macro(per_value: dict[str, Counter]) -> dict[str, float]:
    """Means over the values that are expected at least once."""
    scores = []
    for counts in per_value.values():
        expected = counts["correct"] + counts["wrong"] + counts["missed"]
        if expected:
            given = counts["correct"] + counts["wrongly given"]
            scores.append(_scores("macro_", counts["correct"], given, expected))
    frame = pd.DataFrame(scores, columns=["macro_precision", "macro_recall", "macro_f1"])
    return frame.mean().to_dict()


def _scores(prefix: str, correct: int, given: int, expected: int) -> dict[str, float]:
    return {
        f"{prefix}precision": correct / given if given else 0.0,
        f"{prefix}recall": correct / expected if expected else 0.0,
        f"{prefix}f1": 2 * correct / (given + expected) if given + expected else 0.0,
    }
