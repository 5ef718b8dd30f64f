"""The page's Gradio form: its components, their events, and the lifetime of uploaded photos."""

import logging
import threading
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import gradio as gr

from common.embed.images import BrokenImageError
from common.merge.currency import RATES
from common.merge.taxonomy import CATEGORIES, GENDERS, USAGES
from pricing import stated, uploads
from pricing.page import card
from pricing.page.middleware import is_inside, rejection_code
from pricing.predictor import ListingInput, PriceEstimate, PricePredictor
from pricing.resale import ResalePredictor
from pricing.strings import LANGUAGES, choose_language, photo_problem, sentence, word
from resale.condition import CONDITIONS

MAX_UPLOAD_SECONDS = 15 * 60
MAX_CHARACTERS, MAX_FIELD_CHARACTERS = 20_000, 80
# What a visitor may state, in the order of the form: chosen from a list, or written (None). The
# platforms are the model's. The first MAIN stand open, the rest folded away.
FIELDS = {
    "condition": CONDITIONS[::-1],
    "brand": None,
    "size": None,
    "platform": (),
    "currency": tuple(RATES),
    "category": CATEGORIES,
    "gender": GENDERS,
    "usage": USAGES,
    "product_type": None,
    "colour": None,
    "new_price": None,
}
MAIN = 5
# Fields that one market's models do not look at.
HIDDEN = {
    "resale": ("usage", "product_type"),
    "retail": ("condition", "size", "platform", "new_price"),
}

# The address keeps the language chosen, so that a reload and a shared link do too.
_KEEP_LANGUAGE = """(language) => {
    const here = new URL(window.location);
    here.searchParams.set("lang", language);
    window.history.replaceState(null, "", here);
    document.documentElement.lang = language;
    return language;
}"""
_ANNOUNCE = """(language) => {
    document.documentElement.lang = language;
    document.getElementById("result").setAttribute("aria-live", "polite");
    return language;
}"""
# On a telephone the answer stands below the form.
_SCROLL = """() => setTimeout(() => {
    const side = document.getElementById("side");
    if (side.getBoundingClientRect().top > window.innerHeight / 2)
        side.scrollIntoView({ block: "start" });
}, 50)"""

log = logging.getLogger(__name__)


class BusyError(Exception):
    """More visitors are waiting than will be served."""


class FormError(Exception):
    """The form holds what cannot be used; the text is the key of a sentence."""


class Turnstile:
    """Lets one visitor through at a time while ``waiting`` more wait; the rest get BusyError."""

    def __init__(self, waiting: int):
        self._places = threading.BoundedSemaphore(waiting + 1)
        self._turn = threading.Lock()

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise BusyError
        self._turn.acquire()

    def __exit__(self, *_: object) -> None:
        self._turn.release()
        self._places.release()


class UploadStore:
    """The photo that each visitor has on the server, in ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._photos: dict[str, Path] = {}
        self._lock = threading.Lock()

    def replace(self, visitor: str, path: str | None) -> None:
        """``path`` is the visitor's photo now: any earlier one is deleted."""
        photo = Path(path) if path and is_inside(path, self.folder) else None
        with self._lock:
            earlier = self._photos.pop(visitor, None)
            if photo:
                self._photos[visitor] = photo
        if earlier and earlier != photo:
            earlier.unlink(missing_ok=True)


def listing(
    photo: dict | None,
    text: str | None,
    values: Sequence[str],
    store: UploadStore,
    platforms: Sequence[str] = (),
) -> ListingInput:
    """What the form holds; ``photo`` is Gradio's description of an uploaded file.

    values: of FIELDS. platforms: those that the model knows. Raises FormError and BrokenImageError.
    """
    written = {
        name: uploads.text(value)[:MAX_FIELD_CHARACTERS]
        for name, value in zip(FIELDS, values, strict=True)
    }
    product_type = written.pop("product_type")
    try:
        fields = stated.fields(written, platforms)
    except stated.StatedError as error:
        raise FormError("field_unknown") from error
    if product_type:
        fields["product_type"] = product_type
    if text and len(text) > MAX_CHARACTERS:
        raise FormError("text_too_long")
    image = None
    if photo:
        if not is_inside(photo.get("path"), store.folder):
            raise FormError("photo_gone")
        if code := rejection_code(photo["path"]):
            raise BrokenImageError(code, code)
        image = uploads.picture(photo["path"])
    return ListingInput(uploads.text(text), image, fields)


