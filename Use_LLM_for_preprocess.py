"""Stage 1: both downloads become one product table, and an LLM reads attributes out of its texts.

First the two Kaggle downloads are merged: one row a product, its price in USD, its labels in one
taxonomy, its text clean of prices, its side of the split. Then each distinct text is read for
brand, material, care, style, main item and other details: by rules, and by an LLM where the rules
leave a gap (``--ask gaps``, the default) or for everything (``--ask all``, the study's way). What
the LLM says that is not in the text is dropped. Beside the words stand normal values
(``normal_*``: fibres and percent, fabric, care, fit, sleeve, ...). Answers are kept: a run that was
interrupted goes on where it stopped, and nothing is asked twice.

Reads   <raw-dir>/h-and-m-personalized-fashion-recommendations/ and <raw-dir>/fashion-dataset/
Writes  merged_dataset.csv, dataset_with_llm.csv, llm_answers.jsonl,
        results/Use_LLM_for_preprocess.csv (where every raw row went, who read what)

The drawn sample:    python Use_LLM_for_preprocess.py --data-dir data/sample
The real downloads:  python Use_LLM_for_preprocess.py --raw-dir PATH
A try:               python Use_LLM_for_preprocess.py --raw-dir PATH --limit 200
The study's model:   python Use_LLM_for_preprocess.py --raw-dir PATH --preset study --ask all
Served by vLLM:      python Use_LLM_for_preprocess.py --raw-dir PATH --engine openai \\
                         --base-url http://127.0.0.1:8000/v1 --ask all

Here --limit N asks the LLM about the first N texts only; the table holds all products.

Reproduces the README's table of the data: products by source, and what was set aside and why.
"""

import time

from attributes import llm
from attributes.llm_cache import Answers, complete
from common import artifacts, cli

STAGE = "Use_LLM_for_preprocess"


def arguments():
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("texts")
    group.add_argument(
        "--study-text",
        action="store_true",
        help="append price, rating and VAT to the Fashion descriptions, as the study did: a leak, "
        "for comparison; use another --data-dir",
    )
    group.add_argument(
        "--hnm-price",
        choices=("median", "mean", "mode", "high"),
        default="median",
        help="what H&M's price is of the sales of an article, clearance left out: their median "
        "(default), mean (the study's), most frequent price, or 0.9 quantile",
    )
    group.add_argument(
        "--ask",
        choices=("gaps", "all"),
        default="gaps",
        help="ask the LLM for what the rules leave empty (gaps, default), or for everything",
    )
    llm.add_arguments(parser)
    return cli.parse(parser)


def main():
    args = arguments()
    paths, text = args.paths, "study" if args.study_text else "clean"
    engine = llm.load_engine(args, args.engine, args.base_url, args.parallel)

    import pandas as pd

    from attributes import prompts
    from attributes import reader as attributes
    from common.merge import table as merge

    started = time.monotonic()
    table, account = merge.build(args, args.study_text, args.hnm_price)
    artifacts.write_csv(table, paths.merged)
    raw = {"raw": str(paths.raw)}
    settings, seconds = {"hnm_price": args.hnm_price}, time.monotonic() - started
    artifacts.record(paths.merged, args, raw, seconds, settings, text=text)
    print(f"{len(table):,} products in {paths.merged}", flush=True)

    started = time.monotonic()
    readings, rows = attributes.read_texts(table, args.ask, args.limit)
    requests = [reading.request for reading in readings if reading.request]
    with Answers(paths.llm_store, engine.model) as answers:
        counts = complete(answers, requests, engine, prompts.valid)
        read = [attributes.attribute_columns(reading, answers, args.ask) for reading in readings]
    columns = pd.DataFrame(read).iloc[rows].reset_index(drop=True)
    table = pd.concat([table, columns], axis=1)
    artifacts.write_csv(table, paths.llm)
    settings = {"model": engine.model, "ask": args.ask, "prompt": prompts.prompt_id()}
    seconds = time.monotonic() - started
    artifacts.record(paths.llm, args, {"merged": paths.merged}, seconds, settings, text=text)

    summary = attributes.summary(readings, counts, table)
    account = pd.concat([account, summary], ignore_index=True)
    artifacts.write_csv(account, paths.results(STAGE))
    artifacts.record(paths.results(STAGE), args, {"table": paths.llm}, seconds, settings)
    print(merge.format_account(summary))
    print(f"{len(table):,} products in {paths.llm}", flush=True)


if __name__ == "__main__":
    cli.run(main)
