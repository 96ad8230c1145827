"""SoundNet's published form and its ports, as files that the tests write: all comes over, what is wrong is named."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import ported
from tests.toy import one_thread
from tests.transfer.writers import Obj, View, torch7

from emotone.errors import SourceError
from emotone.nets.architectures.waveform_networks import SoundNet5, SoundNet5Source
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.source import SOURCES, PublishedFile
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
SOURCE = SOURCES.get("soundnet5")
GEOMETRY = [(64, 32), (32, 16), (16, 8), (8, 4)]  # kernel and padding of the published net


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    """The tensors of a SoundNet with random weights and statistics."""
    rng = np.random.default_rng(3)
    tensors = {}
    for name, tensor in SoundNet5Source().build().state_dict().items():
        values = rng.normal(0, 0.1, tuple(tensor.shape)).astype(np.float32)
        tensors[name] = np.abs(values) + np.float32(0.5) if name.endswith("running_var") else values
        if name.endswith("num_batches_tracked"):
            tensors[name] = np.array(0, np.int64)
    return tensors


def flattened(tensors: dict[str, NDArray[Any]]) -> dict[str, View]:
    """Parameters as views of one storage, as in the published file; a kernel is [out, in, k, 1] there."""
    parameters = {name: values for name, values in tensors.items() if name.endswith((".weight", ".bias"))}
    storage = np.concatenate([values.reshape(-1) for values in parameters.values()])
    views, first = {}, 0
    for name, values in parameters.items():
        sizes = (*values.shape, 1) if values.ndim == 3 else values.shape
        strides = tuple(int(np.prod(sizes[place + 1 :])) for place in range(len(sizes)))
        views[name] = View(storage, sizes, strides, first, kind="Cuda")
        first += values.size
    return views


def published(tensors: dict[str, NDArray[Any]], *, heads: bool = True) -> Obj:
    """The published net: convolutions, normalisations and the rest in order, and a table of two heads."""
    views = flattened(tensors)
    modules: list[Obj] = []
    for number, (kernel, padding) in enumerate(GEOMETRY, start=1):
        layer = f"blocks.conv{number}"
        sizes = {"kH": kernel, "kW": 1, "dH": 2, "dW": 1, "padH": padding, "padW": 0}
        fields = {key: views[f"{layer}.convolution.{key}"] for key in ("weight", "bias")}
        modules.append(Obj("cudnn.SpatialConvolution", {**sizes, **fields, "gradWeight": np.zeros(0, "<f4")}))
        norm: dict[str, Any] = {key: views[f"{layer}.norm.{key}"] for key in ("weight", "bias")}
        norm |= {key: tensors[f"{layer}.norm.{key}"] for key in ("running_mean", "running_var")}
        modules.append(Obj("nn.SpatialBatchNormalization", {**norm, "eps": 1e-5, "affine": True}))
        modules.append(Obj("cudnn.ReLU", {"inplace": True}))
        if number < 4:
            modules.append(Obj("nn.SpatialMaxPooling", {"kH": 8, "dH": 8}))
    if heads:
        both = [
            Obj("nn.SpatialConvolution", {key: views[f"blocks.heads.heads.{name}.convolution.{key}"] for key in keys})
            for name, keys in (("objects", ("weight", "bias")), ("scenes", ("weight", "bias")))
        ]
        modules.append(Obj("nn.ConcatTable", {"modules": dict(enumerate(both, start=1))}))
        modules.append(Obj("nn.FlattenTable", {"output": {}}))
    return Obj("nn.Sequential", {"modules": dict(enumerate(modules, start=1)), "train": False})


def module_of(net: Obj, place: int) -> Obj:
    found: Obj = net.fields["modules"][place]
    return found


def written(path: Path, net: Any) -> Path:
    path.write_bytes(torch7(net))
    return path


def same(found: SourceWeights, reference: dict[str, NDArray[Any]]) -> None:
    assert set(found.tensors) == set(reference)
    for name, values in reference.items():
        np.testing.assert_array_equal(found.tensors[name], values, err_msg=name)
        assert found.tensors[name].dtype == values.dtype, name


def test_the_published_file_fills_the_whole_net(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    path = written(tmp_path / "soundnet5_final.t7", published(reference))
    found = SOURCE.read(path)
    same(found, reference)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.licence == "MIT"
    net = SoundNet5Source().build()
    report = transfer_into(net, found, Plan(load=("*",))).report
    assert report.left == ()
    assert report.names("fresh") == ()


def test_ports_hold_the_same(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    path = tmp_path / "sound5.npz"
    np.savez(path, **ported(reference))
    same(SOURCE.read(path), reference)


@pytest.mark.parametrize("suffix", [".t7", ".npz"])
def test_the_heads_may_be_left_out(tmp_path: Path, reference: dict[str, NDArray[Any]], suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".t7":
        written(path, published(reference, heads=False))
    else:
        np.savez(path, **ported(reference, heads=False))
    same(SOURCE.read(path), {name: values for name, values in reference.items() if ".heads." not in name})


def test_what_was_converted_is_read_again(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    first = SOURCE.read(written(tmp_path / "made.t7", published(reference)))
    write_weights(tmp_path / "made.safetensors", first)
    same(SOURCE.read(tmp_path / "made.safetensors"), reference)


def test_the_convolutions_give_what_torch_gave(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    """The first two layers, computed from the definition in NumPy, from Torch's arrays."""
    net = SoundNet5(normalise_level=False).build(1, 2)
    weights = SOURCE.read(written(tmp_path / "made.t7", published(reference)))
    transfer_into(net, weights, Plan(load=("conv[12]",)))
    signal = np.random.default_rng(0).normal(0, 0.05, 3000)
    y = 256.0 * signal[None]
    for layer, padding in (("blocks.conv1", 32), ("blocks.conv2", 16)):
        kernels = reference[f"{layer}.convolution.weight"].astype(np.float64)
        padded = np.pad(y, ((0, 0), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2], axis=1)[:, ::2]
        y = np.einsum("ock,ctk->ot", kernels, windows) + reference[f"{layer}.convolution.bias"][:, None]
        mean, variance = reference[f"{layer}.norm.running_mean"], reference[f"{layer}.norm.running_var"]
        y = (y - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5)
        y = np.maximum(0, y * reference[f"{layer}.norm.weight"][:, None] + reference[f"{layer}.norm.bias"][:, None])
        y = y[:, : y.shape[1] // 8 * 8].reshape(len(y), -1, 8).max(axis=2)
    x: Any = 256.0 * torch.from_numpy(signal.astype(np.float32))[None, None]
    with torch.inference_mode():
        for layer in ("conv1", "conv2"):
            x, _ = net.eval().blocks[layer](x, None)
    np.testing.assert_allclose(x[0].numpy(), y, rtol=1e-4, atol=1e-4)


def test_statistics_of_old_files_are_converted(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    net = published(reference)
    fields = module_of(net, 2).fields
    fields["running_std"] = (1 / np.sqrt(fields.pop("running_var").astype(np.float64) + 1e-5)).astype("<f8")
    found = SOURCE.read(written(tmp_path / "old.t7", net)).tensors
    name = "blocks.conv1.norm.running_var"
    np.testing.assert_allclose(found[name], reference[name], rtol=1e-6)


def drop(place: int, key: str) -> Callable[[Obj], None]:
    return lambda net: module_of(net, place).fields.__delitem__(key)


def put(place: int, key: str, value: Any) -> Callable[[Obj], None]:
    return lambda net: module_of(net, place).fields.update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop(1, "bias"), "missing: blocks.conv1.convolution.bias"),
        (drop(2, "running_mean"), "missing: blocks.conv1.norm.running_mean, blocks.conv1.norm.num_batches_tracked"),
        (put(2, "bias", None), "missing: blocks.conv1.norm.bias"),
        (
            put(5, "weight", np.zeros((64, 32, 31, 1), "<f4")),
            "wrong shapes: blocks.conv2.convolution.weight has 64 x 32 x 31, expected 64 x 32 x 32",
        ),
        (
            put(1, "weight", np.zeros((32, 64), "<f4")),
            "blocks.conv1.convolution.weight has 32 x 64, expected 32 x 1 x 64",
        ),
        (put(1, "bias", np.full(32, np.nan, "<f4")), "not finite: blocks.conv1.convolution.bias"),
        (put(2, "running_var", np.full(32, np.inf, "<f4")), "not finite: blocks.conv1.norm.running_var"),
        (put(1, "dH", 4), "conv1 has dH 4.0; SoundNet has 2"),
        (put(9, "padH", 7), "conv3 has padH 7.0; SoundNet has 8"),
        (put(2, "eps", 0.001), "the normalisation of blocks.conv1 has eps 0.001; SoundNet has 1e-05"),
        (put(3, "weight", np.zeros(3, "<f4")), "has weights in a cudnn.ReLU, which has none in SoundNet"),
        (lambda net: net.fields["modules"].update({0: net}), "contains a nn.Sequential that contains itself"),
        (
            lambda net: net.fields["modules"].update({99: Obj("nn.SpatialConvolution", {"bias": np.zeros(2, "<f4")})}),
            "unexpected: convolution 7.convolution.bias",
        ),
        (lambda net: net.fields.__delitem__("modules"), "missing: blocks.conv1.convolution.weight"),
    ],
)
def test_what_is_not_soundnet_is_named(
    tmp_path: Path, reference: dict[str, NDArray[Any]], change: Callable[[Obj], None], message: str
) -> None:
    net = published(reference)
    change(net)
    with pytest.raises(SourceError, match=re.escape(message)):
        SOURCE.read(written(tmp_path / "changed.t7", net))


