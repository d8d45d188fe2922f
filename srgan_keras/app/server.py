"""The web server of the page: Gradio's application, and the routes of pictures and downloads."""

from io import BytesIO
from socket import socket
from urllib.parse import quote

import gradio as gr
import uvicorn
from fastapi import FastAPI, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from starlette.datastructures import MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from srgan_keras.app import views
from srgan_keras.app.entries import Entries
from srgan_keras.app.examples import EXAMPLES, thumbnail
from srgan_keras.app.page import HEAD, STYLE, Page
from srgan_keras.data.image_file import Reason
from srgan_keras.inference.encode import SUFFIXES, encode

_HEADERS = {
    # the page loads nothing from, and sends nothing to, any other place
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TYPES = {"dicom": "application/dicom"}
_NO_STORE = {"Cache-Control": "no-store"}
_GONE = "This result is no longer kept. Upscale the photograph again."
_BYTES_PER_PIXEL = 8  # RGBA of 16 bits


class _Headers:
    """Adds the headers to every answer. Gradio streams its events, so the bodies pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers)


class Server(uvicorn.Server):
    """A server that ends the streams of open pages when it ends, instead of waiting for them."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Tell Gradio first, which a server of its own would do."""
        for route in self.config.app.routes:
            if isinstance(route, Mount):
                route.app.stop_event.set()
        await super().shutdown(sockets)


def build_app(page: Page, entries: Entries, host: str) -> FastAPI:
    """Return the application.

    Args:
        page: what Gradio shows.
        entries: the photographs and results that the routes show.
        host: the address that it listens on.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(_Headers)
    # a page elsewhere whose name has been led to this machine gets no answer
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[host, "localhost"])
    _add_routes(app, entries)
    return gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=int(page.options.megapixels * 1e6 * _BYTES_PER_PIXEL) + 2**20,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=STYLE,
        head=HEAD,
    )


def _add_routes(app: FastAPI, entries: Entries) -> None:
    @app.get("/view/{token}/{name}")
    def view(
        token: str, name: str, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0,
        longest: int = views.MOST,
    ) -> Response:  # fmt: skip
        entry = entries.get(token)
        if entry is None:
            return Response(_GONE, 404, _NO_STORE)
        where = views.region(entry, (top, left, bottom, right), longest)
        png = views.layer(entry, name, where)
        if png is None:
            return Response("no such picture", 404, _NO_STORE)
        return Response(png, 200, _NO_STORE, "image/png")

    @app.get("/result/{token}/{format}")
    def result(token: str, format: str, name: str = "result") -> Response:
        entry = entries.get(token)
        if entry is None or entry.result is None or format not in SUFFIXES:
            return Response(_GONE, 404, _NO_STORE)
        buffer = BytesIO()
        try:
            encode(buffer, entry.result.image, format, entry.result.about)
        except Reason as reason:
            return Response(str(reason), 422, _NO_STORE)
        file = quote(f"{name}{SUFFIXES[format]}", safe="")
        headers = _NO_STORE | {"Content-Disposition": f"attachment; filename*=UTF-8''{file}"}
        kind = _TYPES.get(format, f"image/{format}")
        return Response(buffer.getvalue(), 200, headers, kind)

    @app.get("/example/{number}")
    def example(number: int) -> Response:
        if not 0 <= number < len(EXAMPLES):
            return Response("no such example", 404)
        return Response(thumbnail(number), 200, _NO_STORE, "image/png")
