"""How well a classifier of one source labels the other, and what closes the gap between them.

    python -m experiments.cross_source --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2 3 4

Category and gender of one source's test products, learned from the other source (HNM->FASHION and
back) by CLIP Fusion and by a linear SVM: as the study did it, with one remedy at a time, and
learned from both sources. The last remedy joins three views (the model, the words that both sources
use, the names of the classes) and learns from products on which they agree. Remedies see unlabelled
training and validation products of the target source, never its labels; temperatures come from
validation rows of the source learned from. `gap_closed` is the share of the way, in accuracy, from
the study's recipe to having learned from both sources.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/cross_source.csv
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import log_softmax

from common import cli, dataset, metrics, presets
from common.artifacts import RunConfig
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.labels import classical, clip_fusion
from common.labels.multitask import train
from common.labels.protocol import Split
from common.product_table import listing_text
from common.results import Results, leaderboard
from common.training import predict, torch_device
from experiments.domain_adaptation import (
    adjust_to_target_shares,
    agreeing_rows,
    coral,
    predict_by_shared_words,
    retrain,
    standardise,
    surest_rows,
)
from experiments.retrieval import CATEGORY_WORDS, class_embeddings

KEY = ("experiment", "task", "model", "recipe", "split", "text", "seed")
EXPERIMENTS = ("HNM->FASHION", "FASHION->HNM")
TASKS = ("category", "gender")
STUDY, BOTH = "as the study", "learned from both"
COSINE_SCALE = 30.0  # CLIP's, before its temperature is learned

# What a listing would call the things of a class.
CLASS_WORDS = {
    "category": CATEGORY_WORDS,
    "gender": {
        "Men": ("men", "men's clothing", "a man"),
        "Women": ("women", "women's clothing", "a woman", "ladies"),
        "Boys": ("boys", "boys' clothing", "a boy"),
        "Girls": ("girls", "girls' clothing", "a girl"),
        "Unisex": ("unisex", "unisex, for men and women", "baby"),
    },
}


@dataclass(frozen=True)
class Case:
    """An experiment: its split, the rows of each source, and their training and validation rows.

    The first source is learned from, the second is the target.
    """

    split: Split
    sources: list[np.ndarray]
    fit_rows: list[np.ndarray]

    @classmethod
    def of(cls, data: dataset.Dataset, experiment: str, seed: int) -> "Case":
        names, side = (data.table[column].to_numpy() for column in ("dataset_source", "split"))
        sources = [np.flatnonzero(names == name) for name in experiment.split("->")]
        fit_rows = [rows[side[rows] != "test"] for rows in sources]
        return cls(Split.of(data.table, experiment, seed), sources, fit_rows)

    @property
    def unlabelled(self) -> np.ndarray:
        return self.fit_rows[1]

    def score(self, task: str, scores: np.ndarray) -> dict[str, float]:
        y, test = self.split.targets[task][0], self.split.test
        values = metrics.classification(y[test], scores[test].argmax(axis=1))
        return {name: values[name] for name in ("accuracy", "f1_macro")}


# --- the two models: (device, image, text, split) -> {task: scores (n_rows, n_classes)} ----------


def clip_fusion_scores(device: str, image, text, split: Split) -> dict[str, np.ndarray]:
    model = clip_fusion.clip_fusion(image, text)
    network, *_ = train(model, split, torch_device(device))
    every = model.batches(np.arange(len(image)), None, False, split.seed)
    return predict(network, every, torch_device(device))


def linear_svm_scores(device: str, image, text, split: Split) -> dict[str, np.ndarray]:
    features, scores = classical.Features(image, text), {}
    for task in TASKS:
        fitted = classical.fit("LinearSVC", features, split, task, {})
        decision = fitted.model.decision_function(fitted.features)
        # A class that training lacks is ranked last.
        scores[task] = np.full((len(decision), split.classes[task]), decision.min() - 1)
        columns = decision if decision.ndim == 2 else np.c_[-decision, decision]
        scores[task][:, fitted.present] = columns
    return scores


MODELS = {"CLIP Fusion": clip_fusion_scores, "LinearSVC": linear_svm_scores}


# --- recipes ---------------------------------------------------------------------------------


def recipes(
    data: dataset.Dataset, case: Case, fit: Callable, names: dict[str, np.ndarray]
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields (recipe, {task: scores (n_rows, n_classes)}).

    Args:
        fit: (image, text, split) -> {task: scores}.
        names: {task: scores by the nearest class name}.
    """
    image, text, split = np.asarray(data.image), np.asarray(data.text), case.split
    baseline = fit(image, text, split)
    yield STUDY, baseline
    for name, align in (("standardised by source", standardise), ("CORAL", coral)):
        pair = (align(rows, case.sources, case.fit_rows) for rows in (image, text))
        yield name, fit(*pair, split)

    texts, joined = listing_text(data.table), np.concatenate([image, text], axis=1)
    remedies, target, rows = {}, case.unlabelled, split.validation
    for task in TASKS:
        y, n_classes = split.targets[task][0], split.classes[task]

        def log_proba(scores, y=y):
            return log_softmax(scores / metrics.fit_temperature(scores[rows], y[rows]), axis=1)

        log_p = log_proba(baseline[task])
        shares = np.bincount(y[split.train], minlength=n_classes) / len(split.train)
        words = predict_by_shared_words(texts, y, split.train, target, n_classes)
        surest = surest_rows(log_p, target)
        agreed = agreeing_rows([log_p, words, names[task]], target)
        for name, scores in {
            "label shares by EM": adjust_to_target_shares(log_p, target, shares),
            "class names": log_p + log_proba(names[task]),
            "shared words": log_p + log_proba(words),
            "self-training on the surest": retrain(joined, log_p, surest, target),
            "self-training where three agree": retrain(joined, log_p, agreed, target),
        }.items():
            remedies.setdefault(name, {})[task] = scores
    yield from remedies.items()