def test_statistics_of_old_files_that_are_zero_are_not_finite(
    tmp_path: Path, reference: dict[str, NDArray[Any]]
) -> None:
    net = published(reference)
    fields = module_of(net, 2).fields
    fields.pop("running_var")
    fields["running_std"] = np.zeros(32, "<f4")
    with pytest.raises(SourceError, match=r"not finite: blocks\.conv1\.norm\.running_var"):
        SOURCE.read(written(tmp_path / "old.t7", net))


def test_places_of_modules_that_are_no_numbers_and_things_that_are_no_modules_are_passed_over(
    tmp_path: Path, reference: dict[str, NDArray[Any]]
) -> None:
    net = published(reference)
    net.fields["modules"].update({"note": 1.0, 1.5: 2.0, 50: 3.0})
    same(SOURCE.read(written(tmp_path / "odd.t7", net)), reference)


def test_one_head_alone_is_not_enough(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    arrays = {key: values for key, values in ported(reference).items() if not key.startswith("conv5_2")}
    np.savez(tmp_path / "one.npz", **arrays)
    with pytest.raises(SourceError, match=r"missing: blocks\.heads\.heads\.scenes\.convolution\.weight"):
        SOURCE.read(tmp_path / "one.npz")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("conv2/weight", "conv2/weight"),
        ("conv2", "unexpected: conv2"),
        ("conv6/biases", "blocks.conv6.convolution.bias"),
    ],
)
def test_other_names_in_a_port_are_named(
    tmp_path: Path, reference: dict[str, NDArray[Any]], key: str, message: str
) -> None:
    np.savez(tmp_path / "other.npz", **{**ported(reference), key: np.zeros(2, np.float32)})
    with pytest.raises(SourceError, match=f"unexpected: .*{re.escape(message.removeprefix('unexpected: '))}"):
        SOURCE.read(tmp_path / "other.npz")


