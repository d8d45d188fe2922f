"""Faults of scatter, focus, motion, sampling, sensor and file, in the order in which they arise.

Photographs are float32 RGB in 0..255.
"""

import cv2
import numpy as np
from scipy.signal import convolve2d

from srgan_keras.config import Clinical
from srgan_keras.data.draws import Draws, Stream
from srgan_keras.models.bicubic import keys_cubic

TILE = 64  # LR px, side of the squares whose noise is drawn at once
BLOCK = 16  # LR px, side of a JPEG unit whose colour has half the resolution


def optics(image: np.ndarray, long_side: int, settings: Clinical, draws: Draws) -> np.ndarray:
    """Blur by scatter in the eye's media, by defocus, and by the motion of eye or hand.

    A cloudy medium spreads a share of the light over a wide angle and leaves the rest sharp: small
    vessels pale, and none widens. J. J. Vos, T. J. T. P. van den Berg, "Report on disability
    glare", CIE Collection 135, 1999.

    Args:
        image: [H, W, 3].
        long_side: of the whole frame in px, the diameter of the field of view.
        settings: lengths are thousandths of that.
        draws: of the photograph.
    """
    kernel, unit = np.ones((1, 1)), long_side / 1000
    if stream := draws.of("scatter", settings.scatter_share):
        share, sigma = (
            stream.share(settings.scatter_depth),
            stream.rng.uniform(*settings.scatter_width),
        )
        spread = cv2.GaussianBlur(image, (0, 0), unit * sigma, borderType=cv2.BORDER_REFLECT)
        image = image + share * (spread - image)
    if stream := draws.of("defocus", settings.defocus_share):
        kernel = _defocus(unit * stream.amount(settings.defocus), stream)
    if stream := draws.of("motion", settings.motion_share):
        line = _line(unit * stream.amount(settings.motion), stream.angle())
        kernel = convolve2d(kernel, line)
    if kernel.size == 1:
        return image
    return cv2.filter2D(image, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT)


def reduce(image: np.ndarray, scale: int, kernel: str) -> np.ndarray:
    """Reduce by one of `KERNELS` with mirrored borders; at scale 1 the image stays as it is.

    Args:
        image: float32 [H, W, 3], H and W multiples of `scale`.
        scale: HR side over LR side.
        kernel: a key of `KERNELS`.

    Returns:
        float32 [H / scale, W / scale, 3].
    """
    if scale == 1:
        return image
    taps = 4 * scale - scale % 2
    line = KERNELS[kernel]((np.arange(taps) - (taps - 1) / 2) / scale)
    line = (line / line.sum()).astype(np.float32)
    anchor = ((taps - scale) // 2,) * 2
    filtered = cv2.sepFilter2D(
        image, cv2.CV_32F, line, line, anchor=anchor, borderType=cv2.BORDER_REFLECT
    )
    return np.ascontiguousarray(filtered[::scale, ::scale])


def sensor(lr: np.ndarray, corner: tuple[int, int], settings: Clinical, draws: Draws) -> np.ndarray:
    """Add noise, then compress once or twice.

    Args:
        lr: float32 [h, w, 3].
        corner: First row and column in the LR frame, which noise and JPEG units belong to.
        settings: Probabilities and ranges.
        draws: Of the photograph.
    """
    if stream := draws.of("noise", settings.noise_share):
        lr = _noise(lr, corner, settings, stream, draws)
    if stream := draws.of("jpeg", settings.jpeg_share):
        lr = _jpeg(lr, corner, settings, stream)
        if stream.rng.random() < settings.jpeg_again_share:
            # cropped in between: on another grid of blocks
            shift = stream.rng.integers(BLOCK, size=2)
            lr = _jpeg(lr, (corner[0] + shift[0], corner[1] + shift[1]), settings, stream)
    return lr


def _defocus(sigma: float, stream: Stream) -> np.ndarray:
    """Return a disc or an elliptical Gaussian (astigmatism) of standard deviation `sigma` px."""
    disc, ratio, turn = stream.rng.random() < 0.5, stream.rng.uniform(0.5, 1), stream.angle()
    reach = int(np.ceil(3 * sigma))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    if disc:  # of twice the deviation as radius, its edge one pixel wide
        kernel = np.clip(2 * sigma + 0.5 - np.hypot(x, y), 0, 1)
    else:
        along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        kernel = np.exp(-((along**2 + (across / ratio) ** 2) / (2 * max(sigma, 1e-3) ** 2)))
    return kernel / kernel.sum()


def _line(length: float, angle: float) -> np.ndarray:
    """Return a line of `length` px through the middle, its points shared between four pixels."""
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    along = np.linspace(-length / 2, length / 2, 4 * reach + 1)
    for x, y in zip(reach + np.cos(angle) * along, reach + np.sin(angle) * along, strict=True):
        left, top = int(x), int(y)
        shares = np.outer((top + 1 - y, y - top), (left + 1 - x, x - left))
        kernel[top : top + 2, left : left + 2] += shares
    return kernel / kernel.sum()


def _noise(
    lr: np.ndarray, corner: tuple[int, int], settings: Clinical, stream: Stream, draws: Draws
) -> np.ndarray:
    """Add noise of variance read^2 + shot x signal.

    A. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE Transactions on Image Processing 17(10), 2008.
    """
    read, shot = stream.amount(settings.read_noise), stream.amount(settings.shot_noise)
    sigma = np.sqrt(read**2 + shot * np.maximum(lr, 0))
    return lr + sigma * _normal(lr.shape[:2], corner, draws)


def _normal(shape: tuple[int, int], corner: tuple[int, int], draws: Draws) -> np.ndarray:
    """Return the frame's standard normal numbers from a corner on, float32 [h, w, 3]."""
    rows, columns = (
        range(start // TILE, -(-(start + side) // TILE))
        for start, side in zip(corner, shape, strict=True)
    )
    tiles = [
        [
            draws.generator("tile", row, column).standard_normal((TILE, TILE, 3), np.float32)
            for column in columns
        ]
        for row in rows
    ]
    top, left = corner[0] % TILE, corner[1] % TILE
    whole = np.concatenate([np.concatenate(row, axis=1) for row in tiles])
    return whole[top : top + shape[0], left : left + shape[1]]


def _jpeg(
    lr: np.ndarray, corner: tuple[int, int], settings: Clinical, stream: Stream
) -> np.ndarray:
    """Compress and decode; blocks begin where the frame's do."""
    loss = 100 - stream.rng.integers(*settings.jpeg_quality, endpoint=True)
    quality = round(max(100 - stream.strength * loss, 5))
    top, left = (int(start % BLOCK) for start in corner)
    pixels = np.clip(np.floor(lr + 0.5), 0, 255).astype(np.uint8)[..., ::-1]
    pixels = cv2.copyMakeBorder(pixels, top, 0, left, 0, cv2.BORDER_REPLICATE)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)[top:, left:].astype(np.float32)


def _lanczos(x: np.ndarray) -> np.ndarray:
    """Lanczos' window of two lobes."""
    return np.where(np.abs(x) < 2, np.sinc(x) * np.sinc(x / 2), 0)


KERNELS = {
    "bicubic": keys_cubic,
    "lanczos": _lanczos,
    "linear": lambda x: np.maximum(1 - np.abs(x), 0),
    "area": lambda x: (np.abs(x) < 0.5).astype(float),
    "gaussian": lambda x: np.exp(-(x**2) / (2 * 0.4**2)),
}
"""Weight of a sample by its distance from the middle of the LR pixel, in LR px."""
