"""LLM engines: llama.cpp in this process, transformers, any server with OpenAI's interface.

An engine is called with questions (:class:`attributes.prompts.Request`) and yields each with its
reply, as replies arrive. ``engine.model`` names the model; replies are cached under that name.

=============  ==================================  ==============================================
engine         model                               replies are held to the schema by
=============  ==================================  ==============================================
llamacpp       any GGUF file                       a grammar that can only copy from the text
transformers   model folder or hub name            nothing: what does not parse is set aside
openai         what the server at --base-url has   the server's structured outputs (JSON schema)
=============  ==================================  ==============================================
"""

import argparse
import contextlib
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

from attributes.llm_cache import Reply
from common import cli, presets, runtime
from common.artifacts import RunConfig, StageError, fingerprint

ENGINE_OF_PRESET = {"embedded": "llamacpp", "study": "transformers", "best": "openai"}

# Tokens of one conversation: prompt with examples (about 600), text (at most 400), reply (152).
CONTEXT = 1280
SMALL_BYTES = 500_000_000
WORTH_A_SLOT = 50  # questions: a slot reads the examples first, as long as several answers take
KEY_VARIABLE = "OPENAI_API_KEY"
TIMEOUT_SECONDS, ATTEMPTS = 120, 6
# A second try of what did not parse: with the same words it would only fail again.
_FIRST_TRY, _RETRY = {"temperature": 0}, {"temperature": 0.7, "seed": 1}


# A Request, whose module takes longer to import than ``--help`` may.
Question = Any
Answers = Iterator[tuple[Question, Reply]]


def add_arguments(parser: argparse.ArgumentParser, limit: bool = False) -> None:
    """Adds ``--engine``, ``--base-url``, ``--parallel``, ``--llm``; with ``limit`` its bound."""
    group = parser.add_argument_group("language model")
    text = "what runs it (embedded: llamacpp; study: transformers; best: openai)"
    group.add_argument("--engine", choices=tuple(ENGINE_OF_PRESET.values()), help=text)
    text = "of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; its key, if any, from "
    text += f"the environment variable {KEY_VARIABLE}"
    group.add_argument("--base-url", metavar="URL", help=text)
    text = "texts asked at once: slots, batch size or open requests (8)"
    group.add_argument("--parallel", type=cli.positive, default=8, metavar="N", help=text)
    if limit:
        text = "ask about N texts at most, spread over the table; the rules read all (no limit)"
        group.add_argument("--llm-limit", type=_limit, metavar="N", help=text)
    presets.add_arguments(parser, "llm")


def _limit(text: str) -> int:
    return 0 if text == "0" else cli.positive(text)


def load_engine(
    run: RunConfig, engine: str | None = None, base_url: str | None = None, parallel: int = 8
) -> Callable[..., Answers]:
    """The engine of that name, or the preset's. Raises StageError for a model that is not there."""
    name = engine or ENGINE_OF_PRESET[run.preset]
    if name == "openai":
        return OpenAICompatible(base_url, run.llm, parallel)
    model = presets.llm_source(run.preset, run.llm)
    if name == "llamacpp" and model.endswith(".gguf"):
        return LlamaCpp(Path(model), parallel)
    if name == "transformers" and not model.endswith(".gguf"):
        return Transformers(model, run.device, parallel)
    kinds = {"llamacpp": "a GGUF file", "transformers": "a model folder or a hub name"}
    (other,) = kinds.keys() - {name}
    raise StageError(
        f"--engine {name} runs {kinds[name]}, not {model}; give one with --llm, "
        f"or use --engine {other}"
    )


