"""The folder layouts that serving engines expect: TensorFlow Serving and NVIDIA Triton.

Both hold the SavedModel of a model folder under a number, the version. Nothing is converted, so
the pixels are those of the SavedModel.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal, get_args

from srgan_keras.export.model_folder import FILES

SAVED_MODEL = tuple(
    name.removeprefix("saved_model/") for name in FILES if name.startswith("saved_model/")
)
"""The files of a SavedModel, below its folder."""

Layout = Literal["tf_serving", "triton"]
LAYOUTS = get_args(Layout)
VERSION = "1"
BATCH = 8
"""The most images of one size that a server puts together."""

_BATCHING = f"""\
max_batch_size {{ value: {BATCH} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 64 }}
num_batch_threads {{ value: 2 }}
pad_variable_length_inputs: false
"""

_TRITON = f"""\
name: NAME
platform: "tensorflow_savedmodel"
default_model_filename: "model.savedmodel"
max_batch_size: {BATCH}
input [
  {{ name: "images", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ] }}
]
output [
  {{ name: "images", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ] }}
]
version_policy: {{ latest {{ num_versions: 1 }} }}
instance_group [ {{ count: 2, kind: KIND_AUTO }} ]
dynamic_batching {{
  max_queue_delay_microseconds: 2000
  default_queue_policy {{ max_queue_size: 64 }}
}}
"""


def layout_of(format: Layout, info: dict[str, Any]) -> dict[str, str | None]:
    """Return the files of a layout, named below its folder.

    Args:
        format: the engine.
        info: the contents of model.json.

    Returns:
        Their texts; None stands for a file of the SavedModel.
    """
    name = info["name"]
    if format == "tf_serving":
        texts = {"models.config": _tf_serving(name), "batching.config": _BATCHING}
        inside = f"{name}/{VERSION}"
    else:
        texts = {f"{name}/config.pbtxt": _TRITON.replace("NAME", json.dumps(name), 1)}
        inside = f"{name}/{VERSION}/model.savedmodel"
    return texts | {f"{inside}/{file}": None for file in SAVED_MODEL}


def write_layout(folder: Path, format: Layout, layout: dict[str, str | None]) -> None:
    """Write a layout into a model folder, as FORMAT/. A failure while copying changes nothing.

    Args:
        folder: the model folder.
        format: the engine.
        layout: of `layout_of`.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as scratch:
        for name, text in layout.items():
            partial = Path(scratch, name)
            partial.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                source = next(file for file in SAVED_MODEL if name.endswith(f"/{file}"))
                shutil.copyfile(folder / "saved_model" / source, partial)
            else:
                partial.write_text(text, encoding="utf-8")
        for name in layout:
            (folder / format / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(scratch, name), folder / format / name)


def _tf_serving(name: str) -> str:
    quoted = json.dumps(name)
    return (
        "model_config_list {\n"
        "  config {\n"
        f"    name: {quoted}\n"
        f"    base_path: {json.dumps('/models/' + name)}\n"
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { latest { num_versions: 1 } }\n"
        "  }\n"
        "}\n"
    )
