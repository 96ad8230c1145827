"""Drawings of the paper's Figures 5 and 7 from their stored data, as SVG; equal data give equal bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.reproductions.figure import COLOURS, XMLNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:14px;font-weight:600}.back{fill:#fff}"
    ".grid{stroke:#d0d7de}image{image-rendering:pixelated}"
)
DARK = "text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#3d444d}"
LEFT, TOP = 16, 84  # pixels around the filters
CELL, HEIGHT, GAP = 10, 160, 26  # pixels of a row of 8 ms, of a filter, and between filters
LEVELS = 127
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 330, 200, 46  # pixels of a plot


def draw_filters(data: Mapping[str, Any]) -> str:
    """Return Figure 5: the two channels of each filter, in a column for each measure, low frequencies at the bottom."""
    names = list(dict.fromkeys(each["measure"] for each in data["filters"]))
    columns = [[each for each in data["filters"] if each["measure"] == name] for name in names]
    channels, bands, rows = np.array(columns[0][0]["weights"]).shape
    wide = channels * (rows * CELL + 6)
    step = max(wide + GAP, 150)
    width = LEFT + step * len(columns)
    title = "Filters of R1 by the measure that their outputs follow: 40 ms channel, 5 ms channel"
    lines = [*_opened(title, width, TOP + max(map(len, columns)) * (HEIGHT + 2 * GAP))]
    for column, (name, filters) in enumerate(zip(names, columns, strict=True)):
        left = LEFT + column * step
        for line, words in enumerate(name.split(", ")):
            lines.append(_text(left, TOP - 30 + 15 * line, words))
        for place, each in enumerate(filters):
            top = TOP + place * (HEIGHT + 2 * GAP)
            for channel, values in enumerate(np.array(each["weights"])):
                image = base64.b64encode(_png(values[::-1])).decode()
                lines.append(
                    f'<image x="{left + channel * (rows * CELL + 6)}" y="{top}" width="{rows * CELL}" '
                    f'height="{HEIGHT}" preserveAspectRatio="none" href="data:image/png;base64,{image}"/>'
                )
            lines.append(_text(left, top + HEIGHT + 16, f"correlation {each['correlation']:.2f}"))
    assert bands  # noqa: S101 - a filter has bands
    return "\n".join([*lines, "</svg>"]) + "\n"


def draw_curves(data: Mapping[str, Any]) -> str:
    """Return Figure 7: loss on the training part and recall on the validation part by epoch."""
    width = 2 * (PLOT_WIDTH + 2 * MARGIN)
    title = "Learning curves on Emo-DB and SAVEE, the paper's split of recordings"
    lines = [*_opened(title, width, TOP + PLOT_HEIGHT + MARGIN)]
    curves = data["curves"]
    for number, each in enumerate(curves):
        colour = COLOURS[number][0]
        lines.append(f'<path d="M{LEFT + 200 * number} 46h20" stroke="{colour}" stroke-width="2"/>')
        lines.append(_text(LEFT + 26 + 200 * number, 50, each["system"]))
    most = max(value for each in curves for value in each["loss"])
    plots = (("loss", "loss on the training part", most, 1.0), ("uar", "recall x 100, validation part", 1.0, 100.0))
    for number, (key, name, top, factor) in enumerate(plots):
        left = MARGIN + number * (PLOT_WIDTH + 2 * MARGIN)
        lines.append(_text(left, TOP - 8, name))
        for share in (0.0, 0.5, 1.0):
            high = round(TOP + PLOT_HEIGHT * (1 - share), 1)
            lines.append(f'<path class="grid" d="M{left} {high}h{PLOT_WIDTH}"/>')
            lines.append(_text(left - 34, high + 4, f"{share * top * factor:.3g}"))
        for system, each in enumerate(curves):
            lines.append(_curve([value / top for value in each[key]], left, COLOURS[system][0]))
        epochs = max(len(each[key]) for each in curves)
        lines.append(_text(left, TOP + PLOT_HEIGHT + 22, f"epochs 1 to {epochs}, each curve to its last"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _curve(shares: Sequence[float], left: float, colour: str) -> str:
    step = PLOT_WIDTH / max(1, len(shares) - 1)
    places = (
        f"{round(left + step * at, 1)} {round(TOP + PLOT_HEIGHT * (1 - share), 1)}" for at, share in enumerate(shares)
    )
    return f'<path d="M{" L".join(places)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _png(values: NDArray[np.int64]) -> bytes:
    """Return an image of weights [height, width] from -127, blue, over 0, white, to 127, red; not compressed."""
    share = np.clip(values / LEVELS, -1.0, 1.0)
    faded = 255 * (1 - np.abs(share))
    red, blue = np.where(share > 0, 255, faded), np.where(share < 0, 255, faded)
    pixels = np.stack([red, faded, blue], axis=-1).astype(np.uint8)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def _opened(title: str, width: int, height: int) -> Iterator[str]:
    yield f'<svg xmlns="{XMLNS}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    yield f"<style>{STYLE}@media(prefers-color-scheme:dark){{{DARK}}}</style>"
    yield f'<rect class="back" width="{width}" height="{height}"/>'
    yield _text(LEFT, 24, title, kind="title")


def _text(x: float, y: float, text: str, *, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{style}>{escape(text)}</text>'
