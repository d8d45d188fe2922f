"""The command `inspect`: what a result of `upscale` says about itself."""

from srgan_keras.console import say
from srgan_keras.errors import UsageError
from srgan_keras.inference.provenance import parsed
from srgan_keras.inference.signature import result
from srgan_keras.options import InspectOptions


def inspect_file(options: InspectOptions) -> None:
    """Print the size, the density of the pixels, and the provenance of a file.

    Raises:
        UsageError: there is no such file, or it has no provenance.
    """
    file = options.file
    try:
        found = result(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    facts = None if found is None else parsed(found.text)
    if facts is None:
        raise UsageError(
            f"{file} has no provenance: `upscale` did not write it, or another program has "
            "written it since"
        )
    lines = [f"size: {found.width} x {found.height} px"]
    if found.density is not None:
        x, y = (1000 / value for value in found.density)
        lines.append(f"pixel: {x:.4g} x {y:.4g} mm")
    lines += [f"{key}: {value}" for key, value in facts.items()]
    say("\n".join(lines))
