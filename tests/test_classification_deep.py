"""The classification protocol and its networks, on embeddings whose classes are known."""

import math
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from common import dataset, metrics, training
from common.artifacts import Paths, RunConfig
from common.labels import multitask, networks
from common.labels import protocol as classification
from common.results import Results
from common.training import TrainConfig, load_state, read_config

# Networks this small are faster on one core, and do not fight over the others.
torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[1]
CONFIG = TrainConfig(epochs=25, batch_size=64, lr=3e-3)


@pytest.fixture(scope="module")
def data(planted):
    return planted


def fusion(data, criterion="cross-entropy", **more):
    def build(classes):
        return networks.ClipFusion(32, 32, classes, widths=(64,), **more)

    batches = multitask.array_batches(data.image, data.text, batch_size=CONFIG.batch_size)
    no_text = multitask.array_batches(
        data.image, np.full_like(data.text, np.nan), batch_size=CONFIG.batch_size
    )
    also = {"Fusion, no text": no_text}
    return multitask.Model("Fusion", build, batches, CONFIG, also, criterion)


def run(data, folder, criterion="cross-entropy", **more):
    config = RunConfig(Paths(folder), device="cpu", **more)
    multitask.run_models(config, "deep", data, [fusion(data, criterion)], {})
    return pd.read_csv(config.paths.results("deep"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return folder, run(data, folder)


def pick(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_every_experiment_and_task_has_its_rows_and_the_majority(finished):
    _, table = finished
    assert list(table.columns) == [
        *("experiment", "task", "model", "split", "text", "seed", "n_train", "n_test"),
        *("accuracy", "f1_macro", "f1_weighted", "precision_macro", "recall_macro", "ece"),
        *("fit_seconds", "device", "automatic_share", "automatic_accuracy"),
    ]
    tasks = {name: set(rows["task"]) for name, rows in table.groupby("experiment")}
    everything = {"category", "gender", "usage", "usage_native"}
    assert tasks == {
        "HNM->FASHION": everything,
        "FASHION->HNM": everything - {"usage_native"},  # H&M's usage is derived
        "mixed": everything,
    }
    assert set(table["model"]) == {"Majority", "Fusion", "Fusion, no text"}
    assert not table.duplicated([*classification.KEY]).any()


def test_each_class_of_the_mixed_experiment_has_its_scores(data, finished):
    folder, table = finished
    scores = pd.read_csv(folder / "results" / "deep_classes.csv")
    assert set(scores["model"]) == {"Fusion"} and set(scores["experiment"]) == {"mixed"}
    for task, own in scores.groupby("task"):
        whole = pick(table, experiment="mixed", model="Fusion", task=task)
        assert own["support"].sum() == whole["n_test"]
        found = (own["recall"] * own["support"]).sum() / own["support"].sum()
        assert found == pytest.approx(whole["accuracy"], abs=1e-5)
    sure = table[table["automatic_share"] > 0]
    assert set(sure["model"]) == {"Fusion", "Fusion, no text"}


def test_fusion_learns_and_a_missing_text_costs_only_what_it_told(finished):
    _, table = finished
    for task in dataset.TASKS:
        key = {"experiment": "mixed", "task": task}
        majority = pick(table, model="Majority", **key)["accuracy"]
        whole = pick(table, model="Fusion", **key)["accuracy"]
        assert whole > 0.9 > majority
    blind = {"experiment": "mixed", "model": "Fusion, no text"}
    assert pick(table, task="category", **blind)["accuracy"] > 0.85
    assert pick(table, task="gender", **blind)["accuracy"] < 0.5


def test_majority_is_the_commonest_training_class(data, finished):
    _, table = finished
    train, _, test = dataset.sides(data.table)
    usage = data.table["normalized_usage"]
    row = pick(table, experiment="mixed", task="usage", model="Majority")
    assert row["accuracy"] == pytest.approx((usage[test] == usage[train].mode()[0]).mean())
    assert row["n_test"] == len(test)
    native = pick(table, experiment="mixed", task="usage_native", model="Majority")
    assert native["n_test"] == data.table["usage_is_native"][test].sum()


def test_the_saved_network_gives_the_same_answers(data, finished):
    folder, table = finished
    path = folder / "models" / "fusion_mixed_seed_0.safetensors"
    description = read_config(path)
    network = load_state(
        getattr(networks, description["network"])(**description["arguments"]), path
    ).eval()
    test = dataset.sides(data.table)[2]
    with torch.no_grad():
        logits = network(torch.from_numpy(data.image[test]), torch.from_numpy(data.text[test]))
    for task, z in logits.items():
        named = np.array(description["classes"][task])[z.argmax(dim=1)]
        right = (named == data.table[dataset.TASKS[task][0]].to_numpy()[test]).mean()
        row = pick(table, experiment="mixed", task=task, model="Fusion")
        assert row["accuracy"] == pytest.approx(right, abs=1e-6)
    assert len(description["history"]["train_loss"]) == CONFIG.epochs


def test_the_figures_are_those_of_the_best_model_unless_all_are_asked_for(finished):
    drawn = {path.name for path in (finished[0] / "figures" / "deep").iterdir()}
    mixed = finished[1][finished[1]["experiment"] == "mixed"]
    best = {}
    for task in dataset.TASKS:
        rows = mixed[mixed["task"] == task]
        best[task] = rows.loc[rows["accuracy"].idxmax(), "model"].lower().replace(", ", "_")
    best = {f"confusion_{model.replace(' ', '_')}_{task}.png" for task, model in best.items()}
    assert drawn == {"learning_fusion.png", *best}


def test_the_leaderboard_shows_the_mixed_experiment_and_marks_the_best(data, finished):
    config = RunConfig(Paths(finished[0]))
    results = Results(config.paths.results("deep"), config, data.inputs, classification.KEY)
    lines = classification.summary(config, data, results).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["Majority", "Fusion", "Fusion, no text"]
    assert lines[1].endswith("baseline") and lines[2].endswith("best")
    row = pick(finished[1], experiment="mixed", model="Fusion", task="category")
    assert lines[2].split()[1:3] == [f"{row[name]:.3f}" for name in ("accuracy", "f1_macro")]


@pytest.fixture
def fits(monkeypatch):
    """What is trained while a test runs."""
    trained, real = [], training.fit

    def fit(*args, **kwargs):
        trained.append(kwargs["progress"])
        return real(*args, **kwargs)

    monkeypatch.setattr(training, "fit", fit)
    return trained


@pytest.fixture
def copied(finished, tmp_path):
    """A finished run that a test may go on with."""
    return shutil.copytree(finished[0], tmp_path / "copied")


def test_a_second_run_computes_nothing_and_a_second_seed_only_itself(data, finished, copied, fits):
    folder, table = copied, finished[1]
    again = run(data, folder)
    assert fits == []
    pd.testing.assert_frame_equal(again, table)
    more = run(data, folder, seed=(0, 1))
    assert fits == [f"Fusion {experiment} seed 1" for experiment in dataset.EXPERIMENTS]
    assert len(more) == 2 * len(table)


def test_the_studys_criterion_is_read_twice_from_the_same_weights(data, copied):
    table = run(data, copied, "study")
    key = {"experiment": "mixed", "task": "usage"}
    exact = pick(table, model="Fusion (study criterion)", **key)
    argmax = pick(table, model="Fusion (study criterion, argmax)", **key)
    assert exact["accuracy"] <= argmax["accuracy"]
    assert exact["fit_seconds"] == argmax["fit_seconds"]
    assert math.isnan(exact["ece"])
    assert pick(table, model="Fusion", **key)["accuracy"] > 0.9  # the other rows are still there


def test_exact_match_names_a_class_only_if_exactly_one_passes():
    logits = np.array([[2.0, -1, -1], [2, 1, -1], [-1, -2, -3], [-1, -1, 0.1]])
    assert multitask.exact_match(logits).tolist() == [0, -1, -1, 2]


def test_losses_of_the_two_criteria():
    logits, y = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), torch.tensor([0, 1])
    outputs, targets = {"one": logits, "two": logits}, {"one": y, "two": y}
    assert multitask.loss("cross-entropy")(outputs, targets).item() == pytest.approx(
        nn.functional.cross_entropy(logits, y).item()
    )
    p = torch.sigmoid(logits)
    wanted = torch.tensor([[1.0, 0], [0, 1]])
    bce = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean()
    assert multitask.loss("study")(outputs, targets).item() == pytest.approx(bce.item(), rel=1e-5)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(wanted):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (chances.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    assert metrics.fit_temperature(wanted * logits, y) == pytest.approx(wanted, rel=0.05)


def test_the_random_split_overwrites_nothing(data, copied):
    folder = copied
    before = (folder / "models" / "fusion_mixed_seed_0.safetensors").read_bytes()
    table = run(data, folder, split="random", all_figures=True)
    assert set(table["split"]) == {"grouped", "random"}
    drawn = {path.name for path in (folder / "figures" / "deep").iterdir()}
    for kind in ("confusion", "coverage"):
        assert f"{kind}_fusion_no_text_category_random_split.png" in drawn
    assert (folder / "models" / "fusion_mixed_seed_0.safetensors").read_bytes() == before


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
from common import training
import test_classification_deep as deep
from planted import planted_products
real, folder = training.fit, {folder!r}
def killed_in_the_third(*args, **kwargs):
    def loss(outputs, targets, plain=args[3], seen=[]):
        seen.append(0)
        if kwargs["progress"].startswith("Fusion mixed") and len(seen) > 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(outputs, targets)
    return real(*args[:3], loss, *args[4:], **kwargs)
training.fit = killed_in_the_third
deep.run(planted_products(), folder)
"""


def test_a_kill_in_training_leaves_whole_rows_and_the_next_run_goes_on(
    data, finished, tmp_path, fits
):
    script = KILLED.format(root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not list(tmp_path.rglob(".unfinished*"))
    kept = {path.name for path in (tmp_path / "models").iterdir()}
    stems = ("fusion_hnm_to_fashion_seed_0", "fusion_fashion_to_hnm_seed_0")
    assert kept == {f"{stem}.{end}" for stem in stems for end in ("safetensors", "json")}
    rows = pd.read_csv(tmp_path / "results" / "deep.csv")
    assert set(rows[rows["model"] == "Fusion"]["experiment"]) == {"HNM->FASHION", "FASHION->HNM"}

    table = run(data, tmp_path)
    assert fits == ["Fusion mixed seed 0"]
    pd.testing.assert_frame_equal(
        table.drop(columns="fit_seconds"), finished[1].drop(columns="fit_seconds")
    )
