"""Checkpoints of `deepspeech.pytorch`, an implementation of Deep Speech 2, as a recogniser of emotone.

| here (`blocks.` before) | there |
| --- | --- |
| `conv1.convolution`, `conv1.norm`, `conv2.convolution`, `conv2.norm` | `conv.seq_module.0`, `.1`, `.3`, `.4` |
| `gru1.gru`, `gru2.norm`, `gru2.gru` ... | `rnns.0.rnn`, `rnns.1.batch_norm.module`, `rnns.1.rnn` ... |
| `characters.norm`, `characters.linear` | `fc.0.module.0`, `fc.0.module.1` |

Names that begin with `module.`, from training on several processors, are read too. Checkpoints with LSTM layers, with
directions of their own, or with lookahead are other networks and are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.nets.speech_recogniser import CHARACTERS, SpeechRecogniser
from emotone.transfer.readers import read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network

HOME = "https://github.com/SeanNaren/deepspeech.pytorch"
_PLACES = {
    "conv.seq_module.0": "conv1.convolution",
    "conv.seq_module.1": "conv1.norm",
    "conv.seq_module.3": "conv2.convolution",
    "conv.seq_module.4": "conv2.norm",
    "fc.0.module.0": "characters.norm",
    "fc.0.module.1": "characters.linear",
}
_RECURRENT = re.compile(r"rnns\.(?P<number>\d+)\.(?P<part>rnn|batch_norm\.module)")
_FIRST = "blocks.gru1.gru.weight_hh_l0"


def load_deep_speech(path: Path, *, characters: str = CHARACTERS) -> tuple[SpeechRecogniser, Network]:
    """Return the recogniser of a checkpoint and its network, in eval mode.

    Units and layers are those of the file.

    Args:
        path: a file that torch.save wrote: a checkpoint with a `state_dict`, or a `state_dict`.
        characters: of its outputs without the blank, which is the first.

    Raises:
        SourceError: the file can't be read, or has other tensors; the message lists what differs.
        MissingExtraError: torch is not installed.

    """
    found = read_torch(path, key="state_dict")
    tensors = {_name(name): np.asarray(values) for name, values in found.items() if not name.endswith("tracked")}
    if _FIRST not in tensors:
        raise SourceError(f"{path} is not a checkpoint of deepspeech.pytorch: it has no layer rnns.0 ({HOME})")
    layers = {match.group() for name in tensors if (match := re.match(r"blocks\.gru\d+\.gru", name))}
    spec = SpeechRecogniser(units=tensors[_FIRST].shape[-1], layers=len(layers), characters=characters)
    return spec, _loaded(spec, tensors, where=str(path))


def _loaded(spec: SpeechRecogniser, tensors: dict[str, NDArray[Any]], *, where: str) -> Network:
    import torch

    network = spec.build().eval()
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("tracked")}
    source = Source(
        name="a recogniser of deepspeech.pytorch",
        title="",
        citation="",
        licence="",
        licence_note="",
        published=(PublishedFile("", HOME),),
        rate=16000,
        net="",
        layers=(),
        shapes={name: tuple(value.shape) for name, value in state.items()},
        readers={},
    )
    source.check(tensors, where=where)
    network.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in tensors.items()}, strict=False)
    return network


def _name(theirs: str) -> str:
    """Return the name of a tensor here; names of other networks are returned unchanged and reported by the check."""
    layer, _, tensor = theirs.removeprefix("module.").rpartition(".")
    match = _RECURRENT.fullmatch(layer)
    if match is not None:
        part = "gru" if match["part"] == "rnn" else "norm"
        return f"blocks.gru{int(match['number']) + 1}.{part}.{tensor}"
    return f"blocks.{_PLACES[layer]}.{tensor}" if layer in _PLACES else theirs
