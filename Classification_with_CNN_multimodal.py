"""Stage 3c: multimodal CNN, category, gender and usage from photo and text embedding.

The CNN of stage 3b, whose image features are joined with the text embedding before the hidden
layer. Frozen backbone, `--finetune` and the three experiments are as there.

Reads   <data-dir>/dataset_with_llm.csv, wrd_emb.npy (made first where missing), the photos
Writes  <data-dir>/results/Classification_with_CNN_multimodal.csv, models/multimodal_cnn_*,
        figures/confusion_multimodal_cnn_*.png, figures/learning_multimodal_cnn*.png;
        with --tune results/Classification_with_CNN_multimodal_tuning.csv and
        tuning/Classification_with_CNN_multimodal.jsonl

    python Classification_with_CNN_multimodal.py --data-dir data/sample           # sample catalogue
    python Classification_with_CNN_multimodal.py --raw-dir PATH                   # real downloads
    python Classification_with_CNN_multimodal.py --raw-dir PATH --preset study    # ResNet50, CLIP
    python Classification_with_CNN_multimodal.py --raw-dir PATH --criterion study # study's reading
    python Classification_with_CNN_multimodal.py --raw-dir PATH --tune 40         # only settings

Reproduces the multimodal CNN rows of the README's classification table.
"""

from common import cli, presets


def arguments():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip", "cnn")
    cli.classification_options(parser, finetune=True)
    return cli.parse(parser)


def main():
    args = arguments()

    from functools import partial

    from common import dataset
    from common.labels import cnn
    from common.labels.networks import MultimodalCNN

    data = dataset.load(cli.run_config(args))
    network = partial(MultimodalCNN, text_dim=data.text.shape[1])
    stage = "Classification_with_CNN_multimodal"
    cnn.run(args, stage, data, "Multimodal CNN", network, data.text)


if __name__ == "__main__":
    cli.run(main)
