"""What the page shows, and what its controls do."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import gradio as gr
import jinja2

from srgan_keras.app import examples, views, work
from srgan_keras.app.entries import Entries, Entry
from srgan_keras.data import decode
from srgan_keras.data.image_file import Density, ImageFile, Reason
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
IDLE = 3600.0
"""Seconds after which a photograph that nobody uses is forgotten."""
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
HEAD = _templates.get_template("head.html.j2").render()


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
        token = gr.State("", time_to_live=IDLE, delete_callback=self._entries.drop)
        gr.HTML(_rendered("header", notice=NOTICE))
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                file = gr.File(
                    label="Photograph: PNG, JPEG, TIFF, WebP, BMP or DICOM",
                    file_types=list(decode.SUFFIXES),
                    elem_id="photograph",
                    height=150,
                )
                gr.HTML('<h2 id="examples">Or a phantom, which is nobody\'s eye</h2>')
                with gr.Row(elem_classes="examples"):
                    buttons = [gr.Button(e.title, min_width=80) for e in examples.EXAMPLES]
                preview = gr.HTML(_rendered("empty"), elem_id="preview")
                model = gr.Dropdown(self._choices, label="Model", elem_id="model")
                method = gr.Radio(
                    list(work.METHODS), value=next(iter(work.METHODS)), label="Method",
                    elem_id="method",
                )  # fmt: skip
                with gr.Row():
                    start = gr.Button("Upscale", variant="primary", elem_id="start")
                    stop = gr.Button("Stop", elem_id="stop", min_width=80)
            with gr.Column(scale=5, min_width=300):
                viewer = gr.HTML(_rendered("waiting"), elem_id="viewer", min_height=240)
        taken = [file, token, preview, viewer]
        quiet = {"queue": False, "api_visibility": "private"}
        file.upload(self.take, [file, token], taken, show_progress="hidden", **quiet)
        for number, button in enumerate(buttons):
            draw = partial(self.take_example, number)
            button.click(draw, token, taken, show_progress="hidden", **quiet)
        start.click(
            self.upscale, [token, model, method], viewer, concurrency_limit=1,
            api_visibility="private", show_progress_on=viewer,
        )  # fmt: skip
        stop.click(self.stop, token, None, **quiet)

    def take(self, file: str | None, token: str) -> tuple[object, ...]:
        """Read the dropped file, and forget the photograph before it."""
        if not file:
            return (gr.skip(),) * 4
        path = Path(file)
        try:
            photograph = work.take(path, self.options.megapixels)
        except Reason as reason:
            refusal = _rendered("refused", name=path.name, reason=str(reason))
            return None, gr.skip(), refusal, gr.skip()
        return self._begin(path.name, photograph, token)

    def take_example(self, number: int, token: str) -> tuple[object, ...]:
        """Draw an example, and forget the photograph before it."""
        return self._begin(f"phantom-{number + 1}.png", examples.photograph(number), token)

    def _begin(self, name: str, photograph: ImageFile, before: str) -> tuple[object, ...]:
        self._entries.drop(before)
        token = self._entries.add(Entry(name, photograph))
        height, width = photograph.colour.shape[:2]
        facts = [f"{width} x {height} px", f"{8 * photograph.colour.itemsize} bit"]
        facts += ["grey"] * photograph.grey + _pixel(photograph.density)
        shown = {"token": token, "name": name, "facts": facts, "notes": photograph.notes}
        return None, token, _rendered("preview", **shown), _rendered("waiting")

    def upscale(
        self,
        token: str,
        model: str,
        method: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> object:
        """Upscale the photograph and show the result."""
        entry = self._entries.get(token)
        if entry is None:
            raise gr.Error("Choose a photograph first.", print_exception=False)
        entry.left.clear()
        progress(0, desc="Starting")
        try:
            entry.result = work.upscale_entry(
                entry, model, method, self.options.precision,
                lambda share: progress(share, desc="Upscaling"),
            )  # fmt: skip
        except work.Stopped:
            return _rendered("stopped") if self._entries.get(token) else gr.skip()
        except (Reason, UsageError) as error:
            raise gr.Error(str(error), print_exception=False, duration=None) from None
        return _viewer(token, entry)

    def stop(self, token: str) -> None:
        """Stop the model at its next tile."""
        entry = self._entries.get(token)
        if entry is not None:
            entry.left.set()


def _viewer(token: str, entry: Entry) -> str:
    result = entry.result
    height, width = result.image.colour.shape[:2]
    formats = dict(_DOWNLOADS)
    if entry.photograph.header is not None:
        formats["dicom"] = "DICOM"
    names = [*result.maps, *[views.DETAIL] * (result.scale > 0)]
    return _rendered(
        "viewer",
        token=token,
        stem=decode.stem(Path(entry.name)),
        height=height,
        width=width,
        scale=result.scale,
        before="input" if result.scale == 1 else "bicubic",
        after=result.about.model,
        maps={name: _MAPS[name] for name in _MAPS if name in names},
        flags=result.flags[:SHOWN_FLAGS],
        count=len(result.flags),
        flaggable=work.support.unsupported(result.maps),
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
    use = "restores at the same size" if model.scale == 1 else f"x{model.scale}"
    return f"{model.name}: {use}"


def _pixel(density: Density | None) -> list[str]:
    return [] if density is None else [f"{1e6 / density[0]:.3g} µm a pixel"]


def _rendered(template: str, **values: object) -> str:
    return _templates.get_template(f"{template}.html.j2").render(**values)
