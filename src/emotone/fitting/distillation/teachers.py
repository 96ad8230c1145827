"""Teachers: published networks whose predictions for unlabelled sound a student is trained to match.

The front end is the original's: its windows are centred on multiples of the hop, and the signal is mirrored at both
ends. `mn-log-mel` computes the same frames for full windows only.

emotone includes none of them; users download the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.errors import RunError, missing_extra, unknown_name
from emotone.features.front_ends.log_mel import MN_EMPHASIS, MN_FFT, MN_OFFSET, MN_WINDOW, MnLogMel, mn_tables
from emotone.files import sha256_file
from emotone.nets.architectures.sound_events import Mn04
from emotone.transfer.readers import read_torch
from emotone.transfer.sources.sound_events import MN04, MN04_CLASSES, MN04_WIDTH, mn04_renamed

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.types import Hertz


class MobileNet(nn.Module):
    """Signals [batch, samples] at 32 kHz to logits [batch, classes].

    Args:
        width: channel multiplier; 0.4 for the published mn04, 1.0 for mn10.
        classes: 527 for AudioSet.

    """

    def __init__(self, *, width: float, classes: int) -> None:
        super().__init__()
        self.net: Network = Mn04(width=width).build(MnLogMel.dimension, classes)
        for name, table in zip(("window", "bands"), mn_tables(), strict=True):
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def log_mel(self, signals: Tensor) -> Tensor:
        """Return ln(mel power + 1e-5) [batch, time, 128] of signals [batch, samples]."""
        emphasised = signals[:, 1:] - MN_EMPHASIS * signals[:, :-1]
        window, bands = self.get_buffer("window"), self.get_buffer("bands")
        spectrum = torch.stft(emphasised, MN_FFT, MnLogMel.hop, MN_WINDOW, window, center=True, return_complex=True)
        power = (spectrum.real**2 + spectrum.imag**2).transpose(1, 2)
        return (torch.matmul(power, bands) + MN_OFFSET).log()

    def forward(self, signals: Tensor) -> Tensor:
        """Return logits [batch, classes]; a class's probability is the sigmoid of its logit."""
        logits: Tensor = self.net(self.log_mel(signals))
        return logits


@dataclass(frozen=True)
class TeacherInfo:
    """Where a teacher is published, and how its file is identified.

    Attributes:
        title: one line.
        url: of the file, for the user to download.
        sha256: of the file.
        licence: SPDX identifier of the weights.
        citation: who made it.
        rate: hertz of its input.
        classes: number of its classes.
        vocabulary: data set that defines the classes.
        width: channel multiplier (see `MobileNet`).

    """

    title: str
    url: str
    sha256: str
    licence: str
    citation: str
    rate: Hertz
    classes: int
    vocabulary: str
    width: float


TEACHERS = {
    "mn04": TeacherInfo(
        title="AudioSet tagger of the MobileNetV3 family, width 0.4, mAP 43.2",
        url=MN04.published[0].url,
        sha256=MN04.published[0].sha256,
        licence=MN04.licence,
        citation="F. Schmid, K. Koutini, G. Widmer, Efficient large-scale audio tagging via transformer-to-CNN "
        "knowledge distillation, ICASSP 2023",
        rate=MN04.rate,
        classes=MN04_CLASSES,
        vocabulary="AudioSet",
        width=MN04_WIDTH,
    ),
}


def teacher_info(name: str) -> TeacherInfo:
    """Return the entry of a teacher, or raise `UnknownNameError`."""
    if name not in TEACHERS:
        raise unknown_name("teacher", name, TEACHERS)
    return TEACHERS[name]


def load_teacher(name: str, path: Path) -> MobileNet:
    """Return the teacher in a downloaded file, in eval mode; its `forward` maps signals at its rate to logits.

    Args:
        name: one of `TEACHERS`.
        path: the published file.

    Raises:
        UnknownNameError: there is no such teacher.
        RunError: the file is missing, or is not the published one.
        MissingExtraError: torch is not installed.

    """
    info = teacher_info(name)
    try:
        found = sha256_file(path)
    except OSError as error:
        raise RunError(
            f"teacher {name}: {path} can't be read: {error.strerror or error}; download it from {info.url}"
        ) from error
    if found != info.sha256:
        raise RunError(
            f"teacher {name}: {path} is not the published file (SHA-256 {found}, expected {info.sha256}); "
            f"download it again from {info.url}"
        )
    try:
        import torch

    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing_extra("torch", "train", "a teacher") from error
    net = MobileNet(width=info.width, classes=info.classes)
    tensors = mn04_renamed(read_torch(path), width=info.width)
    net.net.load_state_dict({tensor: torch.from_numpy(values) for tensor, values in tensors.items()})
    return net.eval()
