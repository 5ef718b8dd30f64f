"""Stage 3a: the eight classical models on embeddings whose classes are known."""

import sys

import pandas as pd
import pytest

import Classification_ML
from common import dataset, runtime
from common.labels import classical


@pytest.fixture(scope="module")
def finished(planted, tmp_path_factory):
    """The results table of all models, and a second run's output."""
    folder = tmp_path_factory.mktemp("ml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "load", lambda args: planted)
        # Fewer trees, on one core: what is tested is the protocol, not the score.
        patch.setattr(runtime, "cpu_count", lambda: 1)
        for settings in classical.BOOSTED.values():
            patch.setitem(settings, "n_estimators", 10)
        patch.setattr(sys, "argv", ["Classification_ML.py", "--data-dir", str(folder)])
        Classification_ML.main()
        before = (folder / "results" / "Classification_ML.csv").read_bytes()
        patch.setattr(classical, "build", None)  # a second run may build nothing
        Classification_ML.main()
    after = (folder / "results" / "Classification_ML.csv").read_bytes()
    return folder, before, after


def test_every_experiment_task_and_model_has_its_row_beside_the_majority(finished):
    folder, _, _ = finished
    table = pd.read_csv(folder / "results" / "Classification_ML.csv")
    found = set(zip(table["experiment"], table["task"], table["model"], strict=True))
    for model in ("Majority", *Classification_ML.MODELS):
        for task in dataset.TASKS:
            for experiment in dataset.EXPERIMENTS:
                assert (experiment, task, model) in found
        assert ("mixed", "usage_native", model) in found


def test_models_learn_what_the_embeddings_tell(finished):
    folder, _, _ = finished
    table = pd.read_csv(folder / "results" / "Classification_ML.csv")
    mixed = table[table["experiment"] == "mixed"].set_index(["task", "model"])["accuracy"]
    for task in dataset.TASKS:
        for model in ("LogisticRegression", "LinearSVC", "KNeighbors", "RandomForest"):
            assert mixed[task, model] > mixed[task, "Majority"] + 0.1


def test_a_second_run_computes_nothing(finished):
    _, before, after = finished
    assert before == after


def test_the_confusion_of_the_best_model_is_drawn(finished):
    drawn = [path.stem for path in (finished[0] / "figures" / "Classification_ML").iterdir()]
    assert sorted(name.rpartition("_")[2] for name in drawn) == sorted(dataset.TASKS)
