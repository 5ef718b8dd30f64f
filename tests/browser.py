"""Debian's Chromium, driven by Playwright, or the reason why it is not."""

import shutil
import socket
from contextlib import contextmanager
from pathlib import Path

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream "
    "--use-fake-device-for-media-stream"
).split()


def missing() -> str | None:
    """Why there is no browser to test with; None where there is one."""
    if not shutil.which("chromium"):
        return "needs Debian's chromium (apt-get install chromium)"
    return None


@contextmanager
def chromium():
    """A headless Chromium with a new, empty profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS, headless=True
        )
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Visitor:
    """One person at the page: opens it, fills the form, asks, looks."""

    def __init__(self, browser, address: str, folder: Path, **options):
        options = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options}
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.folder = folder
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.goto(address)
        self.page.wait_for_selector("#header h1")

    def _dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def add(self, photo: Path) -> None:
        """Adds a photo and waits until the page shows it."""
        self.page.set_input_files("#photo input[type=file]", photo)
        self.page.wait_for_selector("#photo img")

    def write(self, text: str) -> None:
        self.page.fill("#text textarea", text)

    def ask(self, wait_for: str = ".card.result") -> str:
        """Presses the button; returns what the card says."""
        self.page.click("#go")
        return self.card(wait_for)

    def card(self, kind: str) -> str:
        """What the card says, once there is one of that kind."""
        self.page.wait_for_selector(f"#result {kind}")
        return self.page.inner_text("#result")

    def shot(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)
