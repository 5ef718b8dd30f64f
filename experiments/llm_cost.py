"""What reading many descriptions would take: tokens counted here, times computed from stated rates.

    python -m experiments.llm_cost --data-dir data/kaggle14k

Asks the embedded model about a few texts of ``merged_dataset.csv``, counts the tokens of question
and reply, and computes what 90 thousand and 10 million descriptions need, asked for everything as
the study did, and for what the rules leave empty. The beginning that all questions share counts
once: servers keep it (vLLM: ``--enable-prefix-caching``, on by default).

The rates of a GPU (``--prompt-rate``, ``--reply-rate``, tokens per second) are stated, not
measured. Tokens are those of the embedded model's tokenizer; Llama-3.1's, of more words, needs
rather fewer.

Reads  merged_dataset.csv
Writes results/attribute_cost.csv
"""

import time

from common import cli, presets, product_table

STAGE = "attribute_cost"
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

    from pathlib import Path

    import pandas as pd

    from attributes import llm, prompts
    from attributes import reader as attributes
    from common import artifacts

    started = time.monotonic()
    path = artifacts.require(args.paths.merged, "python Use_LLM_for_preprocess.py")
    table = product_table.read_table(path)
    table = table.sample(min(len(table), args.limit or 2000), random_state=args.seed[0])
    engine = llm.LlamaCpp(Path(presets.llm_source(args.preset, args.llm)))
    rows = []
    for ask in ("all", "gaps"):
        readings, _ = attributes.read_texts(table.reset_index(drop=True), ask)
        requests = [one.request for one in readings if one.request]
        counted = [engine.tokens(request) for request in requests[:SAMPLE]]
        shared = engine.tokens(prompts.request("", "", requests[0].wanted))[0]
        measured = {
            "ask": ask,
            "asked_share": len(requests) / len(readings),
            "prompt_tokens": _mean(prompt for prompt, _ in counted),
            "shared_tokens": shared,
            "reply_tokens": _mean(reply for _, reply in counted),
            "counted_texts": len(counted),
        }
        rows += [{**measured, **_needs(measured, texts, args)} for texts in DESCRIPTIONS]
        for row in rows[-len(DESCRIPTIONS) :]:
            print("  ".join(f"{name}={value}" for name, value in row.items()), flush=True)
    target = args.paths.results(STAGE)
    artifacts.write_csv(pd.DataFrame(rows), target)
    settings = {"prompt_rate": args.prompt_rate, "reply_rate": args.reply_rate}
    artifacts.record(target, args, {"merged": path}, time.monotonic() - started, settings)
    print(target)


def _needs(measured: dict, descriptions: int, args) -> dict:
    """Tokens and hours for so many descriptions; of a question, what is its own counts."""
    asked = descriptions * measured["asked_share"]
    read = asked * max(measured["prompt_tokens"] - measured["shared_tokens"], 0)
    written = asked * measured["reply_tokens"]
    hours = (read / args.prompt_rate + written / args.reply_rate) / 3600
    return {
        "descriptions": descriptions,
        "asked": round(asked),
        "tokens_read": round(read),
        "tokens_written": round(written),
        "prompt_rate": args.prompt_rate,
        "reply_rate": args.reply_rate,
        "gpu_hours": hours,
        "fleet_hours": hours / MACHINES,
    }


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


if __name__ == "__main__":
    cli.run(main)
