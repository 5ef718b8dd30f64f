"""Stage 3d: CLIP Fusion, category, gender and usage from image and text embedding together.

LayerNorm on both CLIP embeddings, a fusion MLP, one head per task, trained jointly and scored in
the study's three experiments (HNM->FASHION, FASHION->HNM, mixed). Beside it stand the same network
with one modality only; our fusion, a kernel machine on both embeddings and the words of the text,
which labels a product as those most similar to it are; and the answers of both for listings that
lack text or photo.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/Classification_with_CLIP.csv, models/clip_*.safetensors,
        figures/confusion_clip_*fusion_*.png, figures/learning_clip_fusion.png;
        with --tune results/Classification_with_CLIP_tuning.csv and
        tuning/Classification_with_CLIP.jsonl

    python Classification_with_CLIP.py --data-dir data/sample            # sample catalogue
    python Classification_with_CLIP.py --raw-dir PATH                    # the real downloads
    python Classification_with_CLIP.py --raw-dir PATH --preset study     # the study's CLIP
    python Classification_with_CLIP.py --criterion study                 # the study's reading
    python Classification_with_CLIP.py --raw-dir PATH --tune 40          # only look for settings

Reproduces the CLIP Fusion rows of the README's classification table.
"""

from common import cli, presets

STAGE = "Classification_with_CLIP"


def arguments():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    cli.classification_options(parser)
    return cli.parse(parser)


def main():
    args = arguments()

    from dataclasses import asdict, replace
    from functools import partial

    import numpy as np

    from common import dataset
    from common.embed.hashed_words import WIDTH, hashed
    from common.labels import clip_fusion as fusion
    from common.labels.multitask import Model, array_batches, run_models
    from common.labels.networks import ClipFusion, KernelFusion
    from common.product_table import listing_text

    config = fusion.config(**fusion.TRAINING)
    data = dataset.load(cli.run_config(args))
    network = partial(ClipFusion, data.image.shape[1], data.text.shape[1])
    in_use = partial(network, **fusion.NETWORK)
    batches = partial(array_batches, batch_size=config.batch_size)

    # A row of NaN is a photo or a text that is not there.
    no_photo, no_text = (np.full_like(array, np.nan) for array in (data.image, data.text))
    image_only, text_only = batches(data.image, no_text), batches(no_photo, data.text)
    plain = Model(
        "CLIP Fusion",
        in_use,
        batches(data.image, data.text),
        config,
        also={"CLIP Fusion, no text": image_only, "CLIP Fusion, no photo": text_only},
    )
    if args.tune:
        from common.labels.tuning import search_networks  # and Optuna with it

        def suggested(trial):
            settings, training = fusion.suggest(trial)
            return replace(plain, build=partial(network, **settings), config=training)

        search_networks(args, STAGE, data, suggested, plain.name, fusion.IN_USE)
        return

    models = [
        plain,
        Model("CLIP image only", in_use, image_only, config, figures=False),
        Model("CLIP text only", in_use, text_only, config, figures=False),
    ]
    if args.criterion == "cross-entropy":  # the kernel machine knows no other
        words = hashed(listing_text(data.table))
        widths = [data.image.shape[1], data.text.shape[1], WIDTH]
        kernel = Model(
            "CLIP Kernel Fusion",
            partial(KernelFusion, widths, **fusion.KERNEL),
            batches(data.image, data.text, words),
            config=None,
            also={
                "CLIP Kernel Fusion, no text": batches(data.image, no_text, words),
                "CLIP Kernel Fusion, no photo": batches(no_photo, data.text, words),
            },
        )
        models.insert(1, kernel)
    settings = {"train": asdict(config), "network": fusion.NETWORK, "kernel": fusion.KERNEL}
    run_models(args, STAGE, data, models, {**settings, "words": WIDTH})


if __name__ == "__main__":
    cli.run(main)
