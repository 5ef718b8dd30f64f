"""Reading attributes: ours against a transformers loop over the rows, same weights and prompt.

    python -m bench.llm                                 # on drawn listings
    python -m bench.llm --data-dir data/study           # on the rows of a merged_dataset.csv

The loop is what the study did: one row after the other, each asked for everything. Ours answers
the same rows in three steps, each timed: llama.cpp asked for everything too (slots decoded
together, the prompt's beginning cached); distinct texts only; and rules first, so that the model
is asked for what they leave empty. Loading the weights is not timed. Prints rows per second.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.measure import alone, say

ROWS, ROWS_OF_THE_LOOP, SEED = 48, 4, 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="folder with merged_dataset.csv (drawn listings)")
    parser.add_argument("--rows", type=int, default=ROWS, help="asked for everything by ours")
    parser.add_argument("--loop-rows", type=int, default=ROWS_OF_THE_LOOP, help="for the loop")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.data_dir or scratch
        if not args.data_dir:
            draw(scratch)
        loop = alone(one_by_one, folder, args.loop_rows).value
        ours = alone(llamacpp, folder, args.rows).value
    rate, everything, gaps = (one["rows_per_second"] for one in (loop, ours["all"], ours["gaps"]))
    say(
        "llm",
        f"{gaps:.1f} rows/s against {rate:.2f} of the transformers loop: {gaps / rate:.0f} times "
        f"as fast; asked for everything too, {everything:.2f} rows/s: {everything / rate:.1f} "
        "times.",
        loop=loop,
        ours=ours,
        ratio=gaps / rate,
        ratio_asked_for_everything=everything / rate,
    )


def draw(folder: str) -> None:
    from common import artifacts, cli
    from common.merge.table import merge_sources
    from sample.catalogue import write

    write(Path(folder) / "raw", 600, SEED)
    args = cli.parse(cli.parser(""), ["--data-dir", folder])
    artifacts.write_csv(merge_sources(args.paths)[0], args.paths.merged)


def _table(folder: str):
    from common.artifacts import Paths, require
    from common.product_table import read_table

    path = require(Paths(folder).merged, "python Use_LLM_for_preprocess.py")
    return read_table(path).sample(frac=1, random_state=SEED).reset_index(drop=True)


def one_by_one(folder: str, rows: int) -> dict:
    """The study's way with the packaged weights, dequantised to float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    path = _weights()
    where = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**where))
    network = network.to(torch.float32).eval()
    tensors = load_gguf_checkpoint(path, return_tensors=True, model_to_load=network)["tensors"]
    missing = network.load_state_dict(tensors, strict=False).missing_keys
    network.tie_weights()
    assert missing == ["lm_head.weight"], missing  # tied to the embeddings
    requests = _requests(_table(folder).head(rows))
    tokens, started = 0, time.perf_counter()
    for request in requests:
        prompt = tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            whole = network.generate(
                **prompt,
                do_sample=False,
                max_new_tokens=request.max_tokens,
                pad_token_id=tokenizer.eos_token_id,
            )
        tokens += whole.shape[1] - prompt["input_ids"].shape[1]
        tokenizer.decode(whole[0, prompt["input_ids"].shape[1] :])
    seconds = time.perf_counter() - started
    return {
        "rows": rows,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "reply_tokens_per_row": tokens / rows,
    }


def llamacpp(folder: str, rows: int) -> dict:
    """Our engine: asked for everything on ``rows`` rows, and as stage 1 asks on all of them."""
    from attributes.llm import LlamaCpp
    from attributes.reader import read_texts

    engine, table = LlamaCpp(_weights()), _table(folder)
    list(engine(_requests(table.tail(1))))  # what loads lazily
    some = table.head(rows)
    started = time.perf_counter()
    distinct = {request.key: request for request in _requests(some)}
    list(engine(distinct.values()))
    everything = time.perf_counter() - started
    started = time.perf_counter()
    # As many rows as there are texts to ask about: the share that the rules leave is the table's.
    some = table.head(rows * 10)
    readings, _ = read_texts(some, "gaps")
    asked = {one.request.key: one.request for one in readings if one.request}
    list(engine(asked.values()))
    gaps = time.perf_counter() - started
    return {
        "all": {"rows": rows, "asked": len(distinct), "rows_per_second": rows / everything},
        "gaps": {"rows": len(some), "asked": len(asked), "rows_per_second": len(some) / gaps},
    }


def _requests(table) -> list:
    from attributes import prompts

    columns = (table["title"], table["description"])
    return [prompts.request(*text, prompts.NAMES) for text in zip(*columns, strict=True)]


def _weights() -> Path:
    import gguf  # noqa: F401 - transformers reads the weights through it

    from common import presets

    return Path(presets.llm_source("embedded"))


if __name__ == "__main__":
    from common.cli import run

    run(main)
