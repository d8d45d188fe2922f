"""Every kind of image file is read exactly, or refused by name; there is no third outcome."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from srgan_keras.data.decode import Reason, decode, read
from tests.data.image_matrix import CONTAINERS, Cell, cells
from tests.data.profiles import ADOBE, GREY


def upright(pixels, orientation):
    """Turn by Pillow, a channel at a time."""
    channels = []
    for channel in np.atleast_3d(pixels).transpose(2, 0, 1):
        image = Image.fromarray(np.ascontiguousarray(channel))
        image.getexif()[0x0112] = orientation
        channels.append(np.asarray(ImageOps.exif_transpose(image)))
    return np.stack(channels, axis=-1)


def difference(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    return np.abs(a.astype(int) - b).max()


def check(cell: Cell) -> str:
    """Return `exact` or `refused`."""
    if cell.refused:
        with pytest.raises(Reason, match=cell.refused):
            read(cell.data)
        with pytest.raises(Reason, match=cell.refused):
            decode(cell.data)
        return "refused"
    image = read(cell.data)
    colour = upright(
        np.dstack([cell.colour] * (3 if cell.colour.ndim == 2 else 1)), cell.orientation
    )
    assert difference(image.colour, colour) <= cell.tolerance
    assert (image.alpha is None) == (cell.alpha is None)
    if cell.alpha is not None:
        assert difference(image.alpha[..., None], upright(cell.alpha, cell.orientation)) == 0
    assert (image.grey, image.bits) == (cell.colour.ndim == 2, cell.bits)
    assert image.profile == cell.kept_profile
    assert len(image.notes) == len(cell.notes)
    assert all(
        said in note for said, note in zip(sorted(cell.notes), sorted(image.notes), strict=True)
    )
    check_eight_bit(cell, colour)
    return "exact"


def check_eight_bit(cell: Cell, colour: np.ndarray) -> None:
    """What is trained and measured: 8 bit, over black, sRGB."""
    top = np.iinfo(colour.dtype).max
    if cell.alpha is not None:
        colour = colour * (upright(cell.alpha, cell.orientation) / top)
    expected = np.rint(colour * (255 / top)).astype(np.uint8)
    tolerance = cell.tolerance + (cell.alpha is not None or cell.bits < 16)
    if (profile := cell.kept_profile) in (ADOBE, GREY):
        grey = profile == GREY
        seen = Image.fromarray(expected[..., 0] if grey else expected)
        expected = np.asarray(
            ImageCms.profileToProfile(
                seen, io.BytesIO(profile), ImageCms.createProfile("sRGB"),
                ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB",
            )
        )  # fmt: skip
        tolerance *= 12  # the slope of the curves near black
    assert difference(decode(cell.data), expected) <= tolerance


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_cell_is_exact_or_refused(container):
    counts, wrong = {"exact": 0, "refused": 0}, []
    for cell in cells(container):
        try:
            counts[check(cell)] += 1
        except (AssertionError, Reason, pytest.fail.Exception) as error:
            wrong.append(f"{cell.name}: {type(error).__name__} {str(error)[:300]}")
    print(container, counts)  # noqa: T201
    assert not wrong, "\n".join(wrong)
    assert counts["exact"]
