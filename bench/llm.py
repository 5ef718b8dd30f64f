"""Reading attributes: ours against a transformers loop over the rows, same weights and prompt.

On drawn listings, or on the rows of a merged_dataset.csv. The loop is what the study did: one row
after the other, each asked for everything. Ours is asked for everything too (llama.cpp: slots
decoded together, the prompt's beginning cached, distinct texts only), and as stage 1 asks: rules
first, the model for what they leave empty. Loading the weights is not timed.
"""

import tempfile
import time
from pathlib import Path

import gguf  # noqa: F401 - transformers reads the weights through it
import pandas as pd
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from attributes import prompts, reader
from attributes.llm import LlamaCpp
from bench.harness import Figures, Options, alone
from common import presets
from common.artifacts import Paths, require, write_csv
from common.merge.table import merge_sources
from common.product_table import read_table
from sample.catalogue import write

SIZE, SEED = 48, 0


def draw(paths: Paths) -> None:
    write(paths.raw, 600, SEED)
    write_csv(merge_sources(paths)[0], paths.merged)


def shuffled_table(paths: Paths) -> pd.DataFrame:
    path = require(paths.merged, "python Use_LLM_for_preprocess.py")
    return read_table(path).sample(frac=1, random_state=SEED).reset_index(drop=True)


def transformers_loop(paths: Paths, rows: int) -> dict[str, float]:
    """The study's way with the packaged weights, dequantised to float32."""
    path = weights()
    where = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**where))
    network = network.to(torch.float32).eval()
    tensors = load_gguf_checkpoint(path, return_tensors=True, model_to_load=network)["tensors"]
    missing = network.load_state_dict(tensors, strict=False).missing_keys
    network.tie_weights()
    assert missing == ["lm_head.weight"], missing  # tied to the embeddings
    requests = requests_for_everything(shuffled_table(paths).head(rows))
    started = time.perf_counter()
    for request in requests:
        prompt = tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        most, end = request.max_tokens, tokenizer.eos_token_id
        with torch.inference_mode():
            reply = network.generate(
                **prompt, do_sample=False, max_new_tokens=most, pad_token_id=end
            )
        tokenizer.decode(reply[0, prompt["input_ids"].shape[1] :])
    return {"rows": rows, "rows_per_second": rows / (time.perf_counter() - started)}


def llama_cpp(paths: Paths, rows: int) -> dict[str, dict]:
    """Our engine: asked for everything on ``rows`` rows, and as stage 1 asks."""
    engine, table = LlamaCpp(weights()), shuffled_table(paths)
    list(engine(requests_for_everything(table.tail(1))))  # what loads lazily
    everything = {ask.key: ask for ask in requests_for_everything(table.head(rows))}
    # As many rows as there are texts to ask about: the share that the rules leave is the table's.
    readings, _ = reader.read_texts(table.head(rows * 10), "gaps")
    gaps = {r.request.key: r.request for r in readings if r.request}
    figures, some = {}, min(rows * 10, len(table))
    for name, requests, count in (("everything", everything, rows), ("gaps", gaps, some)):
        started = time.perf_counter()
        list(engine(requests.values()))
        rate = count / (time.perf_counter() - started)
        figures[name] = {"rows": count, "asked": len(requests), "rows_per_second": rate}
    return figures


def requests_for_everything(table: pd.DataFrame) -> list[prompts.Request]:
    texts = zip(table["title"], table["description"], strict=True)
    return [prompts.request(*text, prompts.NAMES) for text in texts]


def weights() -> Path:
    return Path(presets.llm_source("embedded"))


def measure(options: Options) -> Figures:
    with tempfile.TemporaryDirectory() as scratch:
        paths = options.paths or Paths(scratch)
        if not options.paths:
            draw(paths)
        loop = alone(transformers_loop, paths, max(2, options.size // 12)).value
        ours = alone(llama_cpp, paths, options.size).value
    rate = loop["rows_per_second"]
    everything, gaps = (ours[name]["rows_per_second"] for name in ("everything", "gaps"))
    summary = (
        f"{gaps:.1f} rows a second, {gaps / rate:.0f} times the transformers loop's {rate:.2f}; "
        f"asked for everything too {everything:.2f}, {everything / rate:.1f} times"
    )
    yield summary, {"loop": loop, "ours": ours, "ratio": gaps / rate}
