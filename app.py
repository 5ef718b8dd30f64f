"""A page in the browser that finds a fair price for one listing: photo, text, or both.

    python app.py --data-dir data/sample       # after  make demo
    python app.py                              # models of the real catalogues
    python app.py --host 0.0.0.0 --port 8000   # for others in the network, too

Reads:   data/models/ and the product table and embeddings they were trained on;
         the raw downloads for the comparables' pictures (left out where they are not there)
Writes:  nothing; a visitor's photo lies in a temporary folder until the visitor leaves, at most
         15 minutes, and the folder goes with the page

The page listens on this computer alone unless --host says otherwise; it has no user names, so
put a server that has them in front before you open it to others. ``python predict_price.py``
gives the same answers on the command line.
"""

from common import cli


def main() -> None:
    made = cli.parser(__doc__)
    group = made.add_argument_group("the page")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    group.add_argument("--port", type=int, default=7860, help="port to listen on (7860)")
    args = cli.parse(made)

    from pricing.page.server import running, wait
    from pricing.predictor import Appraiser

    appraiser = Appraiser.load(args)
    with running(appraiser, args.host, args.port) as address:
        print(f"the page is at {address} (Ctrl-C ends it)", flush=True)
        wait()


if __name__ == "__main__":
    cli.run(main)
