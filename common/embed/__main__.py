"""Embeddings: every product's picture and text in one space, by the preset's CLIP.

Every stage that needs embeddings makes them; this makes them beforehand. An interrupted run goes
on; --force writes the embeddings, and aligns the embedded CLIP, anew. A listing needs no picture.

Reads   <data-dir>/dataset_with_llm.csv, the pictures in <raw-dir>
Writes  <data-dir>/img_emb.npy, wrd_emb.npy, img_emb.set_aside.csv (pictures that cannot be decoded)
        <data-dir>/models/fashion-lite/ (the embedded CLIP)

--limit has no effect here: the embeddings follow the whole table.

    python -m common.embed --data-dir data/sample
    python -m common.embed --raw-dir PATH --preset study
"""

from dataclasses import replace

from common import cli, presets


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    run = cli.run_config(cli.parse(parser))

    from common import dataset

    data = dataset.load(replace(run, limit=None), embed_anew=run.force, market="")
    products, width = data.image.shape
    print(f"{products:,} products embedded in {width} dimensions: {run.paths.data}/*_emb.npy")


if __name__ == "__main__":
    cli.run(main)