def test_a_nearly_right_name_is_pointed_out(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    arrays = ported(reference)
    arrays["conv33/biases"] = arrays.pop("conv3/biases")
    np.savez(tmp_path / "other.npz", **arrays)
    message = r"missing: blocks\.conv3\.convolution\.bias \(did you mean 'blocks\.conv33\.convolution\.bias'\?\)"
    with pytest.raises(SourceError, match=message):
        SOURCE.read(tmp_path / "other.npz")


def test_words_are_no_weights(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    np.savez(tmp_path / "words.npz", **{**ported(reference), "conv1/biases": np.array(["a"] * 32)})
    with pytest.raises(SourceError, match=r"not finite: blocks\.conv1\.convolution\.bias"):
        SOURCE.read(tmp_path / "words.npz")


def test_many_mistakes_are_counted(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", x=np.zeros(1))
    with pytest.raises(SourceError, match=r"missing: .* and 22 more; unexpected: x"):
        SOURCE.read(tmp_path / "none.npz")


class Trap:
    """Unpickled, it would fail the test."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickles_are_rejected_with_the_way_on(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sound5{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"use the published \.t7, or, .* numpy\.savez\('sound5\.npz'"):
        SOURCE.read(path)


def test_the_way_on_leads_there(
    tmp_path: Path, reference: dict[str, NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that the refusal gives, run by its reader on a file that is trusted."""
    layers: dict[str, dict[str, Any]] = {}
    for key, values in ported(reference).items():
        layers.setdefault(key.split("/")[0], {})[key.split("/")[1]] = values
    monkeypatch.chdir(tmp_path)
    np.save("sound5.npy", layers, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(SourceError) as refused:
        SOURCE.read(tmp_path / "sound5.npy")
    line = str(refused.value).rpartition("yourself: ")[2]
    exec(line, {"numpy": np})  # noqa: S102 - what the reader of the message would do
    same(SOURCE.read(tmp_path / "sound5.npz"), reference)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing"])
def test_a_damaged_archive_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "sound5.npz").write_bytes(data)
    with pytest.raises(SourceError, match=r"sound5\.npz is not an archive of plain arrays"):
        SOURCE.read(tmp_path / "sound5.npz")


def test_an_archive_of_damaged_data_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sound5.npz"
    np.savez_compressed(path, x=np.arange(10000))
    data = bytearray(path.read_bytes())
    data[200:400] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"sound5\.npz is not an archive of plain arrays"):
        SOURCE.read(path)


def test_a_table_is_no_net(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="contains a dict instead of a network"):
        SOURCE.read(written(tmp_path / "table.t7", {"x": 1.0}))


def test_weights_of_another_source_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_weights(path, SourceWeights("vggish", {"a": np.zeros(1, np.float32)}))
    assert read_weights(path).source == "vggish"
    with pytest.raises(SourceError, match="contains weights of 'vggish', not of 'soundnet5'"):
        SOURCE.read(path)


def test_other_suffixes_are_rejected_with_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"files of soundnet5 end in \.npy, \.npz, \.t7, \.safetensors; given '\.pth'"
    ):
        SOURCE.read(tmp_path / "soundnet5.pth")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.t7: can't be read: No such file"):
        SOURCE.read(tmp_path / "none.t7")


def test_a_known_hash_is_checked(tmp_path: Path, reference: dict[str, NDArray[Any]]) -> None:
    path = written(tmp_path / "net.t7", published(reference, heads=False))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    right = replace(SOURCE, published=(PublishedFile("net.t7", "https://example.org", digest),))
    wrong = replace(SOURCE, published=(PublishedFile("net.t7", "https://example.org", "0" * 64),))
    assert right.read(path).sha256 == digest
    with pytest.raises(SourceError, match=f"has SHA-256 {digest}; published: {'0' * 64}; download it again"):
        wrong.read(path)
