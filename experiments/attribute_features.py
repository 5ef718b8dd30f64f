"""What the attributes read from the text are worth to a classifier, as categories and as text.

    python -m experiments.attribute_features --data-dir data/sample            # the drawn sample
    python -m experiments.attribute_features --data-dir data/kaggle14k --raw-dir PATH

One linear classifier per task (category, gender, usage; training and test rows of both sources)
learns from the embeddings of picture and listing text; then also from the attributes: as
categories (``normal_*``, one place per value of the training rows) and as text (the embedding of
``llm_text``). Beside these: the attributes alone, and the picture with and without them, since
the listing's text already says what was read out of it.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy
Writes results/attribute_worth.csv, whose rows join the README's classification table
"""

import time

from common import cli, presets

STAGE = "attribute_worth"
# What a row is called, and what it is given.
GIVEN = {
    "Linear": ("image", "text"),
    "Linear + attributes as categories": ("image", "text", "categories"),
    "Linear + attributes as text": ("image", "text", "attribute text"),
    "Linear, picture": ("image",),
    "Linear, picture + attributes as categories": ("image", "categories"),
    "Linear, picture + attributes as text": ("image", "attribute text"),
    "Linear, attributes as categories": ("categories",),
    "Linear, attributes as text": ("attribute text",),
}
STRENGTH = 0.02  # C of the logistic regression on embeddings of length SCALE
SCALE = 20.0
RAREST = 5  # training rows of a value that has a place of its own


def categories(table, train):
    """One-hot columns (n_rows, n_values), float32, of the values that the training rows show.

    Scaled so that a row of all attributes is as long as an embedding.
    """
    import numpy as np
    import pandas as pd

    from attributes.listing import COLUMNS

    parts = []
    for name, column in COLUMNS.items():
        if name == "fibres":
            continue  # percentages; ``fabric`` says the same in few values
        counts = table[column].iloc[train].value_counts()
        known = sorted(value for value in counts.index[counts >= RAREST] if value)
        codes = pd.Index(known).get_indexer(table[column])
        parts.append(np.eye(len(known) + 1, dtype=np.float32)[codes][:, :-1])
    return np.hstack(parts) * np.float32(SCALE / np.sqrt(len(parts)))


def fit(name: str, blocks: dict, split):
    """Yields the answers of a multinomial logistic regression to the split's tasks."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from common.labels.protocol import Prediction

    inputs = np.hstack([blocks[part] for part in GIVEN[name]])
    for task, (y, classes) in split.targets.items():
        started = time.perf_counter()
        model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3)
        model.fit(inputs[split.train], y[split.train])
        seconds = time.perf_counter() - started
        proba = np.zeros((len(split.test), len(classes)), dtype=np.float32)
        proba[:, model.classes_] = model.predict_proba(inputs[split.test])
        yield Prediction(name, task, seconds, proba)


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    args = cli.parse(parser)

    from functools import partial

    import numpy as np

    from attributes.listing import PREFIX
    from common import dataset
    from common.artifacts import StageError
    from common.embed import embeddings
    from common.labels.protocol import KEY, Estimator, run_tasks
    from common.results import Results

    data = dataset.load(cli.run_config(args))
    if not any(name.startswith(PREFIX) for name in data.table):
        raise StageError(
            f"{args.paths.llm} has no normal values; make it anew with: "
            "python Use_LLM_for_preprocess.py"
        )
    blocks = {
        "image": np.asarray(data.image, np.float32) * SCALE,
        "text": np.asarray(data.text, np.float32) * SCALE,
        "attribute text": embeddings.embed_texts(cli.run_config(args), list(data.table["llm_text"]))
        * SCALE,
        "categories": categories(data.table, dataset.sides(data.table)[0]),
    }
    results = Results(args.paths.results(STAGE), args, data.inputs, KEY, {"given": GIVEN})
    estimators = [
        Estimator((name,), partial(fit, name, blocks), joint=True, figures=False) for name in GIVEN
    ]
    run_tasks(args, data, results, estimators, experiments=("mixed",))
    results.finish()


if __name__ == "__main__":
    cli.run(main)
