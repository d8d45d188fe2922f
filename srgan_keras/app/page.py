"""The layout of the page, and the functions that its controls call."""

from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
import jinja2

from srgan_keras.app import examples, views, work
from srgan_keras.app.entries import Entries, Entry
from srgan_keras.data import decode
from srgan_keras.data.image_file import Density, Reason
from srgan_keras.errors import UsageError
from srgan_keras.inference.encode import check_fits
from srgan_keras.inference.model import Model
from srgan_keras.inference.provenance import NOTICE
from srgan_keras.inference.upscaler import FALLBACK, UNCERTAINTY
from srgan_keras.options import AppOptions

TITLE = "srgan_keras: super-resolution of fundus photographs"
STYLE = gr.themes.Base(
    primary_hue="teal",
    font=["system-ui", "sans-serif"],  # no font comes from a network
    font_mono=["ui-monospace", "monospace"],
)
FIRST = "fundus-x4"
"""The model that is chosen at first if none is given."""

SHOWN_FLAGS = 30

_MAPS = {
    UNCERTAINTY: "uncertainty: where the eight orientations disagree",
    "consistency": "consistency: where SR does not reduce to the photograph",
    FALLBACK: "fallback: where the guard keeps the interpolation",
    views.DETAIL: "detail: what the model has added",
}
_DOWNLOADS = {"png": "PNG", "tiff": "TIFF", "jpeg": "JPEG", "webp": "WebP"}

