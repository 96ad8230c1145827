"""An encoder of the user's own as an ONNX file: a tensor of it, pooled over time, becomes the embedding of a recipe.

`onnx:FILE#TENSOR` names a file and a tensor. The file must read samples: one input, float32, [batch, samples] or
[batch, samples, 1]. The tensor is an output, or any tensor inside: [batch, time, values], or [batch, values], which is
pooled already. What computes other tensors is removed, so that an encoder costs what its last used layer costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.bundles.contents import EMBEDDING, INPUT
from emotone.errors import SourceError, missing_extra, unknown_name

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TypeProto

    from emotone.recipes.embedding_recipe import Statistics
    from emotone.types import Hertz

PREFIX = "onnx:"
RATES = ("sampling_rate", "sample_rate", "rate")  # metadata that states the rate of the samples
DEFAULT_RATE = 16000
SHORTEST = 0.1  # seconds: shorter inputs are filled up with zeros, as convolutions without padding need some samples
SMALLEST_VARIANCE = 1e-6
OLDEST_OPSET = 18  # in which the mean over axes has them as an input


@dataclass(frozen=True)
class OnnxSource:
    """A tensor in an ONNX file.

    Attributes:
        path: the file.
        tensor: name; "" is the only output.

    """

    path: Path
    tensor: str

    @classmethod
    def parse(cls, source: str) -> OnnxSource | None:
        """Return the source that a text means, or None if it is of another kind.

        Example:
            >>> OnnxSource.parse("onnx:hubert.onnx#layer_4").tensor
            'layer_4'
            >>> OnnxSource.parse("whisper-base") is None
            True

        """
        if not source.startswith(PREFIX):
            return None
        file, _, tensor = source.removeprefix(PREFIX).partition("#")
        if not file:
            raise SourceError(f"'{source}' names no file; write {PREFIX}FILE.onnx#TENSOR")
        return cls(Path(file), tensor)

    def data(self) -> bytes:
        """Return the file.

        Raises:
            SourceError: it can't be read.

        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SourceError(f"{self.path}: can't be read: {error.strerror or error}") from error


def embedding_model(source: OnnxSource, data: bytes, *, statistics: Statistics, rate: Hertz) -> bytes:
    """Return a model from `features` [batch, samples, 1] to `embedding` [batch, values].

    Args:
        source: the file and its tensor, for messages and the choice of the tensor.
        data: contents of the file.
        statistics: over time; not used for a tensor without a time axis.
        rate: of the samples.

    Raises:
        SourceError: the file is no ONNX model or was truncated, has no such tensor, reads something else than samples,
            or states another sampling rate.
        MissingExtraError: onnx is not installed.

    """
    onnx = _onnx()
    model = _loaded(source, data)
    _check_rate(source, model, rate=rate)
    given = _input(source, model)
    tensor = source.tensor or _only_output(source, model)
    axes = _axes(source, onnx.shape_inference.infer_shapes(model), tensor)
    graph = model.graph
    _keep_only(graph, tensor)
    nodes = _samples(given.name, flat=_rank(given.type) == 2)
    pooled = _pooled(tensor, statistics=statistics, has_time=axes == 3)
    kept = [*nodes, *graph.node, *pooled]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(_constants(shortest=round(SHORTEST * rate)))
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    graph.input.append(helper.make_tensor_value_info(INPUT, single, ["batch", "time", 1]))
    graph.output.append(helper.make_tensor_value_info(EMBEDDING, single, ["batch", None]))
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _onnx() -> Any:
    try:
        import onnx
        import onnx.shape_inference
        import onnx.version_converter
    except ImportError as error:
        raise missing_extra("onnx", "train", "reading an encoder from an ONNX file") from error
    return onnx


def _loaded(source: OnnxSource, data: bytes) -> ModelProto:
    """Return the model, in an operator set that has all that is added to it."""
    onnx = _onnx()
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it can't be decoded"
        raise SourceError(f"{source.path} is no valid ONNX model, or was truncated or altered: {reason}") from error
    version = max((each.version for each in model.opset_import if each.domain in {"", "ai.onnx"}), default=0)
    if version >= OLDEST_OPSET:
        return model
    return onnx.version_converter.convert_version(model, OLDEST_OPSET)


def _check_rate(source: OnnxSource, model: ModelProto, *, rate: Hertz) -> None:
    stated = {each.key: each.value for each in model.metadata_props}
    for key in RATES:
        if key in stated and stated[key] != str(rate):
            raise SourceError(
                f"{source.path} states {key} {stated[key]}, and the recipe reads samples at {rate} Hz; set rate = "
                f"{stated[key]} in [encoder]"
            )


def _input(source: OnnxSource, model: ModelProto) -> Any:
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    shown = ", ".join(f"'{each.name}' of rank {_rank(each.type)}" for each in inputs)
    single = _onnx().TensorProto.FLOAT
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type != single or _rank(inputs[0].type) not in {2, 3}:
        raise SourceError(
            f"{source.path} must have one float32 input, samples [batch, samples] or [batch, samples, 1]; it has "
            f"{shown}"
        )
    last = inputs[0].type.tensor_type.shape.dim[-1]
    if _rank(inputs[0].type) == 3 and last.HasField("dim_value") and last.dim_value != 1:
        raise SourceError(
            f"{source.path} reads rows of {last.dim_value} values, not samples: compute them inside the file, which "
            "must have one float32 input [batch, samples]"
        )
    return inputs[0]


