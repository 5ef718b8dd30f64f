"""Stage 3c: multimodal CNN, category, gender and usage from photo and text embedding.

The CNN of stage 3b, whose image features are joined with the text embedding before the hidden
layer. Frozen backbone, `--finetune` and the three experiments are as there.

Reads   <data-dir>/dataset_with_llm.csv, wrd_emb.npy (made first where missing), the photos
Writes  <data-dir>/results/Classification_with_CNN_multimodal.csv, models/multimodal_cnn_*,
        figures/Classification_with_CNN_multimodal/confusion_*.png of the best model,
        learning_multimodal_cnn*.png;
        with --tune results/Classification_with_CNN_multimodal_tuning.csv and
        tuning/Classification_with_CNN_multimodal.jsonl

    python Classification_with_CNN_multimodal.py --data-dir data/sample           # sample catalogue
    python Classification_with_CNN_multimodal.py --raw-dir PATH                   # real downloads
    python Classification_with_CNN_multimodal.py --raw-dir PATH --preset study    # ResNet50, CLIP
    python Classification_with_CNN_multimodal.py --raw-dir PATH --criterion study # study's reading
    python Classification_with_CNN_multimodal.py --raw-dir PATH --tune 40         # only settings
"""

from functools import partial

from common import cli, presets

STAGE = "Classification_with_CNN_multimodal"


def main():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip", "cnn")
    cli.classification_options(parser, finetune=True)
    args = cli.parse(parser)
    run = cli.run_config(args)

    from common import dataset
    from common.labels import cnn
    from common.labels.networks import CNN

    data = dataset.load(run)
    text_dim = data.text.shape[1]
    cnn.run_cnn(
        *(run, STAGE, data, "Multimodal CNN", partial(CNN, text_dim=text_dim), data.text),
        criterion=args.criterion,
        finetune=args.finetune,
        trials=args.tune,
    )


if __name__ == "__main__":
    cli.run(main)
