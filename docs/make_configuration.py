"""Write docs/configuration.md from the dataclasses and the presets; tests/test_docs.py compares."""

import ast
import dataclasses
import inspect
import itertools
import typing
from operator import attrgetter
from pathlib import Path

from srgan_keras import config, configure
from srgan_keras.tables import markdown_table

INTRODUCTION = """\
# Configuration

`srgan-keras train` takes these settings as options, or in a YAML file for `--config`:

```
srgan-keras train --preset fundus --config mine.yaml --train.batch-size 8
```

```yaml
# mine.yaml
data:
  hr_long_side: 512  # the option is --data.hr-long-side
train:
  stage1_epochs: 100
```

An option replaces the value in the file. The file replaces the preset (`demo` if you name none),
and the preset replaces the default. A stage takes `*_steps` or `*_epochs`, not both. A value in
parentheses, such as (vgg19), says when a setting applies.

`docs/make_configuration.py` writes this page from `srgan_keras/config.py`.
"""


def markdown() -> str:
    """Return the text of docs/configuration.md."""
    presets = {name: configure.load(name) for name in config.PRESETS}
    parts, differing = [INTRODUCTION], []
    for part in dataclasses.fields(config.Config):
        parts += _section(part.name, part.type, presets, differing)
    table = markdown_table(("setting", *presets), differing)
    parts.append(f"## Presets\n\nThe presets differ in these settings.\n\n{table}")
    return "\n".join(parts)


def _section(name: str, kind: type, presets: dict, differing: list) -> list[str]:
    """Return the text of a dataclass, and of each that it holds."""
    hints, meanings = typing.get_type_hints(kind), _meanings(kind)
    rows, nested = [], []
    for field in dataclasses.fields(kind):
        setting = f"{name}.{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            nested += _section(setting, hints[field.name], presets, differing)
            continue
        row = f"`{setting}`", _type(hints[field.name]), _value(field.default)
        rows.append((*row, meanings.get(field.name, "")))
        values = [_value(attrgetter(setting)(preset)) for preset in presets.values()]
        differing += [(f"`{setting}`", *values)] if len(set(values)) > 1 else []
    table = markdown_table(("setting", "type", "default", "meaning"), rows)
    return [f"## {name}\n\n{inspect.getdoc(kind)}\n\n{table}", *nested]


def _meanings(kind: type) -> dict[str, str]:  # what stands under each field in the source
    body = ast.parse(inspect.getsource(kind)).body[0].body
    return {
        field.target.id: " ".join(after.value.value.split())
        for field, after in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr)
    }


def _type(hint: type) -> str:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{a}`" for a in arguments)
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(arguments[0])}"
    return f"{arguments[0].__name__} or none" if arguments else hint.__name__


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"`{value:.5g}`" if isinstance(value, float) else f"`{value}`".replace("`None`", "none")


if __name__ == "__main__":
    Path(__file__).with_name("configuration.md").write_text(markdown(), encoding="utf-8")
