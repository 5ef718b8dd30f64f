"""A marketplace that the price model has never seen, with 0, 100 and 1,000 listings of its own.

    python -m experiments.new_platform --data-dir data/resale

Each platform with enough listings is left out in turn, and then all of its marketplace (all that
is called `vinted_...`), which is harder: another crawl of a marketplace tells a lot. Own rows are
drawn from its rows to learn from, and its test rows are priced by

    Reference      the ridge without the platform: the mean of general platforms; no own row
    TF-IDF ridge   a ridge on words and letters of all fields of the own rows, its penalty by
                   cross-validation
    Adapted        what `regression_ML.py --market resale --adapt` does with the same rows

`spearman` is the rank correlation; `coverage` and `margin` are those of the 90 % range (log USD).

Reads   dataset_with_llm.csv
Writes  results/new_platform.csv, figures/new_platform/gain.png
"""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline, make_union

from common import cli
from common.artifacts import StageError
from common.figures import new_figure, save
from common.results import Results, aligned
from resale import fit
from resale.adapt import AdaptedModel
from resale.baselines import field_texts
from resale.fields import read_fields
from resale.level_one import LevelOne

KEY = ("platform", "left_out", "model", "rows", "seed")
REFERENCE, RIDGE, ADAPTED = "Reference", "TF-IDF ridge", "Adapted"
DRAWS = {100: 5, 1000: 2}
LEAST_ROWS = 1000  # to learn from, for a platform to be left out
ALPHAS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 50)
WANTED = 0.1  # of R2 that 100 rows are to gain over the ridge on them alone


def own_ridge(rows: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Log USD of `test` (n,) by what the own rows alone teach."""
    common = {"sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\b\w+\b", **common)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common)
    model = make_pipeline(make_union(words, letters), RidgeCV(ALPHAS))
    return model.fit(field_texts(rows), np.log(rows["price_usd"])).predict(field_texts(test))


def reference(base: LevelOne, test: pd.DataFrame) -> np.ndarray:
    """Log USD of `test` (n,): the mean of what general platforms would ask."""
    fields = read_fields(test)
    rows, result = base.sparse(fields), np.zeros(len(test))
    places = fields["title"].map(lambda title: tuple(base.platforms.references(title)))
    for chosen, members in places.groupby(places).indices.items():
        part = rows[members]
        for place in chosen:
            part.platform = np.full(len(members), place)
            log_usd = base.platforms.to_log(base.ridge.predict(part), part.platform)
            result[members] += log_usd / len(chosen)
    return result


def score(test: pd.DataFrame, log_usd: np.ndarray, margin: float | None = None) -> dict:
    """The measures of a row of the table."""
    true = np.log(test["price_usd"].to_numpy(np.float64))
    row = {
        "n_test": len(test),
        **fit.score(true, log_usd),
        "spearman": spearmanr(true, log_usd).statistic,
    }
    if margin is not None:
        row |= {"coverage": np.mean(np.abs(log_usd - true) <= margin), "margin": margin}
    return row


def left_out(learn: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """What is left out, its name, and the platforms in it that are then new."""
    counts = learn["platform"].value_counts()
    platforms = sorted(counts.index[counts >= LEAST_ROWS])
    marketplaces: dict[str, list[str]] = {}
    for platform in platforms:
        marketplaces.setdefault(_marketplace(platform), []).append(platform)
    return [
        *(("platform", platform, [platform]) for platform in platforms),
        *(("marketplace", name, members) for name, members in marketplaces.items()),
    ]


def draw_gain(frame: pd.DataFrame, path) -> None:
    """R2 of the ridge on the own rows alone and of the adapted model, a line a platform."""
    frame = frame[(frame["left_out"] == "platform") & (frame["rows"] > 0)]
    means = frame.pivot_table("r2_log", ["rows", "platform"], "model")
    counts = sorted(frame["rows"].unique())
    order = means.loc[counts[0]].sort_values(ADAPTED).index
    size = {"ncols": len(counts), "sharey": True, "squeeze": False}
    figure, axes = new_figure(4.5 * len(counts), 1.2 + 0.24 * len(order), **size)
    for axis, rows in zip(axes[0], counts, strict=True):
        values, lines = means.loc[rows].reindex(order), range(len(order))
        axis.hlines(lines, values[RIDGE], values[ADAPTED], color="0.75")
        axis.plot(values[RIDGE], lines, "o", color="0.45", label="TF-IDF ridge on them alone")
        axis.plot(values[ADAPTED], lines, "o", color="#0072B2", label="adapted model")
        axis.set(xlabel=f"R² of log prices, {rows:,} own rows", yticks=lines, yticklabels=order)
    axes[0][0].legend(fontsize=8, loc="lower right")
    save(figure, tuple(axes[0]), path, "A marketplace that the model has never seen")


def summary(frame: pd.DataFrame) -> str:
    """Of how many platforms the adapted model is better, and by how much."""
    frame = frame[frame["rows"] > 0]
    means = frame.pivot_table("r2_log", ["left_out", "rows", "platform"], "model")
    means["gain"] = means[ADAPTED] - means[RIDGE]
    lines = [["left out", "own rows", "platforms", RIDGE, ADAPTED, "gain >= 0.1", "gain >= 0"]]
    for (kind, rows), group in means.groupby(level=["left_out", "rows"], sort=False):
        r2, gain = group[[RIDGE, ADAPTED]].mean(), group["gain"]
        line = [kind, rows, len(group), f"{r2[RIDGE]:.3f}", f"{r2[ADAPTED]:.3f}"]
        lines.append([str(cell) for cell in [*line, (gain >= WANTED).sum(), (gain >= 0).sum()]])
    return aligned(lines)


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    data = fit.load(run)
    results = Results(run.paths.results("new_platform"), run, {"table": data.path}, KEY)
    out = left_out(data.learn)
    if not out:
        raise StageError(f"{data.path}: no platform has {LEAST_ROWS} rows to learn from")
    market = data.learn["platform"].map(_marketplace)
    for kind, name, platforms in out:
        keys = [{"platform": platform, "left_out": kind} for platform in platforms]
        last = {"model": ADAPTED, "rows": max(DRAWS), "seed": DRAWS[max(DRAWS)] - 1}
        if all(results.done(**key, **last) for key in keys):
            continue
        others = data.learn[(market if kind == "marketplace" else data.learn["platform"]) != name]
        base, _ = LevelOne.fit(others.reset_index(drop=True), folds=0)
        for key in keys:
            own = data.learn[data.learn["platform"] == key["platform"]]
            test = data.test[data.test["platform"] == key["platform"]]
            row = key | {"model": REFERENCE, "rows": 0, "seed": 0}
            results.add(**row, **score(test, reference(base, test)))
            for count, draws in DRAWS.items():
                for seed in range(draws):
                    rows = own.sample(count, random_state=seed)
                    model = AdaptedModel.fit(base, rows)
                    row = key | {"rows": count, "seed": seed}
                    ridge = score(test, own_ridge(rows, test))
                    results.add(**row | {"model": RIDGE} | ridge)
                    adapted = score(test, model.predict(test), model.margin)
                    results.add(**row | {"model": ADAPTED} | adapted)
    draw_gain(results.frame, run.paths.figure("new_platform/gain"))
    results.finish(summary(results.frame))


def _marketplace(platform: str) -> str:
    return platform.split("_")[0]


if __name__ == "__main__":
    cli.run(main)
