"""The page's form: Gradio's components, what happens when they are used, and nothing kept."""

import logging
import threading
import traceback
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr

from common.embed.images import BrokenImageError
from common.merge.taxonomy import CATEGORIES, GENDERS, USAGES
from pricing import strings as phrases
from pricing import uploads
from pricing.page import card
from pricing.page.middleware import inside, refusal
from pricing.predictor import Listing

KEPT_SECONDS = 15 * 60
MAX_FIELD = 80
# Columns of the product table that a visitor may state: chosen from a list, or written.
CHOSEN = {
    "normalized_category": ("category", CATEGORIES),
    "normalized_gender": ("gender", GENDERS),
    "normalized_usage": ("usage", USAGES),
}
WRITTEN = ("brand", "product_type", "colour")

# The address keeps the language chosen, so that a reload and a shared link do too.
_REMEMBER = """(language) => {
    const here = new URL(window.location);
    here.searchParams.set("lang", language);
    window.history.replaceState(null, "", here);
    document.documentElement.lang = language;
    return language;
}"""
_TELL = """(language) => {
    document.documentElement.lang = language;
    document.getElementById("result").setAttribute("aria-live", "polite");
    return language;
}"""
# On a telephone the answer stands below the form.
_SHOW = """() => setTimeout(() => {
    const side = document.getElementById("side");
    if (side.getBoundingClientRect().top > window.innerHeight / 2)
        side.scrollIntoView({ block: "start" });
}, 50)"""

log = logging.getLogger("page")


class BusyError(Exception):
    """More are waiting than will be served."""


class Gate:
    """Lets one through at a time and a few wait; the rest are told at once."""

    def __init__(self, waiting: int):
        self._places = threading.BoundedSemaphore(waiting + 1)
        self._turn = threading.Lock()

    def __enter__(self):
        if not self._places.acquire(blocking=False):
            raise BusyError
        self._turn.acquire()

    def __exit__(self, *_):
        self._turn.release()
        self._places.release()


class Shelf:
    """Which photos a visitor has on the server; deletes them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._of: dict[str, set[Path]] = defaultdict(set)
        self._lock = threading.Lock()

    def keep(self, visitor: str, path: str | None) -> None:
        """``path`` is the visitor's photo now: any earlier one goes."""
        kept = {Path(path)} if path and inside(path, self.folder) else set()
        with self._lock:
            gone = self._of.pop(visitor, set()) - kept
            if kept:
                self._of[visitor] = kept
        for each in gone:
            each.unlink(missing_ok=True)


class FormError(Exception):
    """Something in the form that cannot be taken; its text is a phrase's key."""


def listing(photo: dict | None, text: str | None, fields: Sequence[str], shelf: Shelf) -> Listing:
    """What the form holds; ``photo`` is Gradio's description of an uploaded file.

    Raises FormError, BrokenImageError and uploads.TextTooLongError.
    """
    known = {}
    for column, value in zip([*CHOSEN, *WRITTEN], fields, strict=True):
        value = uploads.text(value)[:MAX_FIELD]
        if column in CHOSEN and value and value not in CHOSEN[column][1]:
            raise FormError("field_unknown")
        if value:
            known[column] = value
    image = None
    if photo:
        if not inside(photo.get("path"), shelf.folder):
            raise FormError("photo_gone")
        if code := refusal(photo["path"]):
            raise BrokenImageError(code, code)
        image = uploads.picture(photo["path"])
    return Listing(text=uploads.text(text), image=image, known=known)


