"""What the front ends of AudioSet's networks share: spectra of windows, summed under triangles.

Mel is HTK's, mel(f) = 1127 ln(1 + f / 700), which Kaldi uses as well. The triangles' sides are straight in mel, so in
hertz they bend a little; those of `log-mel`, the house's own, are straight in hertz. The bin of 0 Hz counts for no
band.

Reference: Young et al., The HTK Book, 2006, section 5.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz

    Matrix: TypeAlias = NDArray[np.float64]

BLOCK = 128  # frames transformed at a time: the work stays in the processor's cache
GROUP = 8  # frames per matrix product: too small for BLAS to wake threads, and always the same sums


def mel_triangles(*, rate: Hertz, fft: int, bands: int, low: float, high: float) -> Matrix:
    """Return triangles [fft // 2 + 1, bands] with peaks of 1, equally wide in mel from `low` to `high` hertz."""
    edges = np.linspace(_mel(low), _mel(high), bands + 2)
    bins = _mel(np.arange(fft // 2 + 1) * rate / fft)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles[0] = 0.0
    return triangles


def band_rows(signal: Array, *, hop: int, taper: Array, triangles: Array, power: bool) -> Array:
    """Return band sums [frames, bands] of |spectrum|, or of its square with `power`, of every whole window.

    Args:
        signal: at least a window of samples, [time].
        hop: samples between windows.
        taper: the window, [window].
        triangles: as `mel_triangles` gives them, in float32.
        power: whether magnitudes are squared.

    """
    windows = np.lib.stride_tricks.sliding_window_view(signal, len(taper))[::hop]
    bins, bands = triangles.shape
    result = np.empty((len(windows), bands), np.float32)
    for start in range(0, len(windows), BLOCK):
        spectrum = np.fft.rfft(windows[start : start + BLOCK] * taper, n=2 * (bins - 1), axis=1)
        rows = len(spectrum)
        heights = np.zeros((-(-rows // GROUP) * GROUP, bins), np.float32)
        heights[:rows] = spectrum.real**2 + spectrum.imag**2
        if not power:
            np.sqrt(heights, out=heights)
        sums = np.matmul(heights.reshape(-1, GROUP, bins), triangles).reshape(-1, bands)
        result[start : start + rows] = sums[:rows]
    return result


def _mel(hertz: float | Matrix) -> Matrix:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)
