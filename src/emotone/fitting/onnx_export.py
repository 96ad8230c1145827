"""Export of a torch network to ONNX with dynamic batch and time dimensions.

Key idea: tracing a network takes seconds, and the traced graph does not depend on the weights. Networks that differ in
their weights only, such as those of an evaluation's folds, are traced once and their weights are inserted. The rest,
such as folding normalisations into the preceding layers, takes tenths of a second.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from emotone.bundles.contents import INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, NodeProto

    from emotone.nets.blocks.base import Network

OPSET = 18
EXAMPLE_TIME = 150  # frames of the traced input; any number that is not special
AXIS = "height_axis"  # name of the constant: index of the inserted axis
BEFORE_TIME = 2  # axis of [batch, channels, time]
ONES = ("kernel_shape", "strides", "dilations")  # attributes with one number per axis
ALONG = ("BatchNormalization", "Relu", "MaxPool")  # may follow a convolution, and work with one more axis

MAX_TRACED = 8
_traced: dict[str, Any] = {}  # by architecture; without weights, which may be large


def onnx_bytes(
    net: Network, dimension: int, *, architecture: str = "", output: str = OUTPUT, rows: int = EXAMPLE_TIME
) -> bytes:
    """Return a network in eval mode as ONNX: `features` [batch, time, dimension] -> `logits` [batch, classes].

    Weights are inside the bytes. Equal weights give equal bytes.

    Args:
        net: torch module; in eval mode afterwards.
        dimension: values per row.
        architecture: identifies everything but the weights: settings, `dimension` and number of classes. Networks with
            the same identifier are traced once per process; "" always traces.
        output: name of the output.
        rows: of the traced input: any number that is not special for the network.

    """
    from onnx_ir import tensor
    from torch.onnx import ONNXProgram

    traced = _traced.get(architecture) if architecture else None
    if traced is None:
        traced = _trace(net, dimension, output, rows=rows)
        if architecture:
            if len(_traced) >= MAX_TRACED:
                del _traced[next(iter(_traced))]
            _traced[architecture] = traced
    model = traced.clone()
    weights = net.state_dict()
    for name, value in model.graph.initializers.items():
        if name in weights:
            value.const_value = tensor(weights[name].detach().numpy(), name=name)
    program = ONNXProgram(model, None)
    with _only_errors("onnxscript"):  # it reports operators that it does not fold
        program.optimize()
    return _serialised(program.model_proto)


def _trace(net: Network, dimension: int, output: str, *, rows: int) -> Any:
    """Return the traced graph of a network, without the values of its weights."""
    import torch

    example = torch.zeros(2, rows, dimension)
    example[1] += torch.linspace(-9.0, 1.0, dimension)
    open_size = torch.export.Dim.DYNAMIC
    collected = gc.isenabled()
    gc.disable()  # tracing makes millions of objects and little garbage: looking for it is a fifth of the time
    try:
        # torch warns that torchvision is missing, which is not needed.
        with warnings.catch_warnings(), _only_errors("torch.onnx"):
            # torch's exporter calls deprecated functions of torch.
            warnings.simplefilter("ignore", category=FutureWarning)
            warnings.simplefilter("ignore", category=DeprecationWarning)
            # It traces an LSTM as a loop: it replaces and restores its list of weights, and reads their gradients.
            warnings.filterwarnings("ignore", message=r".*_flat_weights", category=UserWarning)
            warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor", category=UserWarning)
            program = torch.onnx.export(
                net.eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[output],
                dynamic_shapes=({0: open_size, 1: open_size},),
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
    finally:
        if collected:
            gc.enable()
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    weights = net.state_dict()
    for name, value in program.model.graph.initializers.items():
        if name in weights:
            value.const_value = None
    return program.model


@contextlib.contextmanager
def _only_errors(name: str) -> Iterator[None]:
    """Without the warnings of a logger."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _serialised(model: Any) -> bytes:
    for node in model.graph.node:  # source locations contain local paths, and are half of the file
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    to_two_dimensions(model.graph)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def to_two_dimensions(graph: GraphProto) -> int:
    """Replace one-dimensional convolutions, and what follows them, by two-dimensional ones of height 1, in place.

    ONNX Runtime has fast kernels for two dimensions only, which halve the time of SoundNet. A convolution over
    [batch, channels, time] equals one over [batch, channels, 1, time] with a kernel [1, n]: the same products, summed
    in another order. Convolutions with a kernel of 1 are matrix products, and stay.

    Returns:
        Number of replaced convolutions.

    """
    from onnx import TensorProto, helper

    weights = {initial.name: initial for initial in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    flat: dict[str, str] = {}  # tensors that exist with one more axis: name -> name of that
    lacking: set[str] = set()  # of these, tensors that no longer exist without it
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
        kept = [value for value in graph.value_info if value.name not in lacking]  # of tensors that still exist
        del graph.value_info[:]
        graph.value_info.extend(kept)
        graph.initializer.append(helper.make_tensor(AXIS, TensorProto.INT64, [1], [BEFORE_TIME]))
    return count


def _widen(node: NodeProto) -> None:
    """Add an axis of size 1 before time to the attributes of a node, in place."""
    for attribute in node.attribute:
        if attribute.name in ONES:
            attribute.ints.insert(0, 1)
        elif attribute.name == "pads":
            before, after = attribute.ints
            attribute.ints[:] = [0, before, 0, after]
