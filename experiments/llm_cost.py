"""What reading many descriptions would take: tokens counted here, times computed from stated rates.

    python -m experiments.llm_cost --data-dir data/kaggle14k

Asks the embedded model about a few texts of ``merged_dataset.csv``, counts the tokens of question
and reply, and computes what 90 thousand and 10 million descriptions need, asked for everything as
the study did, and for what the rules leave empty. The beginning that all questions share counts
once: servers keep it (vLLM: ``--enable-prefix-caching``). The rates of a GPU are stated, not
measured; Llama-3.1's tokenizer needs rather fewer tokens.

Reads  merged_dataset.csv
Writes results/llm_cost.csv
"""

from pathlib import Path

import pandas as pd

from attributes import llm, prompts
from attributes.reader import read_texts
from common import artifacts, cli, presets, product_table
from common.results import Results, aligned

KEY = ("ask", "descriptions")
DESCRIPTIONS = (90_000, 10_000_000)
SAMPLE = 24  # texts that are asked about, per way of asking
MACHINES = 8  # of the fleet


def main() -> None:
    parser = cli.parser(__doc__)
    rates = parser.add_argument_group("stated rates of one GPU, tokens per second")
    rates.add_argument("--prompt-rate", type=float, default=5000.0, help="new tokens read (5000)")
    rates.add_argument("--reply-rate", type=float, default=1500.0, help="tokens written (1500)")
    presets.add_arguments(parser, "llm")
    args = cli.parse(parser)
    run = cli.run_config(args)
    path = artifacts.require(run.paths.merged, "python Use_LLM_for_preprocess.py")
    table = product_table.read_table(path)
    table = table.sample(min(len(table), run.limit or 2000), random_state=run.seed[0])
    engine = llm.LlamaCpp(Path(presets.llm_source(run.preset, run.llm)))
    measured = []
    for ask in ("all", "gaps"):
        readings, _ = read_texts(table.reset_index(drop=True), ask)
        requests = [reading.request for reading in readings if reading.request]
        counts = pd.DataFrame([engine.tokens(request) for request in requests[:SAMPLE]])
        row = {"ask": ask, "asked_share": len(requests) / len(readings)}
        row["prompt_tokens"] = counts[0].mean()
        row["shared_tokens"] = engine.tokens(prompts.request("", "", requests[0].names))[0]
        measured.append({**row, "reply_tokens": counts[1].mean(), "counted_texts": len(counts)})
    sizes = pd.DataFrame({"descriptions": DESCRIPTIONS})
    frame = pd.DataFrame(measured).merge(sizes, how="cross")
    asked = frame["descriptions"] * frame["asked_share"]
    tokens_read = asked * (frame["prompt_tokens"] - frame["shared_tokens"]).clip(lower=0)
    tokens_written = asked * frame["reply_tokens"]
    totals = {"asked": asked, "tokens_read": tokens_read, "tokens_written": tokens_written}
    frame = frame.assign(**{name: total.round().astype(int) for name, total in totals.items()})
    frame["prompt_rate"], frame["reply_rate"] = args.prompt_rate, args.reply_rate
    seconds = tokens_read / args.prompt_rate + tokens_written / args.reply_rate
    frame["gpu_hours"], frame["fleet_hours"] = seconds / 3600, seconds / 3600 / MACHINES
    settings = {"prompt_rate": args.prompt_rate, "reply_rate": args.reply_rate}
    results = Results(run.paths.results("llm_cost"), run, {"merged": path}, KEY, settings)
    for row in frame.to_dict("records"):
        results.add(**row)
    columns = [*KEY, "asked", "gpu_hours", "fleet_hours"]
    results.finish(aligned([columns, *frame[columns].round(1).astype(str).to_numpy()]))


if __name__ == "__main__":
    cli.run(main)
