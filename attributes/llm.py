"""Engines that answer prompts: llama.cpp in this process, transformers, an OpenAI server's API.

An engine is called with requests (:class:`attributes.prompts.Request`) and yields each with its
reply, as replies arrive. ``engine.model`` names the model; answers are kept under that name.

=============  ==================================  ==============================================
engine         model                               replies are held to the schema by
=============  ==================================  ==============================================
llamacpp       any GGUF file                       a grammar that can only copy from the text
transformers   model folder or hub name            nothing: what does not parse is set aside
openai         what the server at --base-url has   the server's structured outputs (JSON schema)
=============  ==================================  ==============================================
"""

from __future__ import annotations

import argparse
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from attributes.llm_cache import Reply
from common import presets, runtime
from common.artifacts import RunConfig, StageError, fingerprint

if TYPE_CHECKING:
    from attributes.prompts import Request

ENGINES = ("llamacpp", "transformers", "openai")
_OF_PRESET = {"embedded": "llamacpp", "study": "transformers", "best": "openai"}

# Tokens of one conversation: prompt with examples (about 600), text (at most 400), reply (152).
CONTEXT = 1280
SMALL_BYTES = 500_000_000
WORTH_A_SLOT = 50  # questions: a slot reads the examples first, as long as several answers take
KEY_VARIABLE = "OPENAI_API_KEY"
TIMEOUT_SECONDS, ATTEMPTS = 120, 6
# A second try of what did not parse: with the same words it would only fail again.
_RETRY = {"temperature": 0.7, "seed": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("language model")
    group.add_argument(
        "--engine",
        choices=ENGINES,
        help="what runs it (embedded: llamacpp; study: transformers; best: openai)",
    )
    group.add_argument(
        "--base-url",
        metavar="URL",
        help=f"of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; "
        f"its key, if any, from the environment variable {KEY_VARIABLE}",
    )
    group.add_argument(
        "--parallel",
        type=int,
        default=8,
        metavar="N",
        help="texts asked at once: slots, batch size or open requests (8)",
    )
    presets.add_arguments(parser, "llm")


def load_engine(
    run: RunConfig, engine: str | None = None, base_url: str | None = None, parallel: int = 8
) -> LlamaCpp | Transformers | OpenAICompatible:
    """The engine of that name, or the preset's. Raises StageError for a model that is not there."""
    name = engine or _OF_PRESET[run.preset]
    if name == "openai":
        return OpenAICompatible(base_url, run.llm, parallel)
    model = presets.llm_source(run.preset, run.llm)
    if (name == "llamacpp") != model.endswith(".gguf"):
        wanted, other = (
            ("a GGUF file", "transformers")
            if name == "llamacpp"
            else ("a model folder or a hub name", "llamacpp")
        )
        raise StageError(
            f"--engine {name} runs {wanted}, not {model}; give one with --llm, "
            f"or use --engine {other}"
        )
    if name == "llamacpp":
        return LlamaCpp(Path(model), parallel)
    return Transformers(model, run.device, parallel)


# --- llama.cpp ---------------------------------------------------------------------------------


class LlamaCpp:
    """llama.cpp's server inside this process, with ``parallel`` slots that are decoded together.

    Each slot keeps the prompt's shared beginning in its cache; of few questions not all slots are
    used. Source:
    https://github.com/xorbitsai/xllamacpp
    """

    def __init__(self, path: Path, parallel: int = 8):
        runtime.rest_while_waiting()
        import xllamacpp

        if not path.is_file():
            raise StageError(f"--llm: {path} is missing; give the path of a GGUF file")
        cores = runtime.cpu_count()
        # Threads wait for each other several hundred times a step. A small model on several cores
        # is faster as several servers of one thread; a large one must be in memory once.
        servers = min(cores, parallel) if path.stat().st_size < SMALL_BYTES else 1
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.n_parallel = -(-parallel // servers)
        settings.n_ctx = settings.n_parallel * CONTEXT
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = cores // servers
        settings.cache_ram_mib = 0  # slots keep what they need; the rest is never asked again
        settings.verbosity = -1
        try:
            self._servers = [xllamacpp.Server(settings) for _ in range(servers)]
        except RuntimeError as error:
            raise StageError(f"--llm: llama.cpp cannot load {path} ({error})") from error
        self.model = f"{path.name}:{fingerprint(path)[:12]}"
        self._slots = settings.n_parallel

    @property
    def base_url(self) -> str:
        """Where the same server listens for OpenAI-compatible requests, on loopback."""
        return f"{self._servers[0].listening_address}/v1"

    def __call__(self, requests: Iterable[Request], retry: bool = False) -> Iterator:
        # Like questions together: a slot's cache then holds the examples that the next one needs.
        alike = sorted(requests, key=lambda request: request.wanted)
        slots = min(self._slots, 1 + len(alike) // WORTH_A_SLOT)
        free = queue.SimpleQueue()
        for _ in range(slots):
            for server in self._servers:
                free.put(server)

        def ask(request: Request) -> Reply:
            server = free.get()
            try:
                return self._ask(server, request, retry)
            finally:
                free.put(server)

        return _concurrently(ask, alike, slots * len(self._servers))

    def tokens(self, request: Request) -> tuple[int, int]:
        """How many tokens a question has, with all that goes before it, and its reply."""
        usage = self._answer(self._servers[0], request, retry=False)["usage"]
        return usage["prompt_tokens"], usage["completion_tokens"]

    def _ask(self, server, request: Request, retry: bool) -> Reply:
        choice = self._answer(server, request, retry)["choices"][0]
        return Reply(choice["message"]["content"] or "", choice["finish_reason"] == "length")

    def _answer(self, server, request: Request, retry: bool) -> dict:
        body = {
            "messages": request.messages,
            "grammar": request.grammar,
            "max_tokens": request.max_tokens,
            **(_RETRY if retry else {"temperature": 0}),
        }
        answer = server.handle_chat_completions(body)
        if "choices" not in answer:
            raise StageError(f"llama.cpp refused a request: {answer.get('error', answer)}")
        return answer


# --- transformers ------------------------------------------------------------------------------


class Transformers:
    """A causal language model loaded by transformers; batches of like length, padded left."""

    def __init__(self, name: str, device: str = "auto", parallel: int = 8):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
            self._network = AutoModelForCausalLM.from_pretrained(name, dtype="auto").to(device)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise StageError(
                f"--llm: wanted the weights of {name}, looked there and in the hub ({reason}); "
                "give a local folder with --llm PATH, or use --preset embedded"
            ) from error
        self._network.eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.model, self.parallel = name, parallel

    def __call__(self, requests: Iterable[Request], retry: bool = False) -> Iterator:
        # The longest first: what does not fit into memory shows at once.
        waiting = iter(sorted(requests, key=lambda request: len(request.description), reverse=True))
        while batch := list(islice(waiting, self.parallel)):
            yield from zip(batch, self._ask(batch, retry), strict=True)

    def _ask(self, batch: list[Request], retry: bool) -> list[Reply]:
        import torch

        prompts = self._tokenizer.apply_chat_template(
            [request.messages for request in batch],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._network.device)
        choose = {"do_sample": False}
        if retry:
            torch.manual_seed(_RETRY["seed"])
            choose = {"do_sample": True, "temperature": _RETRY["temperature"]}
        with torch.inference_mode():
            whole = self._network.generate(
                **prompts,
                **choose,
                max_new_tokens=max(request.max_tokens for request in batch),
                pad_token_id=self._tokenizer.pad_token_id,
            )
        replies = whole[:, prompts["input_ids"].shape[1] :]
        ends = self._network.generation_config.eos_token_id
        ends = torch.tensor(ends if isinstance(ends, list) else [ends], device=replies.device)
        ended = torch.isin(replies, ends).any(dim=1).tolist()
        texts = self._tokenizer.batch_decode(replies, skip_special_tokens=True)
        return [Reply(text, not end) for text, end in zip(texts, ended, strict=True)]


# --- OpenAI-compatible servers -----------------------------------------------------------------


class OpenAICompatible:
    """Any server with OpenAI's chat completions: vLLM, llama.cpp, a hosted one.

    ``model`` may be None when the server has one model. The client waits and tries again after
    429, 5xx, timeouts and broken connections, ATTEMPTS times in all.
    """

    def __init__(self, base_url: str | None, model: str | None, parallel: int = 8):
        if not base_url:
            raise StageError(
                "--engine openai needs --base-url, e.g. http://127.0.0.1:8000/v1; "
                "or use --engine llamacpp, which needs no server"
            )
        import openai

        self._errors = openai
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=os.environ.get(KEY_VARIABLE) or "none",
            timeout=TIMEOUT_SECONDS,
            max_retries=ATTEMPTS - 1,
        )
        self._where = base_url
        self.model = model or self._only_model()
        self.parallel = parallel

    def _only_model(self) -> str:
        with self._reported():
            names = [one.id for one in self._client.models.list()]
        if len(names) != 1:
            raise StageError(f"{self._where} has the models {names}; name one with --llm")
        return names[0]

    def __call__(self, requests: Iterable[Request], retry: bool = False) -> Iterator:
        return _concurrently(lambda request: self._ask(request, retry), requests, self.parallel)

    def _ask(self, request: Request, retry: bool) -> Reply:
        schema = {"name": "attributes", "strict": True, "schema": request.schema}
        with self._reported():
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=request.messages,
                response_format={"type": "json_schema", "json_schema": schema},
                max_tokens=request.max_tokens,
                **(_RETRY if retry else {"temperature": 0}),
            )
        if not getattr(answer, "choices", None):
            return Reply("", cut=False)
        choice = answer.choices[0]
        return Reply(choice.message.content or "", choice.finish_reason == "length")

    def _reported(self):
        return _Reported(self._errors.OpenAIError, self._where)


class _Reported:
    """Turns what the client gives up on into one line."""

    def __init__(self, kind: type[Exception], where: str):
        self.kind, self.where = kind, where

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, self.kind):
            reason = " ".join(str(error).split())[:200]
            raise StageError(
                f"the server at {self.where} does not answer: {reason}; "
                "the answers so far are kept, run the same command again"
            ) from error


# --- shared ------------------------------------------------------------------------------------


def _concurrently(
    ask: Callable[[Request], Reply], requests: Iterable[Request], workers: int
) -> Iterator[tuple[Request, Reply]]:
    """Asks ``workers`` requests at a time and yields each with its reply, as replies arrive."""
    waiting = iter(requests)
    with ThreadPoolExecutor(workers) as pool:
        # Two a worker keep all busy; submitting all at once would answer on after Ctrl-C.
        running = {pool.submit(ask, one): one for one in islice(waiting, 2 * workers)}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
                    for one in islice(waiting, 1):
                        running[pool.submit(ask, one)] = one
        finally:
            for future in running:
                future.cancel()