_templates = jinja2.Environment(
    loader=jinja2.ChoiceLoader(
        [jinja2.PackageLoader("srgan_keras.app"), jinja2.PackageLoader("srgan_keras.report")]
    ),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
HEAD = _templates.get_template("head.html.j2").render(examples=len(examples.EXAMPLES))


class Page:
    """The page, and the functions that its events call.

    Attributes:
        options: of the command.
        blocks: what Gradio serves.
    """

    def __init__(
        self, options: AppOptions, models: Sequence[tuple[str, Model]], entries: Entries
    ) -> None:
        self.options, self._entries = options, entries
        self._choices = [(_label(model), given) for given, model in models]
        self.blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, 600))
        with self.blocks:
            self._build()
        self.blocks.queue(default_concurrency_limit=1, max_size=options.queue, api_open=False)

    def _build(self) -> None:
        gr.HTML(_rendered("header", notice=NOTICE))
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                file = gr.File(
                    label="Photograph",
                    file_types=list(decode.SUFFIXES),
                    elem_id="photograph",
                    height=170,
                )
                preview = gr.HTML(
                    _rendered("empty", megapixels=self.options.megapixels), elem_id="preview"
                )
                gr.HTML('<h2 id="examples">Or a phantom, which is nobody\'s eye</h2>')
                with gr.Row(elem_classes="examples"):
                    buttons = [
                        gr.Button(example.title, min_width=80, elem_id=f"example-{number}")
                        for number, example in enumerate(examples.EXAMPLES)
                    ]
                model = gr.Dropdown(
                    self._choices, value=self._first(), label="Model", elem_id="model"
                )
                method = gr.Radio(
                    list(work.METHODS), value=next(iter(work.METHODS)), label="Method",
                    elem_id="method",
                )  # fmt: skip
                with gr.Row():
                    start = gr.Button("Upscale", variant="primary", elem_id="start")
                    stop = gr.Button("Stop", elem_id="stop", min_width=80)
            with gr.Column(scale=5, min_width=300):
                viewer = gr.HTML(_rendered("waiting"), elem_id="viewer", min_height=240)
        taken = [file, preview, viewer]
        quiet = {"queue": False, "api_visibility": "private"}
        file.upload(self.take, file, taken, show_progress="hidden", **quiet)
        for number, button in enumerate(buttons):
            button.click(self._drawing(number), None, taken, show_progress="hidden", **quiet)
        start.click(
            self.upscale, [model, method], viewer, concurrency_limit=1,
            api_visibility="private", show_progress_on=viewer,
        )  # fmt: skip
        stop.click(self.stop, None, None, **quiet)
        self.blocks.unload(self.leave)

    def _first(self) -> str:
        """Return the model that is chosen at first: the first given, otherwise `FIRST`."""
        names = [given for _, given in self._choices]
        return FIRST if FIRST in names and not self.options.models else names[0]

    def take(self, file: str | None, request: gr.Request) -> tuple[object, ...]:
        """Read the dropped file, and forget the photograph before it."""
        if not file:
            return (gr.skip(),) * 3
        path = Path(file)
        try:
            photograph = work.take(path, self.options.megapixels)
        except Reason as reason:
            refusal = _rendered("refused", name=path.name, reason=str(reason))
            return None, refusal, gr.skip()
        return self._begin(Entry(path.name, photograph), request)

    def _drawing(self, number: int) -> Callable[[gr.Request], tuple[object, ...]]:
        """Return a function that draws an example, and forgets the photograph before it."""

        def draw(request: gr.Request) -> tuple[object, ...]:
            entry = Entry(f"phantom-{number + 1}.png", examples.photograph(number))
            return self._begin(entry, request)

        return draw

    def _begin(self, entry: Entry, request: gr.Request) -> tuple[object, ...]:
        self._entries.put(request.session_hash, entry)
        photograph = entry.photograph
        height, width = photograph.colour.shape[:2]
        facts = [f"{width} x {height} px", f"{8 * photograph.colour.itemsize} bit"]
        facts += ["grey"] * photograph.grey + _pixel(photograph.density)
        return None, _rendered("preview", entry=entry, facts=facts), _rendered("waiting")

    def upscale(
        self,
        model: str,
        method: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> object:
        """Upscale the photograph and show the result."""
        entry = self._entries.of(request.session_hash)
        if entry is None:
            raise gr.Error("Choose a photograph first.", print_exception=False)
        entry.left.clear()
        progress(0, desc="Starting")

        def show(share: float) -> None:
            progress(share, desc="Upscaling")

        try:
            entry.result = work.upscale_entry(entry, model, method, self.options.precision, show)
        except work.Stopped:
            here = self._entries.of(request.session_hash) is entry
            return _rendered("stopped") if here else gr.skip()
        except (Reason, UsageError) as error:
            raise gr.Error(str(error), print_exception=False, duration=None) from None
        return _viewer(entry)

    def stop(self, request: gr.Request) -> None:
        """Stop the model at its next tile."""
        entry = self._entries.of(request.session_hash)
        if entry is not None:
            entry.left.set()

    def leave(self, request: gr.Request) -> None:
        """Forget the photograph of a page that is closed."""
        self._entries.drop(request.session_hash)


def _viewer(entry: Entry) -> str:
    result = entry.result
    height, width = result.image.colour.shape[:2]
    formats = dict(_DOWNLOADS)
    if entry.photograph.header is not None:
        formats["dicom"] = "DICOM"
    names = {*result.maps, views.DETAIL}
    return _rendered(
        "viewer",
        token=entry.token,
        stem=decode.stem(Path(entry.name)),
        height=height,
        width=width,
        scale=result.scale,
        before="input" if result.scale == 1 else "bicubic",
        after=result.about.model,
        maps={name: _MAPS[name] for name in _MAPS if name in names},
        flags=result.flags[:SHOWN_FLAGS],
        count=len(result.flags),
        flaggable=work.support.flaggable(result.maps),
        seconds=result.seconds,
        command=result.command,
        notes=result.notes,
        downloads={form: title for form, title in formats.items() if _fits(width, height, form)},
        notice=NOTICE,
    )


def _fits(width: int, height: int, format: str) -> bool:
    try:
        check_fits(width, height, format)
    except Reason:
        return False
    return True


def _label(model: Model) -> str:
    use = "restores" if model.scale == 1 else f"upscales by {model.scale}"
    return f"{model.name}: {use}"


def _pixel(density: Density | None) -> list[str]:
    return [] if density is None else [f"{1e6 / density[0]:.3g} µm a pixel"]


def _rendered(template: str, **values: object) -> str:
    return _templates.get_template(f"{template}.html.j2").render(**values)
