"""A torch net as an ONNX file with open batch and time.

Key idea: tracing a net takes seconds, and what is traced does not depend on its weights. Nets that are alike but for
these, as those of an evaluation's folds are, are traced once, and the weights put in; what follows, such as melting
normalisations into the layers before them, takes tenths of a second.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from emotone.bundles.runtime import INPUT, OUTPUT
from emotone.fitting.onnx_rewrite import lay_flat

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware

OPSET = 18
EXAMPLE_TIME = 150  # frames of the traced input; any number that is not special


_MOST_TRACED = 8
_traced: dict[str, Any] = {}  # by what nets share; without weights, which may be large


def onnx_bytes(net: LengthAware, dimension: int, *, alike: str = "") -> bytes:
    """Return the net in eval mode as ONNX: `features` [batch, time, dimension] -> `logits` [batch, classes].

    Weights are inside the bytes. Equal weights give equal bytes.

    Args:
        net: is in eval mode afterwards.
        dimension: values per row.
        alike: names all that the net is but its weights: its settings, `dimension` and the number of classes. Nets of
            one name are traced once per process; "" traces anew.

    """
    from onnx_ir import tensor
    from torch.onnx import ONNXProgram

    traced = _traced.get(alike) if alike else None
    if traced is None:
        traced = _trace(net, dimension)
        if alike:
            if len(_traced) >= _MOST_TRACED:
                del _traced[next(iter(_traced))]
            _traced[alike] = traced
    model = traced.clone()
    weights = net.state_dict()
    for name, value in model.graph.initializers.items():
        if name in weights:
            value.const_value = tensor(weights[name].detach().numpy(), name=name)
    program = ONNXProgram(model, None)
    program.optimize()
    return _serialised(program.model_proto)


def _trace(net: LengthAware, dimension: int) -> Any:
    """Return the graph of a net as it was traced: initializers by name, of which weights have no value."""
    import torch

    example = torch.zeros(2, EXAMPLE_TIME, dimension)
    example[1] += torch.linspace(-9.0, 1.0, dimension)
    open_size = torch.export.Dim.DYNAMIC
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns that torchvision, which nothing here uses, is absent
    try:
        with warnings.catch_warnings():
            # torch's own exporter calls what torch itself has deprecated.
            warnings.simplefilter("ignore", category=FutureWarning)
            warnings.simplefilter("ignore", category=DeprecationWarning)
            program = torch.onnx.export(
                net.eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: open_size, 1: open_size},),
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    weights = net.state_dict()
    for name, value in program.model.graph.initializers.items():
        if name in weights:
            value.const_value = None
    return program.model


def _serialised(model: Any) -> bytes:
    for node in model.graph.node:  # where in the source a node came from is paths of this machine, and half the file
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    lay_flat(model.graph)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised
