"""Makes ready what pricing a single listing needs: what is known, thresholds of doubt, ranges.

    python -m pricing.calibrate --data-dir data/sample
    python -m pricing.calibrate --data-dir data/study --raw-dir PATH

A listing brings less than a product of the catalogue: no source, no section, perhaps a photo only.
The ranges are calibrated for that, apart for photo and text, photo alone and text alone, on the
validation products, each with the whole text and with the title alone; each is priced by the
member of the ensemble that has not learned from it, and labelled by a network that has not either.
Then test products and things that are no listing are priced, and how that went is kept.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, models/ (stages 3d and 4b)
Writes models/appraisal/ (index of products, words, brands, thresholds, margins),
       results/appraisal.csv (ranges by what a listing brings), results/doubt.csv (what is refused)
"""

import time

INDEX, DOOR = "index.safetensors", "door.json"
RANGES, DOUBT = "appraisal", "doubt"
FEW = 20  # products of a brand never seen, below which their margin is a guess
GUESS = 0.25  # that guess, in log USD


def main() -> None:
    from common import cli

    args = cli.parse(cli.parser(__doc__))

    from common import dataset

    make(args, dataset.load(cli.run_config(args)))


def make(args, data) -> None:
    """Writes all that the module's docstring names; ``data``: a :class:`common.dataset.Dataset`.

    Raises StageError for what is missing.
    """
    import numpy as np

    from attributes import rules
    from common import artifacts, dataset
    from common.product_table import listing_text
    from pricing import models as valuing
    from pricing.listing import Reader, known_words
    from pricing.neighbours import Index
    from pricing.predictor import FOLDER, Appraiser

    started, paths = time.monotonic(), args.paths
    made_for = valuing.files(args)
    table, models = data.table, valuing.Models(args)
    train, validation, test = dataset.sides(table)
    learned = np.concatenate([train, validation])
    texts = np.array(listing_text(table), dtype=object)

    # What is known: products, words, brands.
    spelling = {}
    for known in rules.spellings_by_source(table).values():
        spelling |= {name: brand for name, brand in known.items() if name and brand}
    words = known_words(texts[learned])
    index = Index.of(table.iloc[learned], data.image[learned], data.text[learned])
    reader = Reader(spelling, words)

    # The threshold of doubt and the margins, from validation products.
    brought = _brought(models, data, texts, validation)
    thresholds = _thresholds(models, reader, data, train, validation, brought)
    margins, unknown = _margins(args, models, reader, table, validation, learned, brought)

    kept = {
        "spelling": spelling,
        "words": words,
        "thresholds": vars(thresholds),
        "margins": {kind: vars(one) for kind, one in margins.items()},
        "unknown_brand": unknown,
        "models": valuing.prints(args),
        "trained": {
            "data": paths.data.resolve().name,
            "created": time.strftime("%Y-%m-%d", time.gmtime(made_for["price"].stat().st_mtime)),
            "preset": args.preset,
            "products": len(learned),
            "sources": table["dataset_source"].iloc[learned].value_counts().to_dict(),
        },
    }
    index.save(paths.model(FOLDER, INDEX))
    artifacts.write_json(kept, paths.model(FOLDER, DOOR))
    inputs = {**data.inputs, **made_for}
    for name in (INDEX, DOOR):
        artifacts.record(paths.model(FOLDER, name), args, inputs, time.monotonic() - started)
    print(f"{len(learned):,} products in {paths.model(FOLDER)}", flush=True)

    # How that goes on test products, and on what is no listing.
    from experiments import listing_pricing as appraisal_check

    appraiser = Appraiser(models, index, kept, paths)
    brought = _brought(models, data, texts, test)
    appraisal_check.ranges(args, inputs, appraiser, table.iloc[test], brought)
    appraisal_check.refusals(args, inputs, appraiser, table.iloc[test], brought)


