"""The graph of a functional model as a list, for diagrams and for the receptive field."""

from dataclasses import dataclass

import keras

from srgan_keras.private_apis import call_of


@dataclass(frozen=True)
class Node:
    """One call of a layer."""

    layer: keras.layers.Layer
    inputs: tuple[int, ...]
    """Indices of the nodes whose outputs it takes; empty for an input of the model."""
    shape: tuple[int | None, ...]
    """The shape of its output, the batch axis first."""


def nodes(model: keras.Model) -> tuple[list[Node], list[int]]:
    """List a functional model's layer calls, each after those it takes its inputs from.

    Models used as layers are replaced by what they consist of.

    Returns:
        the calls, and the indices of those that give the model's outputs.
    """
    calls: list[Node] = []
    # The index of the call that made a tensor; `nested` keeps models called twice apart.
    index: dict[int, int] = {}
    nested: dict[tuple[int, int], list[int]] = {}
    todo = list(reversed(model.outputs))
    while todo:
        tensor = todo[-1]
        if id(tensor) in index:
            todo.pop()
            continue
        layer, call, position, sources = call_of(tensor)
        missing = [source for source in sources if id(source) not in index]
        if missing:
            todo.extend(reversed(missing))
            continue
        inputs = tuple(index[id(source)] for source in sources)
        if isinstance(layer, keras.Model):
            key = (id(layer), call)
            if key not in nested:
                nested[key] = _splice(calls, layer, inputs)
            index[id(tensor)] = nested[key][position]
        else:
            index[id(tensor)] = len(calls)
            calls.append(Node(layer, inputs, tuple(tensor.shape)))
    return calls, [index[id(output)] for output in model.outputs]


def _splice(calls: list[Node], model: keras.Model, inputs: tuple[int, ...]) -> list[int]:
    """Append the calls inside `model`, fed by the calls `inputs`; return its outputs' indices."""
    inner, outputs = nodes(model)
    inner_inputs = [call_of(tensor)[0] for tensor in model.inputs]
    moved: list[int] = []
    for node in inner:
        if node.layer in inner_inputs:
            moved.append(inputs[inner_inputs.index(node.layer)])
        else:
            moved.append(len(calls))
            calls.append(Node(node.layer, tuple(moved[i] for i in node.inputs), node.shape))
    return [moved[i] for i in outputs]
