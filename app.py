"""A web page that predicts a fair price for one listing from a photo, a text, or both.

    python app.py --data-dir data/sample       # after  make demo
    python app.py                              # models of the real catalogues
    python app.py --host 0.0.0.0 --port 8000   # for others in the network, too

Reads   <data-dir>/models/; pictures of comparables where <raw-dir> has them
Writes  nothing; a visitor's photo lies in a temporary folder until the visitor leaves, at most
        15 minutes, and the folder is deleted with the page

Listens on this computer alone unless --host says otherwise. It has no user names: put a server
that has them in front before you open it to others. ``python predict_price.py`` gives the same
answers on the command line.
"""

from common import cli


def main() -> None:
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("the page")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    group.add_argument("--port", type=int, default=7860, help="port to listen on (7860)")
    text = "prices of second-hand (resale; default where their models are) or of new goods"
    group.add_argument("--market", choices=("resale", "retail"), help=text)
    args = cli.parse(parser)

    from pricing import resale
    from pricing.page.server import serve, wait

    predictor = resale.load(cli.run_config(args), args.market)
    with serve(predictor, args.host, args.port) as address:
        print(f"the page is at {address} (Ctrl-C ends it)", flush=True)
        wait()


if __name__ == "__main__":
    cli.run(main)
