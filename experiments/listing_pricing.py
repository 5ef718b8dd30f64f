"""How pricing from the door does: on test products, and on what is no listing at all."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common import metrics
from common.embed.images import BrokenImageError
from common.merge.taxonomy import FASHION_DROPPED
from common.results import Results
from pricing.predictor import Appraiser, Listing, kinds

MOST = 200  # of each kind of what is no listing
FEWEST = 8


def ranges(args, inputs, appraiser: Appraiser, tested, brought) -> None:
    """results/appraisal.csv: errors and coverage by what a listing brings."""
    results = Results(args.paths.results("appraisal"), args, inputs, ("brings",))
    true = tested["price_usd"].to_numpy()
    source = tested["dataset_source"].to_numpy()
    models, reader = appraiser.models, appraiser.reader
    for name, (image, text, said) in brought.items():
        read = [reader.read(one) for one in said]
        matrix = models.features(reader, read, image, text, [{}] * len(said), said).matrix
        prices, quantiles = models.outputs(matrix)
        usd, ends = prices.mean(axis=1), quantiles.mean(axis=1)
        (kind,) = (kind for kind, rows in kinds(image, text).items() if len(rows))
        low, high = appraiser.margins[kind].interval(usd, ends[:, 0], ends[:, -1])
        inside = (low <= true) & (true <= high)
        error = np.abs(usd - true)
        apart = {
            f"inside_{one.lower()}": float(inside[source == one].mean())
            for one in ("HNM", "FASHION")
            if (source == one).any()
        }
        results.add(
            brings=name,
            n_test=len(true),
            door_mae=float(error.mean()),
            door_mdape=float(np.median(error / true)),
            door_r2=metrics.regression(true, usd, tested["dataset_source"])["r2"],
            inside=float(inside.mean()),
            **apart,
            width=float(np.median(high - low)),
        )
    results.finish()


def refusals(args, inputs, appraiser: Appraiser, tested, brought) -> None:
    """results/doubt.csv: what is priced, priced with a doubt, or refused."""
    results = Results(args.paths.results("doubt"), args, inputs, ("what",))
    for name, (image, text, said) in brought.items():
        _add(results, f"test products: {name}", appraiser.judge(image, text, said, _none(said)))
    image, _, said = brought["photo and title"]
    text = brought["photo and title"][1]
    order = np.random.default_rng(0).permutation(len(said))
    other = tested["normalized_category"].to_numpy()
    rows = np.flatnonzero(other != other[order])[:MOST]
    told = [said[order[row]] for row in rows]
    mixed = appraiser.judge(image[rows], text[order[rows]], told, _none(told))
    _add(results, "photo of one product, title of another of another category", mixed)
    for name, listings in no_listings(args.paths.fashion_raw).items():
        _add(results, name, appraiser.appraise(listings))
    results.finish()


def _none(said) -> list[dict]:
    return [{}] * len(said)


def _add(results: Results, what: str, answers) -> None:
    if not answers:
        return
    refused = [one.refusal is not None for one in answers]
    doubted = [bool(one.doubts) for one in answers]
    results.add(
        what=what,
        n=len(answers),
        refused_share=float(np.mean(refused)),
        doubted_share=float(np.mean(doubted)),
        plain_share=float(np.mean([not (r or d) for r, d in zip(refused, doubted, strict=True)])),
    )


def no_listings(fashion_raw: Path) -> dict[str, list[Listing]]:
    """Drawn pictures of nothing, real photos of what is not worn, texts that say nothing."""
    from pricing import uploads

    made = {
        f"{name}, drawn": [Listing(image=one) for one in all_] for name, all_ in drawn().items()
    }
    photos = []
    for path in not_worn(fashion_raw)[:MOST]:
        try:
            photos.append(Listing(image=uploads.picture(path)))
        except BrokenImageError:
            continue
    made["photos of what is not worn"] = photos
    made["gibberish"] = [Listing(text=one) for one in gibberish()]
    made["empty text"] = [Listing(text=one) for one in ("", " ", "\n", "...", "?!")]
    return made


def not_worn(fashion_raw: Path) -> list[Path]:
    """Photos of the Fashion download that no taxonomy of clothes has: perfume, toys, cosmetics."""
    import csv

    path = fashion_raw / "styles.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        names = [
            f"{row['id']}.jpg"
            for row in csv.DictReader(file)
            if row.get("articleType") in FASHION_DROPPED
        ]
    return [found for name in names if (found := fashion_raw / "images" / name).is_file()]


def drawn(each: int = FEWEST) -> dict[str, list[Image.Image]]:
    """Pictures that show no garment, ``each`` of a kind, always the same."""
    rng, size = np.random.default_rng(0), (240, 320)
    kinds_of = {
        "blank": lambda: Image.new("RGB", size, tuple(map(int, rng.integers(0, 256, 3)))),
        "noise": lambda: Image.fromarray(rng.integers(0, 256, (320, 240, 3), dtype=np.uint8)),
        "gradient": lambda: _gradient(rng, size),
        "scribble": lambda: _scribble(rng, size),
        "page of text": lambda: _page(rng, size),
    }
    return {name: [draw() for _ in range(each)] for name, draw in kinds_of.items()}


def _gradient(rng, size) -> Image.Image:
    first, last = rng.integers(0, 256, (2, 3))
    part = np.linspace(0, 1, size[1])[:, None, None]
    rows = np.broadcast_to(first * (1 - part) + last * part, (size[1], size[0], 3))
    return Image.fromarray(rows.astype(np.uint8))


def _scribble(rng, size) -> Image.Image:
    made = Image.new("RGB", size, "white")
    points = [tuple(map(int, one)) for one in rng.integers(0, 240, (40, 2))]
    ImageDraw.Draw(made).line(points, tuple(map(int, rng.integers(0, 200, 3))), 3)
    return made


def _page(rng, size) -> Image.Image:
    made = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(made)
    for line in range(10, size[1] - 12, 14):
        draw.text((12, line), "".join(rng.choice(list("abcdefgh ijklmn "), 34)), "black")
    return made


def gibberish(count: int = 100) -> list[str]:
    """Rows of letters that are no words."""
    rng = np.random.default_rng(1)
    letters = list("bcdfghjklmnpqrstvwxzaeiou")
    return [
        " ".join("".join(rng.choice(letters, rng.integers(3, 9))) for _ in range(6))
        for _ in range(count)
    ]
