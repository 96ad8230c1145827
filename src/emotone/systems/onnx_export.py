"""A torch net as an ONNX file with open batch and time."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

from emotone.systems.onnx_rewrite import lay_flat
from emotone.systems.runtime import INPUT, OUTPUT

if TYPE_CHECKING:
    from emotone.nets.modules import LengthAware

OPSET = 18
EXAMPLE_TIME = 150  # frames of the traced input; any number that is not special


def onnx_bytes(net: LengthAware, dimension: int) -> bytes:
    """Return the net in eval mode as ONNX: `features` [batch, time, dimension] -> `logits` [batch, classes].

    Weights are inside the bytes. Equal weights give equal bytes.
    """
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
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    for node in model.graph.node:  # where in the source a node came from is paths of this machine, and half the file
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    lay_flat(model.graph)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised
