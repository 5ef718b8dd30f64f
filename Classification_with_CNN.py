"""Stage 3b: CNN, category, gender and usage from the photo alone.

A convolutional backbone (by preset), one hidden layer, one head per task, trained jointly and
scored in the study's three experiments (HNM->FASHION, FASHION->HNM, mixed). The backbone is frozen
and run once; `--finetune` trains it along, on augmented photos, and goes on from the last whole
epoch after an interruption.

Reads   <data-dir>/dataset_with_llm.csv, the photos under <raw-dir>
Writes  <data-dir>/results/Classification_with_CNN.csv, models/cnn_*.safetensors,
        figures/Classification_with_CNN/confusion_*.png of the best model, learning_cnn*.png;
        with --tune results/Classification_with_CNN_tuning.csv, tuning/Classification_with_CNN.jsonl

    python Classification_with_CNN.py --data-dir data/sample            # sample catalogue
    python Classification_with_CNN.py --raw-dir PATH                    # the real downloads
    python Classification_with_CNN.py --raw-dir PATH --preset study     # the study's ResNet50
    python Classification_with_CNN.py --raw-dir PATH --finetune         # on a GPU, or with --limit
    python Classification_with_CNN.py --raw-dir PATH --criterion study  # the study's reading
    python Classification_with_CNN.py --raw-dir PATH --tune 40          # only look for settings
"""

from common import cli, presets

STAGE = "Classification_with_CNN"


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
    cnn.run_cnn(
        *(run, STAGE, data, "CNN", CNN),
        criterion=args.criterion,
        finetune=args.finetune,
        trials=args.tune,
    )


if __name__ == "__main__":
    cli.run(main)
