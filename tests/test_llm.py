"""Engines and the store of answers: real models, interruptions, servers that misbehave."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import repeat

import pytest
from shell import ROOT

from attributes import llm, prompts
from attributes.llm_cache import Reply, ReplyCache, ask_missing
from common.artifacts import Paths, RunConfig, StageError

PRODUCTS = [
    ("Harbour shirt", "Shirt in airy linen with a collar and an open chest pocket."),
    ("Quillon Women Brown Wallet", "Soft leather wallet with six card slots."),
    ("Vila", "Phone case in clear plastic."),
]
REQUESTS = [prompts.request(title, text, ("item", "other")) for title, text in PRODUCTS]
GOOD = Reply('{"item":"Shirt"}', cut=False)


# --- llama.cpp ---------------------------------------------------------------------------------


def test_smollm2_answers_in_the_schema_with_words_of_the_text(smollm2):
    replies = dict(smollm2(REQUESTS))
    assert set(replies) == set(REQUESTS)
    for request in REQUESTS:
        answer = prompts.parse(replies[request])
        text = f"{request.title}. {request.description}"
        assert all(value in text for value in answer.model_dump().values())
        assert answer.item or answer.other
    assert smollm2.model.startswith("SmolLM2-135M-Instruct.Q4_1.gguf:")


def test_long_and_foreign_texts_fit_the_context(smollm2):
    texts = ["soft cotton " * 5000, "🧥👗" * 500, "綿のシャツ" * 500, "", "\x00\x07"]
    requests = [prompts.request("Top", text, ("item", "other")) for text in texts]
    replies = dict(smollm2(requests))
    assert all(prompts.parse(reply) for reply in replies.values())


def test_weights_that_cannot_be_had(tmp_path):
    with pytest.raises(StageError, match=r"gone\.gguf"):
        llm.LlamaCpp(tmp_path / "gone.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(StageError, match=r"cannot load .*broken\.gguf"):
        llm.LlamaCpp(broken)
    with pytest.raises(StageError, match="wanted the weights of nobody/nothing"):
        llm.Transformers("nobody/nothing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "transformers"}, "runs a model folder or a hub name"),
        ({"engine": "llamacpp", "preset": "study"}, "runs a GGUF file"),
        ({"engine": "openai"}, "needs --base-url"),
        ({"preset": "best"}, "needs --base-url"),
    ],
)
def test_engine_and_model_have_to_go_together(options, message):
    run = RunConfig(Paths("data"), preset=options.get("preset", "embedded"))
    with pytest.raises(StageError, match=message):
        llm.load_engine(run, options.get("engine"))


# --- transformers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """A folder with an untrained two-layer Llama and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<end>", *alphabet])}
    bytewise = Tokenizer(models.BPE(vocabulary, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def test_transformers_answers_a_batch_as_one_by_one(tiny_model):
    requests = [prompts.request(title, text, ("item",)) for title, text in PRODUCTS]
    one_by_one = dict(llm.Transformers(tiny_model, "cpu", parallel=1)(requests))
    together = dict(llm.Transformers(tiny_model, "cpu", parallel=3)(requests))
    assert together == one_by_one
    assert set(together) == set(requests)
    assert all(reply.cut for reply in together.values())


# --- OpenAI-compatible servers -----------------------------------------------------------------


def test_llama_cpp_served_over_http_answers_in_the_schema(smollm2, monkeypatch):
    monkeypatch.delenv(llm.KEY_VARIABLE, raising=False)
    engine = llm.OpenAICompatible(f"{smollm2._servers[0].listening_address}/v1", None, parallel=2)
    assert "SmolLM2" in engine.model
    replies = dict(engine(REQUESTS))
    assert set(replies) == set(REQUESTS)
    assert all(prompts.parse(reply) or reply.cut for reply in replies.values())


@pytest.fixture
def serve():
    """Starts a server that gives these (status, body) in turn; yields its URL and requests."""
    started = []

    def start(*answers, forever=False):
        turns = iter(answers) if not forever else repeat(answers[0])
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.headers["Authorization"], json.loads(body)))
                status, text = next(turns)
                if status is None:  # dies
                    self.close_connection = True
                    return
                if not status:  # too late for whoever asked
                    time.sleep(1)
                    status = 200
                self.send_response(status)
                self.send_header("retry-after-ms", "1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1", seen

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def chat(content, finish="stop"):
    choice = {"index": 0, "finish_reason": finish}
    choice["message"] = {"role": "assistant", "content": content}
    return 200, json.dumps(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m"} | {"choices": [choice]}
    )


def test_busy_and_broken_servers_are_asked_again(serve, monkeypatch):
    monkeypatch.setenv(llm.KEY_VARIABLE, "secret")
    url, seen = serve((429, "{}"), (500, "oops"), (503, ""), chat('{"item":"Shirt"}'))
    ((_, reply),) = llm.OpenAICompatible(url, "m", 1)(REQUESTS[:1])
    assert reply == GOOD
    assert len(seen) == 4
    key, body = seen[-1]
    assert key == "Bearer secret"
    assert body["response_format"]["json_schema"]["schema"] == REQUESTS[0].schema
    assert body["temperature"] == 0


def test_a_server_that_stays_broken_ends_in_one_line(serve):
    url, seen = serve((500, "oops"), forever=True)
    with pytest.raises(StageError, match="does not answer.*run the same command again"):
        list(llm.OpenAICompatible(url, "m", 1)(REQUESTS[:1]))
    assert len(seen) == llm.ATTEMPTS


def test_a_server_that_is_too_slow_is_asked_again(serve, monkeypatch):
    url, seen = serve((0, "too late"), chat('{"item":"Shirt"}'))
    monkeypatch.setattr(llm, "TIMEOUT_SECONDS", 0.5)
    ((_, reply),) = llm.OpenAICompatible(url, "m", 1)(REQUESTS[:1])
    assert reply == GOOD
    assert len(seen) == 2


def test_a_server_that_dies_costs_no_finished_answer(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(llm, "ATTEMPTS", 1)
    path = tmp_path / "answers.jsonl"
    url, seen = serve(chat('{"item":"Shirt"}'), (None, ""))
    engine = llm.OpenAICompatible(url, "m", 1)
    with (
        ReplyCache(path, engine.model) as answers,
        pytest.raises(StageError, match="answers so far are kept"),
    ):
        ask_missing(answers, REQUESTS[:2], engine, prompts.parse)
    url, seen = serve(chat('{"item":"Wallet"}'))
    engine = llm.OpenAICompatible(url, "m", 1)
    with ReplyCache(path, engine.model) as answers:
        counts = ask_missing(answers, REQUESTS[:2], engine, prompts.parse)
    assert (counts["known"], counts["asked"], len(seen)) == (1, 1, 1)


@pytest.mark.parametrize("garbage", [chat("no idea"), chat(None), (200, '{"choices":[]}')])
def test_garbage_is_asked_once_more_then_set_aside(serve, tmp_path, garbage):
    url, seen = serve(garbage, garbage)
    engine = llm.OpenAICompatible(url, "m", 1)
    with ReplyCache(tmp_path / "answers.jsonl", engine.model) as answers:
        counts = ask_missing(answers, REQUESTS[:1], engine, prompts.parse)
    assert (counts["retried"], counts["invalid"], len(seen)) == (1, 1, 2)
    assert seen[1][1]["temperature"] > 0


# --- the store ---------------------------------------------------------------------------------


def fake_engine(reply=GOOD):
    asked = []

    def ask(requests, retry=False):
        for request in requests:
            asked.append(request)
            yield request, reply

    ask.asked = asked
    return ask


def test_nothing_is_asked_twice(tmp_path):
    path = tmp_path / "answers.jsonl"
    engine = fake_engine()
    with ReplyCache(path, "m") as answers:
        counts = ask_missing(answers, [*REQUESTS, *REQUESTS], engine, prompts.parse)
    assert (counts["asked"], len(engine.asked)) == (3, 3)
    with ReplyCache(path, "m") as answers:
        counts = ask_missing(answers, REQUESTS, engine, prompts.parse)
        assert answers[REQUESTS[0].key] == GOOD
    assert (counts["known"], counts["asked"], len(engine.asked)) == (3, 0, 3)
    with ReplyCache(path, "another model") as answers:
        assert len(answers) == 0
        ask_missing(answers, REQUESTS, engine, prompts.parse)
    with ReplyCache(path, "m") as answers:
        assert len(answers) == 3


def test_a_changed_prompt_asks_anew_and_keeps_the_old_answers(tmp_path, monkeypatch):
    path = tmp_path / "answers.jsonl"
    with ReplyCache(path, "m") as answers:
        ask_missing(answers, REQUESTS, fake_engine(), prompts.parse)
    old = {request.key for request in REQUESTS}
    before = prompts.prompt_id()
    monkeypatch.setattr(prompts, "_SYSTEM", "Say what it is.")
    assert prompts.prompt_id() != before
    with ReplyCache(path, "m") as answers:
        counts = ask_missing(answers, REQUESTS, fake_engine(), prompts.parse)
        assert (counts["known"], counts["asked"]) == (0, len(REQUESTS))
        assert all(key in answers for key in old)


def test_cut_replies_count_and_are_kept(tmp_path):
    engine = fake_engine(Reply('{"item":"Shirt","other":"poc', cut=True))
    with ReplyCache(tmp_path / "answers.jsonl", "m") as answers:
        counts = ask_missing(answers, REQUESTS, engine, prompts.parse)
    assert (counts["cut"], counts["retried"], counts["invalid"]) == (3, 0, 0)


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_torn_last_line_is_cut_off(tmp_path, keep):
    path = tmp_path / "answers.jsonl"
    with ReplyCache(path, "m") as answers:
        answers.add("first", GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:keep])
    with ReplyCache(path, "m") as answers:
        assert len(answers) == 1
        answers.add("second", GOOD)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["first", "second"]


def test_unreadable_lines_in_the_middle_are_counted(tmp_path, caplog):
    path = tmp_path / "answers.jsonl"
    with ReplyCache(path, "m") as answers:
        answers.add("first", GOOD)
    with path.open("ab") as file:
        file.write(b'\xff\xfe\n[]\n{"model":"m"}\n')
    with ReplyCache(path, "m") as answers:
        answers.add("second", GOOD)
    assert "3 lines cannot be read" in caplog.text
    with ReplyCache(path, "m") as answers:
        assert len(answers) == 2


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "answers.jsonl"
    with ReplyCache(path, "m"), pytest.raises(StageError, match="in use"), ReplyCache(path, "m"):
        pass


def test_a_full_disk_loses_no_answer_and_leaves_no_torn_line(tmp_path):
    path = tmp_path / "answers.jsonl"
    program = f"""
import resource
from pathlib import Path
from attributes.llm_cache import Reply, ReplyCache
from common.artifacts import Paths, RunConfig, StageError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with ReplyCache(Path({str(path)!r}), "m") as answers:
    try:
        for number in range(100):
            answers.add(str(number), Reply("x" * 50, False))
    except StageError as error:
        print(number, error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stored = int(ended.stdout.split()[0])
    assert "make room" in ended.stdout
    assert stored > 3
    assert path.read_bytes().endswith(b"\n")
    with ReplyCache(path, "m") as answers:
        assert len(answers) == stored


SLOW = """
import sys, time
from pathlib import Path
from attributes import prompts
from attributes.llm_cache import Reply, ReplyCache, ask_missing

def slow(requests, retry=False):
    for request in requests:
        time.sleep(0.002)
        print(request.title, flush=True)
        yield request, Reply('{"item":"Shirt"}' + " " * 3000, False)

requests = [prompts.request(str(number), "", ("item",)) for number in range(400)]
with ReplyCache(Path(sys.argv[1]), "m") as answers:
    ask_missing(answers, requests, slow, prompts.parse)
"""


def test_kill_loses_no_finished_answer_and_repeats_none(tmp_path, caplog):
    path = tmp_path / "answers.jsonl"
    asked = []
    for pause in (0.1, 0.23, 0.17, 0.31, 0.05, 0.19, 0.11, 0.29, 0.07, 0.13):
        command = [sys.executable, "-c", SLOW, str(path)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        first = process.stdout.readline()
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        asked += [line for line in [first, *process.stdout] if line.endswith("\n")]
        process.wait()
    with ReplyCache(path, "m") as answers:
        stored = len(answers)
    assert stored
    assert "cannot be read" not in caplog.text
    keys = [json.loads(line)["key"] for line in path.read_text().splitlines()]
    assert len(keys) == len(set(keys)) == stored
    # The one in the air at each kill is asked again, no other.
    assert stored <= len(set(asked)) <= len(asked) <= stored + 10
