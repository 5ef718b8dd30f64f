"""Stage 3b: CNN, category, gender and usage from the photo alone.

A convolutional backbone (by preset), one hidden layer, one head per task, trained jointly and
scored in the study's three experiments (HNM->FASHION, FASHION->HNM, mixed). The backbone is frozen
and run once; `--finetune` trains it along, on augmented photos, and goes on from the last whole
epoch after an interruption.

Reads   <data-dir>/dataset_with_llm.csv, the photos under <raw-dir>
Writes  <data-dir>/results/Classification_with_CNN.csv, models/cnn_*.safetensors,
        figures/confusion_cnn_*.png, figures/learning_cnn*.png;
        with --tune results/Classification_with_CNN_tuning.csv, tuning/Classification_with_CNN.jsonl

    python Classification_with_CNN.py --data-dir data/sample            # sample catalogue
    python Classification_with_CNN.py --raw-dir PATH                    # the real downloads
    python Classification_with_CNN.py --raw-dir PATH --preset study     # the study's ResNet50
    python Classification_with_CNN.py --raw-dir PATH --finetune         # wants a GPU, or --limit
    python Classification_with_CNN.py --raw-dir PATH --criterion study  # the study's reading
    python Classification_with_CNN.py --raw-dir PATH --tune 40          # only look for settings

Reproduces the CNN rows of the README's classification table.
"""

from common import cli, presets


def arguments():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip", "cnn")
    cli.classification_options(parser, finetune=True)
    return cli.parse(parser)


def main():
    args = arguments()

    from common import dataset
    from common.labels import cnn
    from common.labels.networks import CNN

    cnn.run(args, "Classification_with_CNN", dataset.load(cli.run_config(args)), "CNN", CNN)


if __name__ == "__main__":
    cli.run(main)