def class_name_scores(data: dataset.Dataset, encode: Callable) -> dict[str, np.ndarray]:
    """{task: scores (n_rows, n_classes)}: how near image and text are to the names of a class.

    encode: texts -> L2-normalised embeddings, as the data set's.
    """
    both = np.asarray(data.image) + np.asarray(data.text)
    names = {
        task: class_embeddings(encode, [CLASS_WORDS[task][name] for name in dataset.TASKS[task][1]])
        for task in TASKS
    }
    return {task: COSINE_SCALE * (both @ embeddings.T) for task, embeddings in names.items()}


def measure(run: RunConfig, data: dataset.Dataset, results: Results, encode: Callable) -> None:
    """Adds a row per experiment, model, seed, recipe and task; what is there is left out."""
    names = class_name_scores(data, encode)
    base = {"split": run.split, "text": data.text_setting}
    for seed, (model, fit_on) in product(run.seed, MODELS.items()):
        # The last row of an experiment says that it is whole.
        last = {"task": TASKS[-1], "model": model, "recipe": BOTH, "seed": seed, **base}
        missing = [name for name in EXPERIMENTS if not results.done(experiment=name, **last)]
        if not missing:
            continue

        def fit(image, text, split, fit_on=fit_on):
            return fit_on(run.device, image, text, split)

        mixed = Split.of(data.table, "mixed", seed)
        both = fit(data.image, data.text, mixed)
        for experiment in missing:
            case, start = Case.of(data, experiment, seed), {}
            for recipe, scores in [*recipes(data, case, fit, names), (BOTH, both)]:
                learned = mixed if recipe == BOTH else case.split
                for task in TASKS:
                    values = case.score(task, scores[task])
                    low = start.setdefault(task, values["accuracy"])
                    gap = case.score(task, both[task])["accuracy"] - low
                    results.add(
                        experiment=experiment,
                        task=task,
                        model=model,
                        recipe=recipe,
                        **base,
                        seed=seed,
                        n_train=len(learned.train),
                        n_test=len(case.split.test),
                        **values,
                        gap_closed=(values["accuracy"] - low) / gap if gap > 0 else np.nan,
                    )


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    run = cli.run_config(cli.parse(parser))
    data = dataset.load(run)
    settings = {"network": clip_fusion.IN_USE}
    results = Results(run.paths.results("cross_source"), run, data.inputs, KEY, settings)
    encode = ClipEncoder(load_clip(run, torch_device(run.device))).texts
    measure(run, data, results, encode)
    columns = {"accuracy": ("accuracy", "{:.3f}"), "gap_closed": ("gap closed", "{:.0%}")}
    frame = results.frame
    frame = frame[frame["recipe"] != BOTH]
    index = ["experiment", "task", "model", "recipe"]
    results.finish(leaderboard(frame, index, columns, best="accuracy", baseline=STUDY))


if __name__ == "__main__":
    cli.run(main)
