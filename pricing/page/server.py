"""Serves the page on loopback unless told otherwise, without calls home; deletes all uploads."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.artifacts import StageError
from pricing.predictor import PricePredictor

STYLE = Path(__file__).with_name("style.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans KR", "NanumGothic", "sans-serif")


@contextmanager
def serve(
    predictor: PricePredictor, host: str = "127.0.0.1", port: int = 7860, waiting: int = 4
) -> Iterator[str]:
    """Serves the page until the block is left; yields its address.

    One visitor is served at a time and ``waiting`` more may wait; the rest are told it is busy.
    Uploads lie in a folder that only this user can read and that is deleted with the server.
    Raises StageError where the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="fashion-price-page-") as name:
        folder = Path(name).resolve()
        # Gradio reads both when it is imported and when a page is made.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["GRADIO_TEMP_DIR"] = str(folder)

        import gradio as gr
        from starlette.middleware import Middleware

        from pricing.page.form import Page
        from pricing.page.middleware import PageMiddleware

        page = Page(predictor, folder, waiting).build()
        theme = gr.themes.Base(
            primary_hue="teal",
            neutral_hue="stone",
            radius_size="lg",
            font=_FONTS,
            font_mono=("ui-monospace", "monospace"),
        )
        off = ("share", "run_history", "enable_monitoring", "ssr_mode", "mcp_server", "pwa")
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                app_kwargs={"middleware": [Middleware(PageMiddleware, folder=folder)]},
                css_paths=STYLE,
                theme=theme,
                quiet=True,
                footer_links=[],
                state_session_capacity=200,
                prevent_thread_lock=True,
                **dict.fromkeys(off, False),
            )
        except OSError as error:
            raise StageError(f"port {port} of {host} is taken: choose another --port") from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def wait() -> None:
    """Returns when the process is asked to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
