"""How good the readers of attributes are, held to what the catalogue lists of the test products.

A value counts as *expected* where the catalogue lists it and the text states it
(:func:`common.gold.states`). The usual five counts of extraction:

- correct, wrong, missed: a value is expected; the reader gives it, another, none;
- invented: none is expected, and what the reader gives does not stand in the text;
- rightly empty: none is expected, none is given.

What a text states beyond the catalogue (a second pattern, another stuff of the lining) can be
judged neither right nor wrong and is counted apart, as *unlisted*. *agreement* is the strictest
figure: of all values given where the catalogue lists any, stated or not, the share that equals it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd

from common import artifacts, attributes, gold, normal, prompts, rules
from common.answers import Answers, complete
from common.gold import ATTRIBUTES, Listed

STAGE = "attribute_quality"
READERS = ("word search", "rules", "LLM", "rules + LLM")
COUNTS = ("correct", "wrong", "invented", "missed", "rightly_empty")
COMMAND = "python Use_LLM_for_preprocess.py"

Given = dict[str, normal.Mention]


class Product(NamedTuple):
    """A product to judge: its text, what is listed of it, what each reader gives."""

    text: str
    listed: dict[str, Listed]
    given: dict[str, Given]


def evaluate(args, engine) -> None:
    """Judges the readers on the Fashion products of the test split, and writes the table."""
    started, paths = time.monotonic(), args.paths
    table = artifacts.read_table(artifacts.require(paths.merged, COMMAND))
    fashion = table[table["dataset_source"] == "FASHION"]
    if fashion.empty:
        raise artifacts.StageError(f"{paths.merged} has no Fashion product, so nothing to hold to")
    train, test = (fashion[fashion["split"] == split] for split in ("train", "test"))
    listed = gold.read(paths.fashion_raw, test["product_key"])
    search = word_search(gold.read(paths.fashion_raw, train["product_key"]))
    brands = rules.gazetteer(train["brand"])
    said = _ask(test, args, engine)
    products = []
    for row, lists, answer in zip(test.itertuples(), listed, said, strict=True):
        text = f"{row.title}. {row.description}"
        read = by_rules(row.title, row.description, brands)
        both = {name: read[name] if read[name].value else answer[name] for name in ATTRIBUTES}
        given = (search(text), read, answer, both)
        products.append(Product(text, lists, dict(zip(READERS, given, strict=True))))
    rows = [row for reader in READERS for row in judged(products, reader)]
    path = paths.results(STAGE)
    artifacts.write_csv(pd.DataFrame(rows), path)
    settings = {"model": engine.model, "prompt": prompts.prompt_id()}
    inputs = {"merged": paths.merged}
    artifacts.record(path, args, inputs, time.monotonic() - started, settings)
    shown = ["attribute", "reader", *COUNTS, "f1", "agreement"]
    print(pd.DataFrame(rows)[shown].to_string(index=False))
    print(f"{len(products):,} test products; {path}", flush=True)


# --- readers -----------------------------------------------------------------------------------


def by_rules(title: str, description: str, brands: rules.Gazetteer) -> Given:
    read = normal.read(title, description)
    brand = rules.read(title, description, brands)["brand"]
    return {**_named(read), "brand": normal.Mention(gold.folded(brand), brand, 0)}


def by_llm(said: dict[str, str]) -> Given:
    """The normal values of what an LLM says, after grounding, in the attributes of its schema."""
    read = normal.read("", f"{said['style']}, {said['material']}")
    read["care"] = normal.read("", said["care"])["care"]
    brand = said["brand"]
    return {**_named(read), "brand": normal.Mention(gold.folded(brand), brand, 0)}


def _named(read: Given) -> Given:
    return {**read, "material": read["fabric"]}


def _ask(test: pd.DataFrame, args, engine) -> list[Given]:
    """What the LLM alone gives for each row of the table, asked for everything."""
    asked = {
        (row.title, row.description): prompts.request(row.title, row.description, prompts.NAMES)
        for row in test.itertuples()
    }
    with Answers(args.paths.llm_store, engine.model) as answers:
        complete(answers, asked.values(), engine, prompts.valid)
        given = {}
        for (title, description), request in asked.items():
            said, _ = attributes.grounded(request, answers[request.key], f"{title}. {description}")
            given[title, description] = by_llm(said)
    return [given[row.title, row.description] for row in test.itertuples()]


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
        return {
            name: next(
                (normal.Mention(v, w, 0) for v, w in values if gold.states(w, text)),
                normal.NOTHING,
            )
            for name, values in ordered.items()
        }

    return search


# --- judging -----------------------------------------------------------------------------------


def judged(products: list[Product], reader: str) -> list[dict]:
    """One row per attribute and one over all: counts, precision, recall, F1, completeness.

    Micro figures are over products; macro ones are means over the values of an attribute, in the
    row over all: over the attributes.
    """
    rows = [_attribute(products, reader, name) for name in ATTRIBUTES]
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
        expected = listed and gold.states(listed.words, product.text)
        verdict = _verdict(listed.value if expected else "", given, product.text)
        counts[verdict] += 1
        if expected:
            per_value.setdefault(listed.value, Counter())[verdict] += 1
        if verdict == "wrong":
            per_value.setdefault(given.value, Counter())["wrongly given"] += 1
        if listed and given.value:
            both += 1
            agreed += given.value == listed.value
    listed = [name in product.listed for product in products]
    given = [bool(product.given[reader][name].value) for product in products]
    return {
        "attribute": name,
        "reader": reader,
        "n_test": len(products),
        **{count: counts[count] for count in (*COUNTS, "unlisted")},
        **_micro(counts),
        **_macro(per_value),
        "agreement": agreed / both if both else float("nan"),
        "before": sum(listed) / len(products),
        "after": sum(map(any, zip(listed, given, strict=True))) / len(products),
    }


def _verdict(expected: str, given: normal.Mention, text: str) -> str:
    if expected:
        if not given.value:
            return "missed"
        return "correct" if given.value == expected else "wrong"
    if not given.value:
        return "rightly_empty"
    return "invented" if attributes.ground(given.found, text)[1] else "unlisted"


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
