"""Stage 1: the sources become one product table, and an LLM reads attributes out of its texts.

First the sources that are there are merged, any of three: two Kaggle downloads of retail
catalogues, and CSV files of second-hand listings in eight languages (data/README.md has their
columns; a file with price, currency and title is enough, photos are optional). One row a product:
its price in USD, its labels in one taxonomy, its text clean of prices, its side of the split. A
listing's category and gender are its marketplace's own words, else what its text tells. Then each
distinct text is read for brand, material, care, style, main item and other details: by rules, and
by an LLM where the rules leave a gap (``--ask gaps``, the default) or for everything (``--ask
all``, the study's way). What the LLM says that is not in the text is dropped. Beside the words
stand normal values (``normal_*``: fibres and percent, fabric, care, fit, sleeve, ...). Replies are
cached: a run that was interrupted goes on where it stopped, and nothing is asked twice.

Reads   <raw-dir>/h-and-m-personalized-fashion-recommendations/, <raw-dir>/fashion-dataset/ and
        <raw-dir>/listings/*.csv
Writes  merged_dataset.csv, dataset_with_llm.csv, llm_answers.jsonl, models/resale_labels/,
        results/Use_LLM_for_preprocess.csv (where every raw row went, who read what)

The drawn sample:    python Use_LLM_for_preprocess.py --data-dir data/sample --llm-limit 32
The real downloads:  python Use_LLM_for_preprocess.py --raw-dir PATH
A try:               python Use_LLM_for_preprocess.py --raw-dir PATH --llm-limit 32
Without the LLM:     python Use_LLM_for_preprocess.py --raw-dir PATH --llm-limit 0
The study's model:   python Use_LLM_for_preprocess.py --raw-dir PATH --preset study --ask all
Served by vLLM:      python Use_LLM_for_preprocess.py --raw-dir PATH --engine openai \\
                         --base-url http://127.0.0.1:8000/v1 --ask all

``--llm-limit N`` bounds what is slow: the LLM is asked about N texts, spread over the table; the
rules read all. ``--limit N`` keeps N products at random, for a try of the whole pipeline.
"""

import sys
import time

from attributes import llm
from common import artifacts, cli

STAGE = "Use_LLM_for_preprocess"
RAW_TABLES = ("articles", "transactions", "styles", "listings")
LEAST_JUDGED = 20  # rows; a marketplace of fewer may lose most of them
PLAUSIBLE_USD = 1, 1_000  # the price of a catalogue's median product
ORIGINAL = {
    "HNM": "where transactions_train.csv has prices of about 0.03 as on Kaggle",
    "FASHION": "where styles/*.json have prices in rupees as on Kaggle",
}


def arguments():
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("texts")
    text = "append price, rating and VAT to the Fashion descriptions, as the study did: a leak, "
    text += "for comparison; use another --data-dir"
    group.add_argument("--study-text", action="store_true", help=text)
    text = "what H&M's price is of the sales of an article, clearance left out: their median "
    text += "(default), mean (the study's), most frequent price, or 0.9 quantile"
    statistics = ("median", "mean", "mode", "high")
    group.add_argument("--hnm-price", choices=statistics, default="median", help=text)
    text = "ask the LLM for what the rules leave empty (gaps, default), or for everything"
    group.add_argument("--ask", choices=("gaps", "all"), default="gaps", help=text)
    text = "go on where one reason sets aside more than half of a source's rows"
    group.add_argument("--allow-losses", action="store_true", help=text)
    llm.add_arguments(parser, limit=True)
    return cli.parse(parser)


