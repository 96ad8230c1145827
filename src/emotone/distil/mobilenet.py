"""The teacher's architecture: an AudioSet tagger of the MobileNetV3 family, with its front end.

A port of the networks published as EfficientAT (MIT licence). Modules are named as there, so that a published file
loads strictly: `features.N.block.M.0` a convolution, `.1` its batch normalisation, `conc_se_layers.0` the squeeze and
excitation over channels, `classifier.2` and `classifier.5` the two linear layers.

Reference:
    F. Schmid, K. Koutini, G. Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge
    distillation, ICASSP 2023. A. Howard et al., Searching for MobileNetV3, ICCV 2019, table 1.

"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

RATE = 32000  # hertz
WINDOW, HOP, FFT = 800, 320, 1024  # samples: 25 ms, 10 ms, 32 ms
BANDS, HIGH = 128, 15000.0  # mel bands from 0 Hz up to here
EMPHASIS = 0.97


@dataclass(frozen=True)
class _Row:
    """One row of MobileNetV3-Large: channels before the width is applied."""

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    excited: bool
    hard_swish: bool
    stride: int


ROWS = (
    _Row(16, 3, 16, 16, excited=False, hard_swish=False, stride=1),
    _Row(16, 3, 64, 24, excited=False, hard_swish=False, stride=2),
    _Row(24, 3, 72, 24, excited=False, hard_swish=False, stride=1),
    _Row(24, 5, 72, 40, excited=True, hard_swish=False, stride=2),
    _Row(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    _Row(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    _Row(40, 3, 240, 80, excited=False, hard_swish=True, stride=2),
    _Row(80, 3, 200, 80, excited=False, hard_swish=True, stride=1),
    _Row(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    _Row(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    _Row(80, 3, 480, 112, excited=True, hard_swish=True, stride=1),
    _Row(112, 3, 672, 112, excited=True, hard_swish=True, stride=1),
    _Row(112, 5, 672, 160, excited=True, hard_swish=True, stride=2),
    _Row(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
    _Row(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
)
LAST = 1280  # units of the classifier's hidden layer before the width is applied


def eighths(channels: float) -> int:
    """Return the multiple of 8 nearest to a number of channels, but at least 8 and never below nine tenths of it.

    Example:
        >>> [eighths(channels * 0.4) for channels in (16, 24, 40, 112, 160)]
        [8, 16, 16, 48, 64]

    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class _ConvNorm(nn.Sequential):
    """Convolution "same", batch normalisation, and an activation where one is asked for."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, after: nn.Module | None
    ) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        layers = [convolution, nn.BatchNorm2d(outputs, eps=1e-3)]
        super().__init__(*layers, *([] if after is None else [after]))


class _Excitation(nn.Module):
    """Channels weighed by what all of them hold on average: x * sigmoid(W2 relu(W1 mean(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = eighths(channels // 4)
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, channels, bands, time], weighed."""
        scale = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean(dim=(2, 3))))))
        return x * scale[:, :, None, None]


class _Concurrent(nn.Module):
    """The excitation under the name that published files give it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([_Excitation(channels)])

    def forward(self, x: Tensor) -> Tensor:
        """Return what the one excitation returns."""
        weighed: Tensor = self.conc_se_layers[0](x)
        return weighed


class _Inverted(nn.Module):
    """Expand, convolve each channel alone, excite, project; added to the input where shapes allow."""

    def __init__(self, row: _Row, *, width: float) -> None:
        super().__init__()
        inputs, expanded, outputs = (eighths(width * count) for count in (row.inputs, row.expanded, row.outputs))
        after = nn.Hardswish() if row.hard_swish else nn.ReLU()
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(_ConvNorm(inputs, expanded, after=after))
        layers.append(_ConvNorm(expanded, expanded, row.kernel, stride=row.stride, groups=expanded, after=after))
        if row.excited:
            layers.append(_Concurrent(expanded))
        layers.append(_ConvNorm(expanded, outputs, after=None))
        self.block = nn.Sequential(*layers)
        self.added = row.stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, outputs, bands / stride, time / stride]."""
        y: Tensor = self.block(x)
        return x + y if self.added else y


class MobileNet(nn.Module):
    """Sound to the logits of `classes` taggers: [batch, samples] at 32 kHz -> [batch, classes].

    Args:
        width: of the channels; 0.4 for the published mn04, 1.0 for mn10.
        classes: 527 for AudioSet.

    """

    def __init__(self, *, width: float, classes: int) -> None:
        super().__init__()
        first, last = eighths(width * ROWS[0].inputs), eighths(width * ROWS[-1].outputs)
        hidden = eighths(width * LAST)
        self.features = nn.Sequential(
            _ConvNorm(1, first, 3, stride=2, after=nn.Hardswish()),
            *(_Inverted(row, width=width) for row in ROWS),
            _ConvNorm(last, 6 * last, after=nn.Hardswish()),
        )
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6 * last, hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(hidden, classes),
        )
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("bands", mel_bands(), persistent=False)

    def spectrogram(self, sound: Tensor) -> Tensor:
        """Return the image [batch, 1, 128, time] of sound [batch, samples]: (ln(mel power + 1e-5) + 4.5) / 5."""
        emphasised = sound[:, 1:] - EMPHASIS * sound[:, :-1]
        window, bands = self.get_buffer("window"), self.get_buffer("bands")
        spectrum = torch.stft(emphasised, FFT, HOP, WINDOW, window, center=True, return_complex=True)
        mel = torch.matmul(bands, spectrum.real**2 + spectrum.imag**2)
        return ((mel + 1e-5).log()[:, None] + 4.5) / 5.0

    def pooled(self, sound: Tensor) -> Tensor:
        """Return the mean over bands and time of the last convolution, [batch, channels]."""
        found: Tensor = self.features(self.spectrogram(sound)).mean(dim=(2, 3))
        return found

    def forward(self, sound: Tensor) -> Tensor:
        """Return logits [batch, classes]; a class's probability is the sigmoid of its own."""
        logits: Tensor = self.classifier(self.features(self.spectrogram(sound)))
        return logits


def mel_bands() -> Tensor:
    """Return triangles [128, 513], straight on the mel scale as in Kaldi; none reaches the last bin."""
    edges = torch.linspace(0.0, _mel(torch.tensor(HIGH, dtype=torch.float64)).item(), BANDS + 2, dtype=torch.float64)[
        :, None
    ]
    bins = _mel(torch.arange(FFT // 2, dtype=torch.float64) * RATE / FFT)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return nn.functional.pad(triangles, (0, 1)).to(torch.float32)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)
