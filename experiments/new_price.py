"""Does a new price help a second-hand price? One estimated by the retail models, one that is known.

Two questions, each answered on test rows of single platforms by a ridge regression on the words of
a listing, learned from 100, 1,000 and all of the platform's rows:

    estimated  the price that the models of the two catalogues give for title and brand stands
               beside the words, or does not (English platforms)
    known      where a listing states a new price: the words alone, the new price beside them, and
               the ratio of price to new price as the target instead of the price

    python -m experiments.new_price --data-dir data/full --raw-dir PATH

Reads  dataset_with_llm.csv with retail and second-hand rows, models/ of the retail side
Writes results/new_price.csv (a row by question, platform, rows and what is used)
"""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from common import cli
from common.artifacts import StageError
from common.product_table import read_table
from common.results import Results, leaderboard
from pricing.predictor import PricePredictor
from resale.fit import score

ENGLISH = (
    "thredup_actrailblazer thredup_tas09009 mercari_kaggle_corykaye poshmark_jenaalsup "
    "ebay_jenaalsup grailed_jamiejann"
).split()
MAX_ROWS = 2_000  # of a platform, whose new price the retail models estimate
MIN_KNOWN = 400  # rows with a new price that a platform must have
SIZES = (100, 1_000, None)
DRAWS = 5  # of the 100 or 1,000 rows
COLUMNS = "title description brand product_type section size colour material condition".split()
SCORES = {"r2_log": ("R2 log", "{:.3f}"), "mdape": ("median error", "{:.1%}")}


def ridge_price(
    texts: list[str], target: np.ndarray, dense: np.ndarray | None, learn, test, alpha: float = 1.0
) -> np.ndarray:
    """Predictions for test rows of a ridge on TF-IDF words, and a dense column (n,) if given."""
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=1 + (len(learn) > 300))
    matrix = words.fit([texts[row] for row in learn]).transform(texts)
    if dense is not None:
        centre, scale = dense[learn].mean(), dense[learn].std() + 1e-9
        matrix = hstack([matrix, csr_matrix(((dense - centre) / scale)[:, None])], format="csr")
    return Ridge(alpha).fit(matrix[learn], target[learn]).predict(matrix[test])


def compare(results: Results, question: str, rows: pd.DataFrame, log_new: np.ndarray) -> None:
    """Adds a row by number of learning rows and by what is used; ``log_new``: (n,) log USD."""
    platform, log_usd = rows["platform"].iloc[0], np.log(rows["price_usd"].to_numpy())
    texts = [" ".join(cells) for cells in rows[COLUMNS].itertuples(index=False, name=None)]
    learn, test = (
        np.flatnonzero((rows["split"] == "test").to_numpy() == side) for side in (False, True)
    )
    ways = {"words": (log_usd, None, 0.0), f"words and {question} new price": (log_usd, log_new, 0)}
    if question == "known":
        ways["new price alone"] = (log_usd, log_new, None)
        ways["price over new price"] = (log_usd - log_new, None, log_new[test])
    for size in SIZES:
        if size and size > 0.8 * len(learn):
            continue
        draws = [learn]
        if size:
            draws = [np.random.default_rng(draw).permutation(learn)[:size] for draw in range(DRAWS)]
        for name, (target, dense, offset) in ways.items():
            scores = []
            for draw in draws:
                words = [""] * len(texts) if offset is None else texts
                if offset is None:
                    slope, level = np.polyfit(log_new[draw], log_usd[draw], 1)
                    guess = slope * log_new[test] + level
                else:
                    guess = ridge_price(words, target, dense, draw, test) + offset
                scores.append(score(log_usd[test], guess))
            means = pd.DataFrame(scores).mean().to_dict()
            key = {"question": question, "platform": platform, "rows": size or "all", "uses": name}
            results.add(**key, n_learn=len(draws[0]), n_test=len(test), **means)


def estimate_new_prices(predictor: PricePredictor, rows: pd.DataFrame) -> np.ndarray:
    """Log USD (n,) that the retail models give for title and brand."""
    titles = predictor.read(rows["title"].tolist())
    words = [
        predictor.words(reading, {"brand": brand})
        for reading, brand in zip(titles, rows["brand"], strict=True)
    ]
    none = np.full((len(words), predictor.index.image.shape[1]), np.nan)
    return np.log(predictor.price(*zip(*words, strict=True), none)[0][0])


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    table = read_table(run.paths.llm)
    table = table[table["market"] == "resale"]
    if table.empty:
        raise StageError(f"{run.paths.llm} has no second-hand listings; put some in raw/listings")
    key = ("question", "platform", "rows", "uses")
    results = Results(run.paths.results("new_price"), run, {"table": run.paths.llm}, key)
    predictor = PricePredictor.load(run)
    for platform, rows in table.groupby("platform", sort=False):
        if platform in ENGLISH:
            sample = rows.sample(min(MAX_ROWS, len(rows)), random_state=0)
            log_new = estimate_new_prices(predictor, sample)
            compare(results, "estimated", sample, log_new)
        known = rows[rows["new_price_usd"].notna()]
        if len(known) >= MIN_KNOWN:
            compare(results, "known", known, np.log(known["new_price_usd"].to_numpy(float)))
    index = ["question", "platform", "rows", "uses"]
    results.finish(leaderboard(results.frame, index, SCORES, "r2_log"))


if __name__ == "__main__":
    cli.run(main)
