"""How good the readers of attributes are, held to what the catalogue lists of the test products.

    python -m experiments.attribute_extraction --data-dir data/kaggle14k --raw-dir PATH

Judges the rules, the LLM asked for everything, both together, and a search for the catalogue's
words as baseline. A value is *expected* where the Fashion catalogue lists it and the text states
it, and where H&M descriptions were labelled with it by hand (:mod:`experiments.hand_labels`).

- correct, wrong, missed: a value is expected; the reader gives it, another, none;
- invented: none is expected, and what is given does not stand in the text (of a text labelled by
  hand, which is labelled completely, whatever is given);
- rightly empty: none is expected, none is given; unlisted: the text states it, the catalogue does
  not list it, so it can be judged neither way.

*agreement*: of all values given where the catalogue lists any, stated or not, the equal share.

Reads  merged_dataset.csv, <raw-dir>/fashion-dataset/styles/, H&M's articles.csv
Writes results/attribute_extraction.csv; replies of the LLM to llm_answers.jsonl
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd

from attributes import catalogue, llm, normalize, prompts, rules
from attributes.catalogue import ATTRIBUTES, ListedValue
from attributes.llm_cache import ReplyCache, ask_missing
from attributes.normalize import NOTHING, Mention
from attributes.reader import ground, grounded_values
from common import artifacts, cli
from common.product_table import read_table
from common.results import Results, leaderboard
from experiments import hand_labels

STAGE, KEY = "attribute_extraction", ("source", "reader", "attribute")
READERS = ("word search", "rules", "LLM", "rules + LLM")
COUNTS = ("correct", "wrong", "invented", "missed", "rightly_empty", "unlisted")
Mentions = dict[str, Mention]


def main() -> None:
    parser = cli.parser(__doc__)
    llm.add_arguments(parser, limit=True)
    text = "folder of the downloads that hold the H&M products labelled by hand (--raw-dir)"
    parser.add_argument("--hand-labelled", metavar="PATH", help=text)
    args = cli.parse(parser)
    run = cli.run_config(args)
    engine = llm.load_engine(run, args.engine, args.base_url, args.parallel)
    folder = artifacts.Paths(args.data_dir, args.hand_labelled or args.raw_dir).hnm_raw
    evaluate(run, engine, args.llm_limit, folder)


def evaluate(run: artifacts.RunConfig, engine, llm_limit: int | None, hnm_folder) -> None:
    """Judges the readers on the Fashion products of the test split, and writes the table.

    hnm_folder: the H&M download that holds the products labelled by hand.
    """
    paths, settings = run.paths, {"model": engine.model, "prompt": prompts.prompt_id()}
    table = read_table(artifacts.require(paths.merged, "python Use_LLM_for_preprocess.py"))
    fashion = table[table["dataset_source"] == "FASHION"]
    if fashion.empty:
        raise artifacts.StageError(f"{paths.merged} has no Fashion product, so nothing to hold to")
    train, test = (fashion[fashion["split"] == split] for split in ("train", "test"))
    test = test.head(run.limit or len(test))
    search = word_search(catalogue.read(paths.fashion_raw, train["product_key"]))
    spelling = rules.spellings(train["title"], train["brand"])
    brands = rules.gazetteer(train["brand"])
    listed = catalogue.read(paths.fashion_raw, test["product_key"])
    rows = zip(test["title"], test["description"], listed, strict=True)
    by_hand = hand_labels.read(hnm_folder)
    labelled = {"FASHION": [hand_labels.LabelledText(*row) for row in rows], "HNM": by_hand}
    if not by_hand:
        print(f"{hnm_folder} has no product labelled by hand: see --hand-labelled")
    texts = [row[:2] for row in (*by_hand, *labelled["FASHION"])]
    by_llm = read_by_llm(texts, engine, paths.llm_store, llm_limit, spelling)
    results = Results(paths.results(STAGE), run, {"merged": paths.merged}, KEY, settings)
    results.rows.clear()  # all readers are judged anew
    for source, labelled_texts in labelled.items():
        names, products = hand_labels.ATTRIBUTES if source == "HNM" else ATTRIBUTES, []
        for title, description, values in labelled_texts:
            text = f"{title}. {description}"
            by_rules = read_by_rules(title, description, brands, spelling)
            mentions = {"word search": search(text), "rules": by_rules}
            if reply := by_llm.get((title, description)):
                both = {name: m if m.value else reply[name] for name, m in by_rules.items()}
                mentions |= {"LLM": reply, "rules + LLM": both}
            products.append(Product(text, values, mentions, complete=source == "HNM"))
        for reader in READERS:
            read = [product for product in products if reader in product.mentions]
            for row in judge(read, reader, names) if read else ():
                results.add(source=source, **row)
    columns = {name: (name, "{:.3f}") for name in ("precision", "recall", "f1")}
    columns = {"n_test": ("products", "{:.0f}"), **columns}
    of_all = results.frame.query("attribute == 'all'")
    results.finish(leaderboard(of_all, ["source", "reader"], columns, "f1", baseline=READERS[0]))


# --- readers -----------------------------------------------------------------------------------


def read_by_rules(title: str, description: str, brands: re.Pattern, spelling: dict) -> Mentions:
    words = rules.read(title, description, brands)
    return _comparable(normalize.find_mentions(title, description, words["brand"]), words, spelling)


def read_by_llm(
    texts: Iterable[tuple[str, str]], engine, store, limit: int | None, spelling: dict
) -> dict[tuple[str, str], Mentions]:
    """What the LLM alone gives for each (title, description), grounded in the text.

    Of at most ``limit`` texts, those answered before first.
    """
    requests = {text: prompts.request(*text, prompts.NAMES) for text in texts}
    mentions = {}
    with ReplyCache(store, engine.model) as replies:
        order = sorted(requests.items(), key=lambda pair: pair[1].key not in replies)
        requests = dict(order[:limit] if limit else requests)
        ask_missing(replies, requests.values(), engine, prompts.parse)
        for text, request in requests.items():
            words, _ = grounded_values(request, replies[request.key], ". ".join(text))
            mentions[text] = _comparable(normalize.mentions_of_words(words), words, spelling)
    return mentions


def _comparable(mentions: Mentions, words: dict[str, str], spelling: dict) -> Mentions:
    brand, item = words["brand"], words["item"]
    key = rules.name_key(normalize.spell_brand(brand, spelling))
    named = {"brand": Mention(key, brand, 0), "item": Mention(normalize.singular(item), item, 0)}
    return {**mentions, "material": mentions["fabric"], **named}


def word_search(listed: list[dict[str, ListedValue]]) -> Callable[[str], Mentions]:
    """The baseline: the most frequent value of the training rows whose words the text states."""
    values = {name: Counter(row[name] for row in listed if name in row) for name in ATTRIBUTES}
    frequent = {name: [value for value, _ in values[name].most_common()] for name in ATTRIBUTES}

    def search(text: str) -> Mentions:
        mentions = {"item": NOTHING}  # the catalogue lists none
        for name in ATTRIBUTES:
            stated = (value for value in frequent[name] if catalogue.states(value.words, text))
            hit = next(stated, None)
            mentions[name] = Mention(hit.value, hit.words, 0) if hit else NOTHING
        return mentions

    return search


# --- judging -----------------------------------------------------------------------------------


class Product(NamedTuple):
    """A product to judge: its text, what is listed of it, the mentions by reader and attribute.

    complete: whether what is not listed is not there.
    """

    text: str
    listed: dict[str, ListedValue]
    mentions: dict[str, Mentions]
    complete: bool = False


def judge(products: list[Product], reader: str, names: Iterable[str] = ATTRIBUTES) -> list[dict]:
    """One row per attribute and one over all: counts, precision, recall, F1, completeness.

    Micro figures are over products, macro ones means over values; over all: over attributes.
    """
    rows = [_judge_attribute(products, reader, name) for name in names]
    frame = pd.DataFrame(rows)
    counts = frame[[*COUNTS]].sum().to_dict()
    means = ["macro_precision", "macro_recall", "macro_f1", "agreement", "before", "after"]
    total = {**counts, **_micro(counts), **frame[means].mean(skipna=False).to_dict()}
    return [*rows, {**rows[0], "attribute": "all", **total}]


def _judge_attribute(products: list[Product], reader: str, name: str) -> dict:
    verdicts, given_wrongly, agreement = Counter(), Counter(), []
    by_value: dict[str, Counter] = {}
    before = after = 0
    for product in products:
        listed, mention = product.listed.get(name), product.mentions[reader][name]
        expected = listed and (listed.by_hand or catalogue.states(listed.words, product.text))
        right = bool(listed) and mention.value in (listed.value, *listed.also)
        verdict = _verdict(product, mention, expected, right)
        verdicts[verdict] += 1
        if expected:
            by_value.setdefault(listed.value, Counter())[verdict] += 1
        given_wrongly[mention.value] += verdict == "wrong"
        agreement += [right] if listed and mention.value else []
        known = bool(listed) and not product.complete
        before, after = before + known, after + (known or bool(mention.value))
    scores = [
        _scores(counts["correct"], counts["correct"] + given_wrongly[value], counts.total())
        for value, counts in by_value.items()
    ]
    macro = pd.DataFrame(scores, columns=["precision", "recall", "f1"]).mean()
    row = {"attribute": name, "reader": reader, "n_test": len(products)}
    row |= {count: verdicts[count] for count in COUNTS} | _micro(verdicts)
    row |= macro.add_prefix("macro_").to_dict()
    row["agreement"] = sum(agreement) / len(agreement) if agreement else float("nan")
    return row | {"before": before / len(products), "after": after / len(products)}


def _verdict(product: Product, mention: Mention, expected: bool, right: bool) -> str:
    if not mention.value:
        return "missed" if expected else "rightly_empty"
    if expected:
        return "correct" if right else "wrong"
    grounded = not ground(mention.words, product.text)[1]
    return "unlisted" if grounded and not product.complete else "invented"


def _micro(counts: dict[str, int]) -> dict[str, float]:
    judged = counts["correct"] + counts["wrong"]
    return _scores(counts["correct"], judged + counts["invented"], judged + counts["missed"])


def _scores(correct: int, given: int, expected: int) -> dict[str, float]:
    return {
        "precision": correct / given if given else 0.0,
        "recall": correct / expected if expected else 0.0,
        "f1": 2 * correct / (given + expected) if given + expected else 0.0,
    }


if __name__ == "__main__":
    cli.run(main)
