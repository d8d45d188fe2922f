"""Upscaling over HTTP with BentoML: two replicas, batches, limits, health checks.

    BENTOML_DO_NOT_TRACK=True bentoml serve docs/serving/service.py:Api --host 127.0.0.1 --port 3000
    curl --data-binary @photograph.png http://127.0.0.1:3000/upscale > upscaled.png

POST /upscale takes the bytes of a photograph, and answers with those of the PNG file that `upscale`
writes. It answers 422 with one line where `upscale` refuses the file, 413 where it is too large,
and 429 or 503 where too many requests wait. /livez and /readyz are the health checks.
docs/serve.md explains the settings. They are environment variables: MODEL, MEGAPIXELS, REPLICAS.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MODEL = os.environ.get("MODEL", "fundus-x4")
MEGAPIXELS = float(os.environ.get("MEGAPIXELS", "16"))
REPLICAS = int(os.environ.get("REPLICAS", "2"))

SECONDS = 600
"""After which a request fails."""
WAITING = 64
"""Requests at the same time; more are answered 429."""
BATCH = 16
"""Photographs of a batch."""
LONGEST = int(MEGAPIXELS * 8e6) + 2**20
"""Bytes of the largest file: RGBA of 16 bits, without compression."""

DONE, REFUSED = b"+", b"-"
"""The first byte of an answer: a PNG file follows, or a reason."""


@bentoml.service(
    workers=REPLICAS,
    traffic={"timeout": SECONDS, "max_concurrency": WAITING},
    # BentoML renews its connections to the replicas after 100 requests or 5 minutes, and then fails
    # the requests that are under way
    runner_connection={"max_requests": 2**31, "max_age": 1e9},
)
class Upscaling:
    """A replica: a process with the model."""

    def __init__(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        from srgan_keras.inference.upscale_files import prepared
        from srgan_keras.machine import usable_cores
        from srgan_keras.options import UpscaleOptions

        tf.config.threading.set_intra_op_parallelism_threads(max(1, usable_cores() // REPLICAS))
        self.options = UpscaleOptions(MODEL, (), Path("."))
        self.upscaler, self.about = prepared(self.options)
        self.threads = ThreadPoolExecutor(2)

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=1000 * SECONDS)
    def upscale(self, photographs: list[bytes]) -> list[bytes]:
        """Upscale a batch: while the model computes one, others are read and written.

        A damaged file fails alone.
        """
        read = self.threads.map(self._read, photographs)
        made = [self.threads.submit(self._written, self._upscaled(image)) for image in read]
        return [future.result() for future in made]

    # each of the three passes on what it does not understand: a reason instead of an image

    def _read(self, data: bytes) -> object:
        from srgan_keras.data.image_file import Reason
        from srgan_keras.inference.image_files import from_bytes

        try:
            image = from_bytes(data)
        except Reason as reason:
            return reason
        height, width = image.colour.shape[:2]
        if height * width > MEGAPIXELS * 1e6:
            return Reason(f"{width} x {height} px are more than {MEGAPIXELS:g} megapixels")
        return image

    def _upscaled(self, image: object) -> object:
        from srgan_keras.data.image_file import Reason
        from srgan_keras.inference.upscale_files import process

        if isinstance(image, Reason):
            return image
        try:
            return process(self.upscaler, "photograph", image, self.options, lambda share: None)[""]
        except Reason as reason:
            return reason

    def _written(self, image: object) -> bytes:
        from srgan_keras.data.image_file import Reason
        from srgan_keras.inference.encode import encode

        if isinstance(image, Reason):
            return REFUSED + str(image).encode()
        buffer = BytesIO()
        encode(buffer, image, "png", self.about)
        return DONE + buffer.getvalue()


async def post(request: Request) -> Response:
    """Answer POST /upscale."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LONGEST:
            return Response(f"the file is larger than {LONGEST} bytes\n", 413)
    network = bentoml.get_current_service().upscaling
    (answer,) = await network.to_async.upscale([bytes(data)])
    if answer[:1] == REFUSED:
        return Response(answer[1:] + b"\n", 422, media_type="text/plain")
    return Response(answer[1:], media_type="image/png", headers={"Cache-Control": "no-store"})


@bentoml.service(traffic={"timeout": SECONDS, "max_concurrency": WAITING})
@bentoml.asgi_app(Starlette(routes=[Route("/upscale", post, methods=["POST"])]))
class Api:
    """The process that the network sees; it holds no model."""

    upscaling = bentoml.depends(Upscaling)
