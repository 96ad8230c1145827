"""Teachers: published networks whose judgement of unlabelled sound a student learns. emotone carries none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, missing_extra, unknown_name
from emotone.files import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.distil.mobilenet import MobileNet
    from emotone.types import Hertz


@dataclass(frozen=True)
class TeacherInfo:
    """Where a teacher is published, and how to know its file.

    Attributes:
        title: one line.
        url: of the file, for the user to download.
        sha256: of the file.
        licence: SPDX identifier of the weights.
        citation: who made it.
        rate: hertz of the sound it hears.
        classes: number of its judgements.
        vocabulary: what they are of.
        width: of its channels (see `MobileNet`).

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
        url="https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
        sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        licence="MIT",
        citation="F. Schmid, K. Koutini, G. Widmer, Efficient large-scale audio tagging via transformer-to-CNN "
        "knowledge distillation, ICASSP 2023",
        rate=32000,
        classes=527,
        vocabulary="AudioSet",
        width=0.4,
    ),
}


def load_teacher(name: str, path: Path) -> MobileNet:
    """Return the teacher in a downloaded file, in eval mode, whose `forward` maps sound at its rate to logits.

    Args:
        name: one of `TEACHERS`.
        path: the file, as it was published.

    Raises:
        UnknownNameError: no such teacher.
        RunError: no file, or another one.
        MissingExtraError: torch is not installed.

    """
    if name not in TEACHERS:
        raise unknown_name("teacher", name, TEACHERS)
    info = TEACHERS[name]
    try:
        found = sha256_file(path)
    except OSError as error:
        raise RunError(
            f"teacher {name}: {path} can't be read: {error.strerror or error}; download it from {info.url}"
        ) from error
    if found != info.sha256:
        raise RunError(
            f"teacher {name}: {path} is another file (SHA-256 {found}, expected {info.sha256}); "
            f"download it again from {info.url}"
        )
    try:
        import torch

        from emotone.distil.mobilenet import MobileNet
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing_extra("torch", "train", "a teacher") from error
    net = MobileNet(width=info.width, classes=info.classes)
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))  # tensors only, of a file we know
    return net.eval()
