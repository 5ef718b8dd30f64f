"""Stage 3d: CLIP Fusion, category, gender and usage from image and text embedding together.

LayerNorm on both CLIP embeddings, a fusion MLP, one head per task, trained jointly and scored in
the study's three experiments (HNM->FASHION, FASHION->HNM, mixed). Beside it stand the same network
with one modality only; CLIP Kernel Fusion, kernel ridge regression on both embeddings and the words
of the text; and the predictions of both for listings that lack text or photo.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/Classification_with_CLIP.csv, models/clip_*.safetensors,
        figures/Classification_with_CLIP/confusion_*.png of the best model, learning_*.png;
        with --tune results/Classification_with_CLIP_tuning.csv and
        tuning/Classification_with_CLIP.jsonl

    python Classification_with_CLIP.py --data-dir data/sample            # sample catalogue
    python Classification_with_CLIP.py --raw-dir PATH                    # the real downloads
    python Classification_with_CLIP.py --raw-dir PATH --preset study     # the study's CLIP
    python Classification_with_CLIP.py --criterion study                 # the study's reading
    python Classification_with_CLIP.py --raw-dir PATH --tune 40          # only look for settings
"""

from functools import partial

from common import cli, presets

STAGE = "Classification_with_CLIP"


def main():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    cli.classification_options(parser)
    args = cli.parse(parser)
    run = cli.run_config(args)

    from common import dataset
    from common.labels import clip_fusion
    from common.labels.multitask import run_models
    from common.labels.tuning import network_objective, search

    data = dataset.load(run)
    fusion = clip_fusion.clip_fusion(data.image, data.text, args.criterion)
    if args.tune:
        suggest = partial(clip_fusion.suggest_model, fusion)
        objective = network_objective(run.device, suggest, args.criterion)
        search(run, STAGE, data, args.tune, fusion.name, objective, clip_fusion.IN_USE)
        return
    models = [fusion, *clip_fusion.single_modality(fusion)]
    if args.criterion == "cross-entropy":
        models.insert(1, clip_fusion.kernel_fusion(data))
    run_models(run, STAGE, data, models, clip_fusion.settings())


if __name__ == "__main__":
    cli.run(main)
