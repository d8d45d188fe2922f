"""The lines that every result says about itself: model, weights, settings, and a warning.

The same lines, `key: value`, are in each format: a text chunk of PNG, ImageDescription of TIFF,
XMP of JPEG and WebP, DerivationDescription of DICOM. Nothing in them comes from the photograph.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

from srgan_keras import hub
from srgan_keras.data.listing import printable
from srgan_keras.options import UpscaleOptions
from srgan_keras.version import __version__

if TYPE_CHECKING:
    from srgan_keras.inference.model import Model
    from srgan_keras.inference.onnx_model import OnnxModel

SOFTWARE = "srgan_keras"
NOTICE = "synthetic detail, research use only"

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    ' rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}">'
    '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">',
    "</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>',
)


@dataclass(frozen=True)
class Provenance:
    """The facts about a result.

    Attributes:
        model: its name.
        sha256: hash of its weights: `Model.sha256`.
        scale: SR side over LR side, before `reduced`.
        settings: what else changed the pixels, or nothing.
        reduced: how SR was reduced afterwards, or nothing.
        content: what the file shows if it is not SR.
        source: the model on the hub, with its commit, if it comes from there.
    """

    model: str
    sha256: str
    scale: int
    settings: str = ""
    reduced: str = ""
    content: str = ""
    source: str = ""

    @property
    def text(self) -> str:
        """The lines, without control characters in the values."""
        values = {
            "software": f"{SOFTWARE} {__version__}",
            "model": self.model,
            "source": self.source,
            "sha256": self.sha256,
            "scale": str(self.scale),
            "settings": self.settings,
            "reduced": self.reduced,
            "content": self.content,
            "notice": NOTICE,
        }
        return "\n".join(f"{key}: {printable(value)}" for key, value in values.items() if value)


def of_options(
    options: UpscaleOptions, model: "Model | OnnxModel", other: "Model | OnnxModel | None"
) -> Provenance:
    """Return the provenance of the results of a command.

    Args:
        options: those of the command.
        model: its model.
        other: the adversarial model that is mixed in, or None.
    """
    settings = []
    if other is not None:
        names = [other.name, f"sha256 {other.sha256}", hub.origin(other.info)]
        settings.append(f"share {options.blend:g} of {', '.join(filter(None, names))}")
    if options.back_project:
        settings.append(f"back-projection {options.back_project}")
    if options.self_ensemble or options.uncertainty or options.guard:
        settings.append("self-ensemble")
    if options.guard:
        settings.append("guard")
    reduced = f"to a long side of at most {options.long_side} px" if options.long_side else ""
    source = hub.origin(model.info)
    facts = model.name, model.sha256, model.scale, "; ".join(settings), reduced
    return Provenance(*facts, source=source)


def parsed(text: str) -> dict[str, str] | None:
    """Return the facts in the text of a file, or None if they are not this package's."""
    if not text.startswith(f"software: {SOFTWARE} "):
        return None
    pairs = (line.partition(": ") for line in text.splitlines())
    return {key: value for key, _, value in pairs if value}


def xmp(text: str) -> bytes:
    """Return a text as a packet of XMP, the description of a file."""
    return escape(text).join(_XMP).encode()


def from_xmp(packet: bytes) -> str | None:
    """Return the text of a packet that `xmp` made and no program has changed, otherwise None."""
    start, end = (part.encode() for part in _XMP)
    if not (packet.startswith(start) and packet.rstrip(b"\0").endswith(end)):
        return None
    inside = packet.rstrip(b"\0")[len(start) : -len(end)]
    return unescape(inside.decode("utf-8", "replace"))