class Page:
    """The page over a predictor; ``folder`` is where uploads lie for a while."""

    def __init__(self, predictor: PricePredictor | ResalePredictor, folder: Path, waiting: int = 4):
        self.predictor = predictor
        self._hidden = HIDDEN[predictor.market]
        self.store = UploadStore(folder)
        self.turnstile = Turnstile(waiting)

    def answer(self, language: str, photo, text, *values) -> Iterator[tuple[str, object]]:
        """Yields (HTML of the card, estimate or None), first the card for waiting."""
        yield card.render("loading", language), None
        try:
            question = listing(photo, text, values, self.store, self.predictor.platforms)
            with self.turnstile:
                (estimate,) = self.predictor.predict([question])
        except BusyError:
            yield card.render("busy", language), None
        except FormError as error:
            yield self._failed(language, sentence(language, str(error))), None
        except BrokenImageError as error:
            yield self._failed(language, photo_problem(language, error.code)), None
        except Exception as error:  # the page stays up, whatever a model does
            # The place, not the message, which may hold what a visitor wrote.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            log.error("no answer: %s at %s", type(error).__name__, where)
            yield self._failed(language, sentence(language, "failed_more")), None
        else:
            yield card.result(language, estimate, self.predictor.training), estimate

    def _failed(self, language: str, message: str) -> str:
        return card.render("failed", language, message=message)

    def build(self) -> gr.Blocks:
        """The page; :func:`pricing.page.server.serve` serves it."""
        lifetime = (60, MAX_UPLOAD_SECONDS)
        with gr.Blocks(
            title="Fashion-Price-Informant", analytics_enabled=False, delete_cache=lifetime
        ) as page:
            estimate = gr.State(None)
            with gr.Row(elem_id="top"):
                header = gr.HTML(elem_id="header")
                switch = gr.Radio(
                    [(name, code) for code, name in LANGUAGES.items()],
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
                    # One more than is taken: a longer text is refused, not cut by the browser.
                    text = gr.Textbox(
                        lines=1, max_lines=6, max_length=MAX_CHARACTERS + 1, elem_id="text"
                    )
                    with gr.Row(elem_id="main-fields"):
                        fields = [self._field(name) for name in list(FIELDS)[:MAIN]]
                    with gr.Accordion(open=False, elem_id="known") as known, gr.Row():
                        fields += [self._field(name) for name in list(FIELDS)[MAIN:]]
                    with gr.Row(elem_id="buttons"):
                        go = gr.Button(variant="primary", elem_id="go", scale=3)
                        again = gr.Button(variant="secondary", elem_id="again", scale=1)
                    notes = gr.HTML(elem_id="notes")
                with gr.Column(scale=6, min_width=320, elem_id="side"):
                    result = gr.HTML(elem_id="result", container=False, padding=False)

            translated = [header, photo, text, known, *fields, go, again, notes, result]
            private = {"api_visibility": "private"}
            silent = {"queue": False, "show_progress": "hidden", **private}

            def on_load(request: gr.Request):
                language = choose_language(
                    request.query_params.get("lang"), request.headers.get("accept-language")
                )
                return [language, *self._translations(language, None)]

            def on_photo(language: str, photo, request: gr.Request):
                path = photo and photo.get("path")
                code = path and rejection_code(path)
                self.store.replace(request.session_hash, path if not code else None)
                if code:
                    return None, self._failed(language, photo_problem(language, code))
                return gr.skip(), gr.skip()

            def on_again(language: str):
                return [None, "", *([""] * len(fields)), card.render("empty", language), None]

            def on_unload(request: gr.Request):
                self.store.replace(request.session_hash, None)

            page.load(on_load, None, [switch, *translated], **silent).then(
                None, switch, None, js=_ANNOUNCE, **private
            )
            switch.input(self._translations, [switch, estimate], translated, js=None, **silent)
            switch.input(None, switch, None, js=_KEEP_LANGUAGE, **private)
            submits = [field.submit for field in fields if isinstance(field, gr.Textbox)]
            gr.on(
                [go.click, text.submit, *submits],
                self.answer,
                [switch, photo, text, *fields],
                [result, estimate],
                preprocess=False,
                show_progress="hidden",
                concurrency_limit=16,
                **private,
            )
            gr.on([go.click, text.submit], None, None, None, js=_SCROLL, **private)
            photo.change(on_photo, [switch, photo], [photo, result], preprocess=False, **silent)
            again.click(on_again, switch, [photo, text, *fields, result, estimate], **silent)
            page.unload(on_unload)
        page.queue(max_size=32)
        return page

    def _field(self, name: str) -> gr.components.Component:
        shown = {"elem_id": name, "min_width": 140, "visible": name not in self._hidden}
        if FIELDS[name] is None:
            return gr.Textbox(lines=1, max_lines=1, max_length=MAX_FIELD_CHARACTERS, **shown)
        return gr.Dropdown([], filterable=False, **shown)

    def _choices(self, language: str, name: str) -> dict:
        """Options of a field of FIELDS in a language, for Gradio; {} for a written one."""
        if FIELDS[name] is None:
            return {}
        values = self.predictor.platforms if name == "platform" else FIELDS[name]
        options = [
            (word(language, value) if name != "platform" else value, value) for value in values
        ]
        return {"choices": [(sentence(language, "unknown"), ""), *options]}

    def _translations(self, language: str, estimate: PriceEstimate | None) -> list:
        """Updates of all that shows words, in the order of ``translated`` in :meth:`build`."""
        say = partial(sentence, language)
        return [
            f"<h1>{say('title')}</h1><p>{say('lead')}</p>",
            gr.update(label=say("photo"), placeholder=say("photo_hint")),
            gr.update(label=say("text"), placeholder=say("text_hint")),
            gr.update(label=say("known")),
            *(
                gr.update(label=word(language, name), **self._choices(language, name))
                for name in FIELDS
            ),
            say("price_it"),
            say("clear"),
            f"<p>{say(self.predictor.market)}</p><p>{say('privacy')}</p>",
            card.result(language, estimate, self.predictor.training)
            if estimate
            else card.render("empty", language),
        ]
