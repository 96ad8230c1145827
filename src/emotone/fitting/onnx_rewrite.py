"""Changes to an ONNX graph that make it faster and leave what it computes as it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

AXIS = "height_axis"  # name of the constant that says which axis is put in and taken out
BEFORE_TIME = 2  # axis of [batch, channels, time]
ONES = ("kernel_shape", "strides", "dilations")  # attributes with a number per axis
ALONG = ("BatchNormalization", "Relu", "MaxPool")  # what may follow a convolution, and is the same with one axis more


def lay_flat(graph: GraphProto) -> int:
    """Make one-dimensional convolutions, and what follows them, two-dimensional of height 1, in place.

    ONNX Runtime has fast kernels for two dimensions only, which take half the time for SoundNet. A convolution over
    [batch, channels, time] is one over [batch, channels, 1, time] with a kernel [1, n]: the same products, summed in
    another order. Those with a kernel of 1 are products of matrices as they are.

    Returns:
        How many convolutions were changed.

    """
    from onnx import TensorProto, helper

    weights = {initial.name: initial for initial in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    flat: dict[str, str] = {}  # tensors that exist with an axis more: name -> name of that
    lacking: set[str] = set()  # of them, those that do not exist as they were
    nodes: list[NodeProto] = []
    count = 0
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type == "Conv" else None
        if weight is not None and uses[weight.name] == 1 and len(weight.dims) == 3 and weight.dims[2] > 1:
            count += 1
            weight.dims.insert(BEFORE_TIME, 1)
            if node.input[0] not in flat:
                flat[node.input[0]] = f"{node.input[0]}_flat"
                nodes.append(helper.make_node("Unsqueeze", [node.input[0], AXIS], [flat[node.input[0]]]))
        elif not (node.op_type in ALONG and node.input[0] in lacking and len(node.output) == 1):
            for name in lacking.intersection(node.input):
                nodes.append(helper.make_node("Squeeze", [flat[name], AXIS], [name]))
                lacking.discard(name)
            nodes.append(node)
            continue
        _widen(node)
        result = node.output[0]
        flat[result] = f"{result}_flat"
        lacking.add(result)
        node.input[0], node.output[0] = flat[node.input[0]], flat[result]
        nodes.append(node)
    if count:
        ends = sorted(lacking.intersection(output.name for output in graph.output))
        nodes += [helper.make_node("Squeeze", [flat[name], AXIS], [name]) for name in ends]
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
        kept = [value for value in graph.value_info if value.name not in lacking]  # of tensors that are still there
        del graph.value_info[:]
        graph.value_info.extend(kept)
        graph.initializer.append(helper.make_tensor(AXIS, TensorProto.INT64, [1], [BEFORE_TIME]))
    return count


def _widen(node: NodeProto) -> None:
    """Give attributes the numbers of an axis of size 1 before time."""
    for attribute in node.attribute:
        if attribute.name in ONES:
            attribute.ints.insert(0, 1)
        elif attribute.name == "pads":
            before, after = attribute.ints
            attribute.ints[:] = [0, before, 0, after]