class Page:
    """The page over an ``appraisal.Appraiser``; ``folder`` is where uploads lie for a while."""

    def __init__(self, appraiser, folder: Path, waiting: int = 4):
        self.appraiser = appraiser
        self.shelf = Shelf(folder)
        self.gate = Gate(waiting)

    def ask(self, language: str, photo, text, *fields) -> Iterator[tuple[str, object]]:
        """Yields (HTML of the card, answer or None), first the card for waiting."""
        yield card.loading(language), None
        try:
            asked = listing(photo, text, list(fields), self.shelf)
            with self.gate:
                answer = self.appraiser.appraise([asked])[0]
        except BusyError:
            yield card.busy(language), None
        except uploads.TextTooLongError:
            limit = uploads.MAX_CHARACTERS
            yield card.failed(language, phrases.say(language, "text_too_long", limit=limit)), None
        except FormError as error:
            yield card.failed(language, phrases.say(language, str(error))), None
        except BrokenImageError as error:
            yield card.failed(language, phrases.photo(language, error.code)), None
        except Exception as error:  # the page stays up, whatever a model does
            # Where, not what: the message may hold what a visitor wrote.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            log.error("no answer: %s at %s", type(error).__name__, where)
            yield card.failed(language, phrases.say(language, "failed_more")), None
        else:
            yield card.result(language, answer, self.appraiser.trained), answer

    def build(self) -> gr.Blocks:
        """The page; ``server.running`` serves it."""
        with gr.Blocks(
            title="Fashion-Price-Informant",
            analytics_enabled=False,
            delete_cache=(60, KEPT_SECONDS),
        ) as page:
            answer = gr.State(None)
            with gr.Row(elem_id="top"):
                header = gr.HTML(elem_id="header")
                switch = gr.Radio(
                    [(name, code) for code, name in phrases.LANGUAGES.items()],
                    value="en",
                    elem_id="language",
                    show_label=False,
                    container=False,
                )
            with gr.Row(elem_id="main", equal_height=False):
                with gr.Column(scale=5, min_width=320, elem_id="form"):
                    photo = gr.Image(
                        type="filepath",
                        image_mode=None,
                        sources=["upload", "webcam", "clipboard"],
                        buttons=[],
                        height=300,
                        elem_id="photo",
                        webcam_options=gr.WebcamOptions(mirror=False),
                    )
                    text = gr.Textbox(
                        lines=1, max_lines=6, max_length=uploads.MAX_CHARACTERS, elem_id="text"
                    )
                    with gr.Accordion(open=False, elem_id="known") as known, gr.Row():
                        chosen = [
                            gr.Dropdown([], elem_id=name, min_width=140, filterable=False)
                            for name, _ in CHOSEN.values()
                        ]
                        written = [
                            gr.Textbox(
                                lines=1,
                                max_lines=1,
                                max_length=MAX_FIELD,
                                elem_id=name,
                                min_width=140,
                            )
                            for name in WRITTEN
                        ]
                    with gr.Row(elem_id="buttons"):
                        go = gr.Button(variant="primary", elem_id="go", scale=3)
                        again = gr.Button(variant="secondary", elem_id="again", scale=1)
                    notes = gr.HTML(elem_id="notes")
                with gr.Column(scale=6, min_width=320, elem_id="side"):
                    result = gr.HTML(elem_id="result", container=False, padding=False)

            spoken = [header, photo, text, known, *chosen, *written, go, again, notes, result]
            fields = [*chosen, *written]
            quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

            def speak(language: str, answer):
                return self._words(language, answer)

            def greet(request: gr.Request):
                language = phrases.choose(
                    request.query_params.get("lang"), request.headers.get("accept-language")
                )
                return [language, *self._words(language, None)]

            page.load(greet, None, [switch, *spoken], **quiet).then(
                None, switch, None, js=_TELL, api_visibility="private"
            )
            switch.input(speak, [switch, answer], spoken, js=None, **quiet)
            switch.input(None, switch, None, js=_REMEMBER, api_visibility="private")
            gr.on(
                [go.click, text.submit, *(each.submit for each in written)],
                self.ask,
                [switch, photo, text, *fields],
                [result, answer],
                preprocess=False,
                show_progress="hidden",
                concurrency_limit=16,
                api_visibility="private",
            )

            gr.on([go.click, text.submit], None, None, None, js=_SHOW, api_visibility="private")

            def put(language: str, photo, request: gr.Request):
                path = photo and photo.get("path")
                code = path and refusal(path)
                self.shelf.keep(request.session_hash, path if not code else None)
                if code:
                    return None, card.failed(language, phrases.photo(language, code))
                return gr.skip(), gr.skip()

            photo.change(put, [switch, photo], [photo, result], preprocess=False, **quiet)

            def start_over(language: str):
                return [None, "", *([""] * len(fields)), card.empty(language), None]

            again.click(start_over, switch, [photo, text, *fields, result, answer], **quiet)

            def leave(request: gr.Request):
                self.shelf.keep(request.session_hash, None)

            page.unload(leave)
        page.queue(max_size=32)
        return page

    def _words(self, language: str, answer) -> list:
        """Updates of all that speaks, in the order of ``spoken`` in ``build``."""
        say = phrases.say
        header = f"<h1>{say(language, 'title')}</h1><p>{say(language, 'lead')}</p>"
        notes = f"<p>{say(language, 'retail')}</p><p>{say(language, 'privacy')}</p>"
        chosen = [
            gr.update(
                label=phrases.word(language, name),
                choices=[
                    (say(language, "unknown"), ""),
                    *((phrases.word(language, value), value) for value in values),
                ],
            )
            for name, values in CHOSEN.values()
        ]
        return [
            header,
            gr.update(label=say(language, "photo"), placeholder=say(language, "photo_hint")),
            gr.update(label=say(language, "text"), placeholder=say(language, "text_hint")),
            gr.update(label=say(language, "known")),
            *chosen,
            *(gr.update(label=phrases.word(language, name)) for name in WRITTEN),
            say(language, "price_it"),
            say(language, "clear"),
            notes,
            card.result(language, answer, self.appraiser.trained)
            if answer
            else card.empty(language),
        ]
