"""How well a classifier of one source labels the other, and what closes the gap between them.

    python -m experiments.cross_source --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2 3 4

Category and gender of one source's test products, learned from the other source (HNM->FASHION and
back) by CLIP Fusion and by a linear SVM: as the study did it, with one remedy at a time, and
learned from both sources. Remedies see unlabelled training and validation products of the target
source, never its labels; temperatures come from validation rows of the source learned from.
`gap_closed`: share of the way, in accuracy, from the study's recipe to learning from both sources.

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy
Writes  results/cross_source.csv
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
from experiments import domain_adaptation
from experiments.domain_adaptation import coral, retrain, standardise
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
    """An experiment: its split, the rows of both sources, and their training and validation rows.

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
    embeddings, scores = np.concatenate([image, text], axis=1, dtype=np.float32), {}
    features = classical.features("LinearSVC", embeddings, split)
    for task in TASKS:
        fitted = classical.fit("LinearSVC", features, split, task, {})
        decision = fitted.model.decision_function(features)
        # A class that training lacks is ranked last.
        scores[task] = np.full((len(decision), split.classes[task]), decision.min() - 1)
        scores[task][:, fitted.present] = domain_adaptation.by_class(decision)
    return scores


MODELS = {"CLIP Fusion": clip_fusion_scores, "LinearSVC": linear_svm_scores}


# --- recipes ---------------------------------------------------------------------------------


def recipes(
    data: dataset.Dataset, case: Case, fit: Callable, names: dict[str, np.ndarray]
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields (recipe, {task: scores (n_rows, n_classes)}).

    fit: (image, text, split) -> {task: scores}; names: {task: scores by the nearest class name}.
    """
    image, text, split = np.asarray(data.image), np.asarray(data.text), case.split
    baseline = fit(image, text, split)
    yield STUDY, baseline
    for name, align in (("standardised by source", standardise), ("CORAL", coral)):
        pair = (align(rows, case.sources, case.fit_rows) for rows in (image, text))
        yield name, fit(*pair, split)

    texts, joined = listing_text(data.table), np.concatenate([image, text], axis=1)
    remedies, target, rows = {}, case.fit_rows[1], split.validation
    for task in TASKS:
        y, n_classes = split.targets[task][0], split.classes[task]

        def log_proba(scores, y=y):
            return log_softmax(scores / metrics.fit_temperature(scores[rows], y[rows]), axis=1)

        log_p = log_proba(baseline[task])
        shares = np.bincount(y[split.train], minlength=n_classes) / len(split.train)
        words = domain_adaptation.predict_by_shared_words(texts, y, split.train, target, n_classes)
        surest = domain_adaptation.surest_rows(log_p, target)
        agreed = domain_adaptation.agreeing_rows([log_p, words, names[task]], target)
        adjusted = domain_adaptation.adjust_to_target_shares(log_p, target, shares)
        for name, scores in {
            "label shares by EM": adjusted,
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
    both, scores = np.asarray(data.image) + np.asarray(data.text), {}
    for task in TASKS:
        words = [CLASS_WORDS[task][name] for name in dataset.TASKS[task][1]]
        scores[task] = COSINE_SCALE * (both @ class_embeddings(encode, words).T)
    return scores


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
                    values["gap_closed"] = (values["accuracy"] - low) / gap if gap > 0 else np.nan
                    row = {"experiment": experiment, "task": task, "model": model}
                    row |= {"recipe": recipe, **base, "seed": seed}
                    row |= {"n_train": len(learned.train), "n_test": len(case.split.test)}
                    results.add(**row, **values)


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
    frame = results.frame.query("recipe != @BOTH")
    index = ["experiment", "task", "model", "recipe"]
    results.finish(leaderboard(frame, index, columns, best="accuracy", baseline=STUDY))


if __name__ == "__main__":
    cli.run(main)