def _brought(models, data, texts, rows) -> dict[str, tuple]:
    """What listings of these products could bring: name -> (image, text, the text's words)."""
    import numpy as np

    titles = [title if title.strip() else "-" for title in data.table["title"].iloc[rows]]
    short = _embedded(models.encoder, titles)
    image, text = (np.asarray(one[rows], np.float32) for one in (data.image, data.text))
    nothing = np.full_like(text, np.nan), np.full_like(image, np.nan)
    whole, silent = list(texts[rows]), [""] * len(rows)
    return {
        "photo, title and description": (image, text, whole),
        "photo and title": (image, short, titles),
        "title and description": (nothing[1], text, whole),
        "title": (nothing[1], short, titles),
        "photo": (image, nothing[0], silent),
    }


def seller_lines(table) -> list[str]:
    """What a seller might write of these products, who knows no catalogue: one line each."""
    said = zip(*(table[name] for name in ("brand", "colour", "product_type")), strict=True)
    return [f"{' '.join(' '.join(one).lower().split())}, barely worn" for one in said]


def _embedded(encoder, texts):
    import numpy as np

    return np.concatenate([encoder.texts(texts[at : at + 64]) for at in range(0, len(texts), 64)])


def _thresholds(models, reader, data, train, validation, brought):
    """From the validation products, whose own group is not held for a neighbour."""
    import numpy as np

    from pricing import ood as doubt
    from pricing.neighbours import mean_of_nearest

    group = data.table["group"].astype("category").cat.codes.to_numpy()
    skip = group[validation], group[train]
    photo, own = brought["photo"][0], np.asarray(data.image[train], np.float32)
    far_photo = 1 - mean_of_nearest(photo, own, skip)
    own = np.asarray(data.text[train], np.float32)
    lines = seller_lines(data.table.iloc[validation])
    told = [brought[name][1:] for name in ("title and description", "title")]
    told.append((_embedded(models.encoder, lines), lines))
    # The quantile of each way to write apart: that of all together would be the descriptions'.
    far_text = [1 - mean_of_nearest(embedding, own, skip) for embedding, _ in told]
    strange = np.array([reader.unknown_words(text) for _, texts in told for text in texts])
    image, text, said = brought["photo and title"]
    by_photo = models.labeller(image, np.full_like(text, np.nan), said)["category"]
    by_text = models.labeller(np.full_like(image, np.nan), text, said)["category"]
    return doubt.Thresholds.choose(far_photo, far_text, strange, doubt.agreement(by_photo, by_text))


def _margins(args, models, reader, table, validation, learned, brought):
    """Margins by what a listing brings, and how much more an unknown brand needs (log USD)."""
    import numpy as np

    from common.prices.conformal import COVERAGE, ConformalMargins
    from common.prices.recipes import ENSEMBLE_NETWORK, folds
    from pricing.predictor import kinds

    members = ENSEMBLE_NETWORK["members"]
    fold = folds(table["group"].iloc[learned], members, args.seed[0])[-len(validation) :]
    usd = table["price_usd"].to_numpy()[validation]
    rows = np.arange(len(validation))
    # Not one of the price model's own places: a brand that is too rare to have one.
    places = models.price.encoder.categories.get("brand", [])
    rare = ~table["brand"].iloc[validation].isin(places).to_numpy()
    found, scored = {}, {}
    for image, text, said in brought.values():
        read = [reader.read(one) for one in said]
        matrix = models.features(reader, read, image, text, [{}] * len(said), said).matrix
        prices, quantiles = models.outputs(matrix)
        low, _, high = quantiles[rows, fold].T
        (kind,) = (kind for kind, there in kinds(image, text).items() if len(there))
        found.setdefault(kind, []).append((usd, prices[rows, fold], low, high))
    margins = {}
    for kind, parts in found.items():
        true, priced, low, high = (np.concatenate(one) for one in zip(*parts, strict=True))
        margins[kind] = ConformalMargins.calibrate(true, priced, low, high)
        ends = margins[kind].interval(priced, low, high)
        beyond = np.maximum(np.log(ends[0] / true), np.log(true / ends[1]))
        scored[kind] = beyond[np.tile(rare, len(parts))]
    short = np.concatenate(list(scored.values()))
    if rare.sum() < FEW:
        return margins, GUESS
    return margins, float(max(0.0, np.quantile(short, COVERAGE)))


if __name__ == "__main__":
    from common.cli import run

    run(main)