class LlamaCpp:
    """llama.cpp's server inside this process, with ``parallel`` slots that are decoded together.

    Each slot keeps the prompt's shared beginning in its cache; of few questions not all slots are
    used. Source: https://github.com/xorbitsai/xllamacpp
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

    def __call__(self, questions: Iterable[Question], retry: bool = False) -> Answers:
        # Like questions together: a slot's cache then holds the examples that the next one needs.
        alike = sorted(questions, key=lambda question: question.names)
        slots = min(self._slots, 1 + len(alike) // WORTH_A_SLOT)
        free = queue.SimpleQueue()
        for server in self._servers * slots:
            free.put(server)

        def ask(question: Question) -> Reply:
            server = free.get()
            try:
                choice = self._complete(server, question, retry)["choices"][0]
            finally:
                free.put(server)
            return Reply(choice["message"]["content"] or "", choice["finish_reason"] == "length")

        return _concurrently(ask, alike, slots * len(self._servers))

    def tokens(self, question: Question) -> tuple[int, int]:
        """How many tokens a question has, with all that goes before it, and its reply."""
        usage = self._complete(self._servers[0], question, retry=False)["usage"]
        return usage["prompt_tokens"], usage["completion_tokens"]

    def _complete(self, server, question: Question, retry: bool) -> dict:
        body = {name: getattr(question, name) for name in ("messages", "grammar", "max_tokens")}
        completion = server.handle_chat_completions(body | (_RETRY if retry else _FIRST_TRY))
        if "choices" not in completion:
            reason = completion.get("error", completion)
            raise StageError(f"llama.cpp refused a request: {reason}")
        return completion


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
            raise StageError(
                f"--llm: wanted the weights of {name}, looked there and in the hub "
                f"({_in_one_line(error)}); give a local folder with --llm PATH, "
                "or use --preset embedded"
            ) from error
        self._network.eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.model, self.parallel = name, parallel

    def __call__(self, questions: Iterable[Question], retry: bool = False) -> Answers:
        # The longest first: what does not fit into memory shows at once.
        waiting = iter(sorted(questions, key=lambda question: -len(question.description)))
        while batch := list(islice(waiting, self.parallel)):
            yield from zip(batch, self._replies(batch, retry), strict=True)

    def _replies(self, batch: list[Question], retry: bool) -> list[Reply]:
        import torch

        prompts = self._tokenizer.apply_chat_template(
            [question.messages for question in batch],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._network.device)
        sampling = {"do_sample": False}
        if retry:
            torch.manual_seed(_RETRY["seed"])
            sampling = {"do_sample": True, "temperature": _RETRY["temperature"]}
        with torch.inference_mode():
            tokens = self._network.generate(
                **prompts,
                **sampling,
                max_new_tokens=max(question.max_tokens for question in batch),
                pad_token_id=self._tokenizer.pad_token_id,
            )
        tokens = tokens[:, prompts["input_ids"].shape[1] :]
        ends = torch.tensor(self._network.generation_config.eos_token_id, device=tokens.device)
        complete = torch.isin(tokens, ends).any(dim=1).tolist()
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Reply(text, not whole) for text, whole in zip(texts, complete, strict=True)]


class OpenAICompatible:
    """Any server with OpenAI's chat completions: vLLM, llama.cpp, a hosted service.

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

        self._error, self._url, self.parallel = openai.OpenAIError, base_url, parallel
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=os.environ.get(KEY_VARIABLE) or "none",
            timeout=TIMEOUT_SECONDS,
            max_retries=ATTEMPTS - 1,
        )
        self.model = model or self._only_model()

    def _only_model(self) -> str:
        with self._one_line_errors():
            names = [model.id for model in self._client.models.list()]
        if len(names) != 1:
            raise StageError(f"{self._url} has the models {names}; name one with --llm")
        return names[0]

    def __call__(self, questions: Iterable[Question], retry: bool = False) -> Answers:
        return _concurrently(lambda question: self._ask(question, retry), questions, self.parallel)

    def _ask(self, question: Question, retry: bool) -> Reply:
        schema = {"name": "attributes", "strict": True, "schema": question.schema}
        with self._one_line_errors():
            completion = self._client.chat.completions.create(
                model=self.model,
                messages=question.messages,
                response_format={"type": "json_schema", "json_schema": schema},
                max_tokens=question.max_tokens,
                **(_RETRY if retry else _FIRST_TRY),
            )
        if not getattr(completion, "choices", None):
            return Reply("", cut=False)
        choice = completion.choices[0]
        return Reply(choice.message.content or "", choice.finish_reason == "length")

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise StageError(
                f"the server at {self._url} does not answer: {_in_one_line(error)}; "
                "the answers so far are kept, run the same command again"
            ) from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _concurrently(
    ask: Callable[[Question], Reply], questions: Iterable[Question], workers: int
) -> Answers:
    """Asks ``workers`` questions at a time and yields each with its reply, as replies arrive."""
    waiting = iter(questions)
    with ThreadPoolExecutor(workers) as pool:
        # Two a worker keep all busy; submitting all at once would answer on after Ctrl-C.
        running = {
            pool.submit(ask, question): question for question in islice(waiting, 2 * workers)
        }
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
                    for question in islice(waiting, 1):
                        running[pool.submit(ask, question)] = question
        finally:
            for future in running:
                future.cancel()