def check_sources(table, account, allow_losses: bool) -> None:
    """Raises StageError for a source that came to (nearly) nothing, or of implausible prices.

    It is then laid out or scaled in a way of its own, and the others would go on without it.
    """
    raw = account[account["table"].isin(RAW_TABLES)]
    kept = raw["outcome"].str.startswith("kept")
    for name, rows in raw.groupby("table", sort=False):
        if not kept[rows.index].any():
            reasons = ", ".join(rows["outcome"].unique()[:3])
            raise artifacts.StageError(f"no row of the {name} can be used ({reasons})")
    total = raw.groupby(["source", "table"])["rows"].transform("sum")
    lost = raw[~kept & (raw["rows"] > total / 2) & (total >= LEAST_JUDGED)]
    if len(lost) and not allow_losses:
        source, name, reason, rows, _ = lost.iloc[0]
        raise artifacts.StageError(
            f"{rows:,} of {total[lost.index[0]]:,} {name} of {source} are set aside for one reason "
            f"({reason}); see to it, or go on without them by --allow-losses"
        )
    catalogues = table[table["market"] == "retail"].groupby("dataset_source")["price_usd"]
    for source, usd in catalogues.median().items():
        if not PLAUSIBLE_USD[0] <= usd <= PLAUSIBLE_USD[1]:
            raise artifacts.StageError(
                f"the median product of {source} would cost {usd:,.3f} USD; expected are "
                f"{PLAUSIBLE_USD[0]} to {PLAUSIBLE_USD[1]:,}, {ORIGINAL[source]}"
            )


def main():
    args = arguments()
    run, text = cli.run_config(args), "study" if args.study_text else "clean"
    engine = llm.load_engine(run, args.engine, args.base_url, args.parallel)

    import pandas as pd

    from attributes import llm_cache, prompts, reader
    from common.merge.table import merge_sources
    from resale import labels, listings

    paths, started = run.paths, time.monotonic()
    second_hand = listings.read_listings(paths.raw)
    if second_hand is None and (paths.raw / listings.FOLDER).is_dir():
        raise artifacts.StageError(f"{paths.raw / listings.FOLDER} is there but holds no CSV")
    table, account = merge_sources(paths, args.study_text, args.hnm_price, second_hand)
    check_sources(table, account, args.allow_losses)
    model = None
    if "resale" in set(table["market"]):
        table, lines, model = labels.fill(table)
        account = pd.concat([account, pd.DataFrame(lines, columns=account.columns)])
    if run.limit and run.limit < len(table):
        left_out = [["both", "products", "left out by --limit", len(table) - run.limit, ""]]
        account = pd.concat([account, pd.DataFrame(left_out, columns=account.columns)])
        table = table.sample(run.limit, random_state=0).sort_index().reset_index(drop=True)
    artifacts.write_csv(table, paths.merged)
    settings, raw = {"hnm_price": args.hnm_price}, {"raw": str(paths.raw)}
    seconds = time.monotonic() - started
    artifacts.record(paths.merged, run, raw, seconds, settings, text=text)
    line = f"{len(table):,} products merged in {seconds:.0f} s, now their texts are read"
    print(line, file=sys.stderr, flush=True)
    if model:
        weights = model.save(paths.model("resale_labels"))
        artifacts.record(weights, run, {"merged": paths.merged}, seconds)

    started = time.monotonic()
    readings, rows = reader.read_texts(table, args.ask, args.llm_limit)
    requests = [reading.request for reading in readings if reading.request]
    with llm_cache.ReplyCache(paths.llm_store, engine.model) as replies:
        counts = llm_cache.ask_missing(replies, requests, engine, prompts.parse)
        columns = [reader.attribute_columns(reading, replies, args.ask) for reading in readings]
    columns = pd.DataFrame(columns).iloc[rows].reset_index(drop=True)
    table = pd.concat([table, columns], axis=1)
    artifacts.write_csv(table, paths.llm)
    settings = {"model": engine.model, "ask": args.ask, "prompt": prompts.prompt_id()}
    seconds = time.monotonic() - started
    artifacts.record(paths.llm, run, {"merged": paths.merged}, seconds, settings, text=text)

    summary, results = reader.summary(readings, counts, table), paths.results(STAGE)
    artifacts.write_csv(pd.concat([account, summary]), results)
    artifacts.record(results, run, {"table": paths.llm}, seconds, settings)
    print(reader.report(summary, table))
    print(f"{len(table):,} products in {paths.llm}; the account of all rows in {results}")


if __name__ == "__main__":
    cli.run(main)
