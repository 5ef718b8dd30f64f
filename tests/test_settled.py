"""Warm runs: a run of which nothing has changed ends at once, and a small change costs little."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from shell import ROOT

from common import attributes, cli, merge, settled, towers
from common.answers import Answers, Reply, complete
from common.artifacts import FASHION_FOLDER, Paths, read_table
from common.images import Pixels
from common.presets import lite_preprocess

STAGE = """
import sys
from common import artifacts, cli, settled

def main():
    args = cli.parse(cli.parser(""))
    if settled.already(args):
        return
    table = artifacts.read_table(args.paths.llm)
    artifacts.write_json(len(table), args.paths.data / "made.json")
    print("computed")

cli.run(main)
"""


@pytest.fixture
def stage(tmp_path):
    """Runs a small stage on a small table as a person would; returns what it said."""
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "data" / "raw" / "images").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "images" / "1.jpg").write_bytes(b"1")
    (tmp_path / "data" / "dataset_with_llm.csv").write_text("product_key\nHNM:1\n")

    def run(*arguments):
        command = [sys.executable, str(tmp_path / "stage.py"), *arguments]
        command += ["--data-dir", str(tmp_path / "data")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return ended.stdout.split(":")[0].strip()

    return run


def test_a_run_is_settled_until_something_changes(stage, tmp_path):
    data = tmp_path / "data"
    assert [stage(), stage(), stage("--seed", "1")] == ["computed", "settled", "computed"]
    assert stage("--force") == "computed"
    changes = {
        "an input": lambda: (data / "dataset_with_llm.csv").write_text("product_key\n1\n2\n"),
        "an output": lambda: (data / "made.json").write_text("3"),
        "an output that went": (data / "made.json").unlink,
        "a photo": lambda: (data / "raw/images/1.jpg").write_bytes(b"22"),
        "a new photo": lambda: (data / "raw/images/2.jpg").write_bytes(b"2"),
        "the code": lambda: (tmp_path / "stage.py").write_text(STAGE + "\n"),
    }
    for name, change in changes.items():
        change()
        assert [stage(), stage()] == ["computed", "settled"], name


def test_a_copy_of_the_data_folder_is_judged_by_its_own_files(stage, tmp_path):
    assert stage() == "computed"
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    (tmp_path / "data").mkdir()
    for path in (tmp_path / "elsewhere").iterdir():
        path.rename(tmp_path / "data" / path.name)
    assert stage() == "settled"
    (tmp_path / "data" / "made.json").write_text("3")
    assert stage() == "computed"


def test_a_run_that_failed_is_not_settled(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stage.py", "--data-dir", str(tmp_path)])
    monkeypatch.setattr(settled, "_pending", None)

    def main():
        args = cli.parse(cli.parser(""))
        if not settled.already(args):
            read_table(args.paths.llm)  # is not there

    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            cli.run(main)
    assert not list(tmp_path.rglob("settled/*.json"))
    assert "settled" not in capsys.readouterr().out


def test_a_settled_run_loads_nothing_heavy(tmp_path):
    table = tmp_path / "dataset_with_llm.csv"
    table.write_text("product_key\n")
    code = (
        "import sys, runpy; from common import settled; settled.already = lambda args: True; "
        "runpy.run_path(sys.argv[0], run_name='__main__'); "
        "print({'torch', 'pandas', 'numpy', 'sklearn', 'duckdb'} & set(sys.modules))"
    )
    for script in ("Use_LLM_for_preprocess.py", "clustering_DEC.py", "regression_DL_SOTA.py"):
        patched = code.replace("sys.argv[0]", repr(script))
        ended = subprocess.run(
            [sys.executable, "-c", patched, "--data-dir", str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ended.stdout.strip() == "set()", script


class Engine:
    """Answers everything with nothing, and counts."""

    def __init__(self):
        self.asked = 0

    def __call__(self, requests, retry=False):
        for request in requests:
            self.asked += 1
            yield request, Reply("{}", cut=False)


class Tower:
    """Sees nothing, and counts."""

    def __init__(self):
        self.pixels, self.identity, self.seen = Pixels(lite_preprocess()), {"name": "none"}, 0

    def start(self, batch):
        self.seen += len(batch)
        return np.ones((len(batch), 4), np.float32)

    def finish(self, kept):
        return kept


def test_one_product_in_a_hundred_costs_one_in_a_hundred(raw, tmp_path):
    args = SimpleNamespace(paths=Paths(tmp_path / "data", raw))

    def run():
        engine, tower = Engine(), Tower()
        table, _ = merge.build(args)
        readings, _ = attributes.read(table, "all")
        requests = [reading.request for reading in readings if reading.request]
        with Answers(args.paths.llm_store, "none") as answers:
            complete(answers, requests, engine, lambda reply: True)
        towers.image_features(args, [raw / name for name in table["image_path"]], tower)
        return engine.asked, tower.seen, table

    asked, seen, table = run()
    assert asked > 60
    assert seen > 90
    assert run()[:2] == (0, 0)
    own = table[table["dataset_source"] == "FASHION"]
    name = next(
        key.removeprefix("FASHION:")
        for key, text in zip(own["product_key"], own["description"], strict=True)
        if len(text) > 20
    )
    detail = raw / FASHION_FOLDER / "styles" / f"{name}.json"
    said = json.loads(detail.read_text())
    said["data"]["productDescriptors"]["style_note"] = {"value": "Something quite new"}
    detail.write_text(json.dumps(said))
    Image.new("RGB", (60, 80), "red").save(raw / FASHION_FOLDER / "images" / f"{name}.jpg")
    assert run()[:2] == (1, 1)
