"""Across sources: what shifts, and what closes the gap to having learned from both.

    python -m experiments.cross_source --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2 3 4

Category and gender of one source's test products, learned from the other source (HNM->FASHION and
back) by CLIP Fusion and by a linear SVM: as the study did it, with one remedy at a time, and
learned from both sources. The last remedy joins three views (the model, the words that both sources
use, the names of the classes) and learns from products on which they agree. Remedies see unlabelled
training and validation products of the source that is answered for, never its labels; temperatures
come from validation rows of the source learned from. `gap_closed` is the share of the way, in
accuracy, from the study's recipe to having learned from both sources.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing), photos
Writes  <data-dir>/results/source_shift.csv, results/across_sources.csv
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from common import cli, dataset, metrics, presets, runtime
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.labels import clip_fusion as fusion
from common.labels.multitask import Model, array_batches, train
from common.labels.networks import ClipFusion
from common.labels.protocol import Split
from common.product_table import listing_text
from common.results import Results
from common.training import predict, torch_device
from experiments import dataset_shift as source_shift
from experiments import domain_adaptation as adaptation
from experiments.retrieval import CATEGORY_WORDS

KEY = ("experiment", "task", "model", "recipe", "split", "text", "seed")
EXPERIMENTS = ("HNM->FASHION", "FASHION->HNM")
TASKS = ("category", "gender")
STUDY, BOTH = "as the study", "learned from both"
SHARPNESS = 30.0  # of cosines, as CLIP has it before its temperature is learned
SVM_PENALTY = 0.001  # as in stage 3a

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
    """One experiment: rows of the two sources (first: learned from), of the sides, the split."""

    split: Split
    sources: list[np.ndarray]
    seen: list[np.ndarray]  # training and validation rows of each

    @property
    def unlabelled(self) -> np.ndarray:
        return self.seen[1]


def case(data: dataset.Dataset, experiment: str, seed: int) -> Case:
    source, split = (data.table[name].to_numpy() for name in ("dataset_source", "split"))
    sources = [np.flatnonzero(source == one) for one in experiment.split("->")]
    targets = {task: dataset.labels(data.table, task) for task in dataset.TASKS}
    sides = dataset.sides(data.table, experiment)
    seen = [rows[split[rows] != "test"] for rows in sources]
    return Case(Split(experiment, seed, *sides, targets), sources, seen)


# --- the two models: (args, image, text, split) -> {task: scores (n_rows, n_classes)} ------


def clip_fusion(args, image, text, split: Split) -> dict[str, np.ndarray]:
    runtime.seed_everything(split.seed)
    classes = {task: len(names) for task, (_, names) in split.targets.items()}
    network = ClipFusion(image.shape[1], text.shape[1], classes, **fusion.NETWORK)
    config = fusion.config(**fusion.TRAINING)
    batches = array_batches(image, text, batch_size=config.batch_size)
    train(args, split, Model("CLIP Fusion", None, batches, config), network)
    every = batches(np.arange(len(image)), None, False, split.seed)
    answered = predict(network, every, torch_device(args.device))
    return {task: answered[task] for task in TASKS}


def linear_svm(args, image, text, split: Split) -> dict[str, np.ndarray]:
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    joined = np.concatenate([image, text], axis=1)
    joined = StandardScaler().fit(joined[split.train]).transform(joined)
    scores = {}
    for task in TASKS:
        y, names = split.targets[task]
        model = LinearSVC(C=SVM_PENALTY, random_state=split.seed)
        model.fit(joined[split.train], y[split.train])
        decided = model.decision_function(joined)
        # A class that training lacks is named last.
        scores[task] = np.full((len(joined), len(names)), decided.min() - 1)
        scores[task][:, model.classes_] = decided if decided.ndim == 2 else np.c_[-decided, decided]
    return scores


MODELS = {"CLIP Fusion": clip_fusion, "LinearSVC": linear_svm}


# --- recipes ---------------------------------------------------------------------------------


def recipes(args, data: dataset.Dataset, one: Case, fit, names: dict[str, np.ndarray]):
    """Yields (recipe, {task: scores (n_rows, n_classes)}).

    Parameters: fit: one of `MODELS`; names: {task: scores by the nearest class name}.
    """
    image, text, split = np.asarray(data.image), np.asarray(data.text), one.split
    plain = fit(args, image, text, split)
    yield STUDY, plain
    for name, alike in (
        ("standardised by source", adaptation.standardised),
        ("CORAL", adaptation.coral),
    ):
        pair = (alike(rows, one.sources, one.seen) for rows in (image, text))
        yield name, fit(args, *pair, split)

    texts, joined = listing_text(data.table), np.concatenate([image, text], axis=1)
    made: dict[str, dict] = {}
    for task in TASKS:
        y, classes = split.targets[task]

        def sure(scores, y=y):
            seen = split.validation
            return log_softmax(scores / metrics.fit_temperature(scores[seen], y[seen]), axis=1)

        answers = sure(plain[task])
        shares = np.bincount(y[split.train], minlength=len(classes)) / len(split.train)
        words = adaptation.shared_words(texts, y, split.train, one.unlabelled, len(classes))
        chosen = {
            "self-training on the surest": adaptation.surest(answers, one.unlabelled),
            "self-training where three agree": adaptation.agreed(
                [answers, words, names[task]], one.unlabelled
            ),
        }
        for name, scores in {
            "label shares by EM": adaptation.with_target_shares(answers, one.unlabelled, shares),
            "class names": answers + sure(names[task]),
            "shared words": answers + sure(words),
            **{
                name: adaptation.retrained(joined, answers, rows, one.unlabelled)
                for name, rows in chosen.items()
            },
        }.items():
            made.setdefault(name, {})[task] = scores
    yield from made.items()


def class_names(data: dataset.Dataset, encode) -> dict[str, np.ndarray]:
    """{task: scores (n_rows, n_classes)}: how near picture and text are to what a class is called.

    encode: texts -> L2-normalised embeddings, as the data set's.
    """
    found, both = {}, np.asarray(data.image) + np.asarray(data.text)
    for task in TASKS:
        names = [
            encode(list(CLASS_WORDS[task][one])).mean(axis=0) for one in dataset.TASKS[task][1]
        ]
        names = np.stack([name / np.linalg.norm(name) for name in names])
        found[task] = SHARPNESS * (both @ names.T)
    return found


def measure(args: argparse.Namespace, data: dataset.Dataset, results: Results, encode) -> None:
    """Adds a row per experiment, model, seed, recipe and task; what is there is left out."""
    names = class_names(data, encode)
    said = {"split": args.split, "text": data.text_setting}
    mixed = dataset.sides(data.table, "mixed")
    for seed in args.seed:
        for model, fit in MODELS.items():
            # The last row of an experiment says that it is whole.
            last = {"task": TASKS[-1], "model": model, "recipe": BOTH, "seed": seed, **said}
            wanted = [each for each in EXPERIMENTS if not results.done(experiment=each, **last)]
            if not wanted:
                continue
            targets = {task: dataset.labels(data.table, task) for task in dataset.TASKS}
            both = fit(args, data.image, data.text, Split("mixed", seed, *mixed, targets))
            for experiment in wanted:
                one = case(data, experiment, seed)
                most = {task: scored(one, task, both[task]) for task in TASKS}
                least: dict = {}
                for recipe, answers in [*recipes(args, data, one, fit, names), (BOTH, both)]:
                    for task in TASKS:
                        found = scored(one, task, answers[task])
                        start = least.setdefault(task, found["accuracy"])
                        gap = most[task]["accuracy"] - start
                        closed = (found["accuracy"] - start) / gap if gap > 0 else float("nan")
                        results.add(
                            experiment=experiment,
                            task=task,
                            model=model,
                            recipe=recipe,
                            **said,
                            seed=seed,
                            n_train=len(mixed[0] if recipe == BOTH else one.split.train),
                            n_test=len(one.split.test),
                            **found,
                            gap_closed=closed,
                        )


def scored(one: Case, task: str, scores: np.ndarray) -> dict[str, float]:
    test = one.split.test
    found = metrics.classification(one.split.targets[task][0][test], scores[test].argmax(axis=1))
    return {"accuracy": found["accuracy"], "macro_f1": found["f1_macro"]}


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    args = cli.parse(parser)
    args.criterion = "cross-entropy"

    data = dataset.load(cli.run_config(args))
    said = {"split": args.split}
    shift = Results(args.paths.results("source_shift"), args, data.inputs, ("shift", "split"))
    for row in source_shift.measure(data, args.paths.raw):
        if not shift.done(shift=row["shift"], **said):
            shift.add(**said, **row)
    shift.finish()

    settings = {"network": fusion.IN_USE}
    results = Results(args.paths.results("across_sources"), args, data.inputs, KEY, settings)
    encode = ClipEncoder(load_clip(cli.run_config(args), torch_device(args.device))).texts
    measure(args, data, results, encode)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
