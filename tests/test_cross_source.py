"""What shifts between sources and what helps against it, on made-up products."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import log_softmax

from common import dataset
from common.artifacts import Paths, RunConfig
from common.labels import clip_fusion
from common.results import Results
from experiments import cross_source, dataset_shift, domain_adaptation

RNG = np.random.default_rng(0)


def two_sources(rows=400):
    first, second = np.arange(rows), np.arange(rows, 2 * rows)
    return [first, second], [first[: rows // 2], second[: rows // 2]]


def test_standardised_rows_have_one_mean_and_variance_in_both_sources():
    rows = RNG.normal(size=(800, 4)) * [1, 2, 3, 4]
    rows[400:] += 5
    sources, seen = two_sources()
    made = domain_adaptation.standardise(rows, sources, seen)
    for own in seen:
        assert made[own].mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
        assert made[own].std(axis=0) == pytest.approx(np.full(4, 0.5), rel=1e-4)


def test_coral_gives_the_first_source_the_covariance_of_the_second():
    rows = RNG.normal(size=(800, 4))
    rows[400:] = rows[400:] @ RNG.normal(size=(4, 4)) + 3
    sources, seen = two_sources()
    made = domain_adaptation.coral(rows, sources, seen)
    assert np.cov(made[seen[0]].T) == pytest.approx(np.cov(rows[seen[1]].T), abs=0.05)
    assert made[seen[0]].mean(axis=0) == pytest.approx(rows[seen[1]].mean(axis=0), abs=1e-5)
    assert made[400:] == pytest.approx(rows[400:].astype(np.float32))


def test_em_finds_the_class_shares_of_unlabelled_rows():
    y = (RNG.random(4000) < 0.9).astype(int)
    seen = RNG.normal(size=4000) + 2 * y
    # The exact answer for classes of equal shares.
    answers = log_softmax(np.stack([-(seen**2) / 2, -((seen - 2) ** 2) / 2], axis=1), axis=1)
    corrected = domain_adaptation.adjust_to_target_shares(
        answers, np.arange(4000), np.array([0.5, 0.5])
    )
    assert np.exp(corrected)[:, 1].mean() == pytest.approx(0.9, abs=0.02)
    right = [(each.argmax(axis=1) == y).mean() for each in (answers, corrected)]
    assert right[1] > right[0] + 0.03


def test_words_of_one_source_alone_are_no_evidence():
    texts = ["acme shirt"] * 20 + ["umbra shoes"] * 20 + ["shirt"] * 20 + ["acme shoes"] * 3
    texts += ["shoes"] * 17
    y = np.array([0] * 20 + [1] * 20 + [0] * 20 + [1] * 20)
    train, unlabelled = np.arange(40), np.arange(40, 80)
    answers = domain_adaptation.predict_by_shared_words(texts, y, train, unlabelled, n_classes=3)
    assert (answers[unlabelled].argmax(axis=1) == y[unlabelled]).all()
    assert answers[60] == pytest.approx(answers[79])  # `acme` says nothing
    assert (answers[:, 2] < -10).all()  # a class that training lacks


def test_the_surest_are_taken_class_by_class_and_the_agreed_from_all_views():
    answers = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.45, 0.55], [0.4, 0.6]])
    every = np.arange(6)
    assert sorted(domain_adaptation.surest_rows(answers, every)) == [0, 1, 5]
    assert domain_adaptation.surest_rows(answers, np.array([2, 3])).tolist() == [2]
    other = answers[[0, 5, 2, 4, 4, 0]]
    assert domain_adaptation.agreeing_rows([answers, other], every).tolist() == [0, 2, 4]
    assert domain_adaptation.agreeing_rows([answers, other], np.array([1, 4])).tolist() == [4]


def test_retraining_learns_what_the_other_source_looks_like():
    y = np.repeat([0, 1], 200)
    features = RNG.normal(size=(400, 6)) + 3 * np.eye(6)[y]
    named = np.where(RNG.random(400) < 0.8, y, 1 - y)
    answers = np.log(np.where(np.eye(3)[named] == 1, 0.8, 0.1))
    every = np.arange(400)
    scores = domain_adaptation.retrain(features, answers, every[::2], every)
    assert (scores.argmax(axis=1) == y).mean() > 0.95
    assert (scores[:, 2] == -np.inf).all()  # never answered, never learned
    alone = domain_adaptation.retrain(features, answers, every[:1], every)
    assert alone is answers


@pytest.fixture
def listed(planted):
    """The made-up products with titles that name their labels."""
    table = planted.table
    title = table["normalized_gender"] + " " + table["normalized_category"]
    table = table.assign(title=title, description="", image_path="none.jpg")
    return dataset.Dataset(table, planted.image, planted.text, "clean", planted.inputs)


def test_every_recipe_stands_between_the_study_and_both_sources(listed, tmp_path, monkeypatch):
    config = RunConfig(Paths(tmp_path), device="cpu")
    monkeypatch.setitem(clip_fusion.NETWORK, "widths", (64,))
    directions = RNG.normal(size=(300, 32))

    def encode(texts):
        rows = directions[[sum(map(ord, text)) % 300 for text in texts]]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def run():
        path = config.paths.results("cross_source")
        results = Results(path, config, listed.inputs, cross_source.KEY)
        cross_source.measure(config, listed, results, encode)
        return results.frame

    table = run()
    assert not table.duplicated([*cross_source.KEY]).any()
    recipes = table["recipe"].unique()
    assert recipes[0] == cross_source.STUDY and recipes[-1] == cross_source.BOTH
    assert len(table) == 2 * 2 * 2 * len(recipes)
    assert (table[table["recipe"] == cross_source.STUDY]["gap_closed"].dropna() == 0).all()
    assert (table[table["recipe"] == cross_source.BOTH]["gap_closed"].dropna() == 1).all()
    monkeypatch.setattr(
        cross_source, "MODELS", dict.fromkeys(cross_source.MODELS)
    )  # nothing may be fitted
    pd.testing.assert_frame_equal(run(), table)


def test_no_remedy_looks_at_a_label_of_the_source_that_is_answered_for(listed):
    one = cross_source.Case.of(listed, "HNM->FASHION", 0)
    table = listed.table.copy()
    hidden = one.sources[1]
    for column, classes in dataset.TASKS.values():
        table.loc[hidden, column] = classes[0]
    blind = cross_source.Case.of(
        dataset.Dataset(table, listed.image, listed.text, "clean"), *("HNM->FASHION", 0)
    )

    def fit(image, text, split):
        y, names = split.targets["category"]
        assert not np.isin(split.train, hidden).any()
        scores = image[:, : len(names)] + text[:, : len(names)]
        return {task: scores[:, : len(split.targets[task][1])] for task in cross_source.TASKS}

    named = {task: listed.image[:, : len(dataset.TASKS[task][1])] for task in cross_source.TASKS}
    open_eyed = dict(cross_source.recipes(listed, one, fit, named))
    for recipe, answers in cross_source.recipes(listed, blind, fit, named):
        for task in cross_source.TASKS:
            assert answers[task] == pytest.approx(open_eyed[recipe][task])


def test_facts_of_a_picture(tmp_path):
    picture = Image.new("RGB", (400, 500), "white")
    picture.paste("black", (100, 125, 300, 375))  # a half of each side
    path = tmp_path / "one.png"
    picture.save(path)
    facts = {name: value for (name, _), value in dataset_shift.picture_measures(path).items()}
    assert facts["background brightness"] == 1 and facts["background unevenness"] == 0
    assert facts["frame filled by the product"] == pytest.approx(0.25, abs=0.03)
    assert facts["resolution"] == 0.2 and facts["aspect"] == 0.8
    path.write_bytes(b"not an image")
    assert dataset_shift.picture_measures(path) is None
    Image.new("RGB", (50, 50), "white").save(path)
    assert dataset_shift.picture_measures(path)["frame filled by the product", "share"] == 0


def test_the_shift_is_measured_on_what_there_is(listed, tmp_path):
    Image.new("RGB", (40, 60), "grey").save(tmp_path / "none.jpg")
    rows = {row["shift"]: row for row in dataset_shift.measure(listed, tmp_path)}
    assert rows["words in a text"]["HNM"] == pytest.approx(2, abs=0.01)
    assert rows["texts that name a gender"]["FASHION"] == 1
    assert rows["aspect"]["HNM"] == pytest.approx(2 / 3)
    ((text, distances),) = [item for item in rows.items() if item[0].startswith("text embedding")]
    assert distances["between"] < 2 * distances["HNM"]  # the made-up sources are alike