def _only_output(source: OnnxSource, model: ModelProto) -> str:
    names = [each.name for each in model.graph.output]
    if len(names) != 1:
        raise SourceError(
            f"{source.path} has {len(names)} outputs, {', '.join(names)}; name one: {PREFIX}{source.path}#{names[0]}"
        )
    return str(names[0])


def _type_of(source: OnnxSource, model: ModelProto, tensor: str) -> TypeProto:
    types = {each.name: each.type for each in (*model.graph.value_info, *model.graph.output)}
    if tensor not in types:
        known = [each.name for each in model.graph.output]
        produced = {name for node in model.graph.node for name in node.output}
        if tensor in produced:
            raise SourceError(
                f"{source.path}: the shape of '{tensor}' can't be inferred; choose one of: {', '.join(known)}"
            )
        raise SourceError(f"{source.path}: {unknown_name('tensor', tensor, (*known, *sorted(types)))}")
    return types[tensor]


def _axes(source: OnnxSource, model: ModelProto, tensor: str) -> int:
    rank = _rank(_type_of(source, model, tensor))
    if rank not in {2, 3}:
        raise SourceError(
            f"{source.path}: '{tensor}' has {rank} axes; needed: [batch, time, values], or [batch, values]"
        )
    return rank


def _rank(kind: TypeProto) -> int:
    return len(kind.tensor_type.shape.dim)


def _keep_only(graph: GraphProto, tensor: str) -> None:
    """Remove the nodes and constants that a tensor does not depend on, in place."""
    needed, kept = {tensor}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            needed.update(name for attribute in node.attribute for name in _captured(attribute.g))
            kept.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in reversed(kept)]
    constants = [each for each in graph.initializer if each.name in needed]
    copied = [type(each).FromString(each.SerializeToString()) for each in constants]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(copies)
    graph.initializer.extend(copied)


def _captured(graph: GraphProto) -> set[str]:
    """Return the names that a graph inside a node reads from outside."""
    names: set[str] = set()
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            names |= _captured(attribute.g)
    return names


def _samples(name: str, *, flat: bool) -> list[NodeProto]:
    """Return the nodes from `features` to the model's input: filled up to the shortest length."""
    node = _onnx().helper.make_node
    padded = f"{EMBEDDING}_filled"
    nodes = [
        node("Shape", [INPUT], [f"{EMBEDDING}_count"], start=1, end=2),
        node("Sub", [f"{EMBEDDING}_shortest", f"{EMBEDDING}_count"], [f"{EMBEDDING}_lacking"]),
        node("Max", [f"{EMBEDDING}_lacking", f"{EMBEDDING}_none"], [f"{EMBEDDING}_missing"]),
        node(
            "Concat",
            [f"{EMBEDDING}_none"] * 4 + [f"{EMBEDDING}_missing", f"{EMBEDDING}_none"],
            [f"{EMBEDDING}_pads"],
            axis=0,
        ),
        node("Pad", [INPUT, f"{EMBEDDING}_pads"], [padded if flat else name]),
    ]
    return [*nodes, node("Squeeze", [padded, f"{EMBEDDING}_last"], [name])] if flat else nodes


def _pooled(tensor: str, *, statistics: Statistics, has_time: bool) -> list[NodeProto]:
    """Return the nodes from a tensor to `embedding`."""
    node = _onnx().helper.make_node
    if not has_time:
        return [node("Identity", [tensor], [EMBEDDING])]
    time = f"{EMBEDDING}_time"
    if statistics == "mean":
        return [node("ReduceMean", [tensor, time], [EMBEDDING], keepdims=0)]
    mean, centred = f"{EMBEDDING}_mean", f"{EMBEDDING}_centred"
    return [
        node("ReduceMean", [tensor, time], [mean], keepdims=1),
        node("Sub", [tensor, mean], [centred]),
        node("Mul", [centred, centred], [f"{EMBEDDING}_squares"]),
        node("ReduceMean", [f"{EMBEDDING}_squares", time], [f"{EMBEDDING}_variance"], keepdims=0),
        node("Max", [f"{EMBEDDING}_variance", f"{EMBEDDING}_smallest"], [f"{EMBEDDING}_raised"]),
        node("Sqrt", [f"{EMBEDDING}_raised"], [f"{EMBEDDING}_deviation"]),
        node("Squeeze", [mean, time], [f"{EMBEDDING}_flat"]),
        node("Concat", [f"{EMBEDDING}_flat", f"{EMBEDDING}_deviation"], [EMBEDDING], axis=1),
    ]


def _constants(*, shortest: int) -> list[Any]:
    onnx = _onnx()
    whole, single = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    make = onnx.helper.make_tensor
    return [
        make(f"{EMBEDDING}_shortest", whole, [1], [shortest]),
        make(f"{EMBEDDING}_none", whole, [1], [0]),
        make(f"{EMBEDDING}_last", whole, [1], [2]),
        make(f"{EMBEDDING}_time", whole, [1], [1]),
        make(f"{EMBEDDING}_smallest", single, [], [SMALLEST_VARIANCE]),
    ]
