"""Benchmarks return bounds and the rows of a table; outcomes as text, the machine, and recordings to measure with."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import soundfile

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emotone.types import Array, Hertz, Seconds


# ----------------------------------------------------------------------------------------------------------------------
# Benchmarks: modules with a `BENCHMARK`, which returns bounds and the rows of a table.

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Check:
    """A measured number with its bound.

    Attributes:
        name: what was measured.
        value: the number.
        relation: of the number to the limit.
        limit: the bound.
        unit: of both.

    """

    name: str
    value: float
    relation: Literal["<", "<=", ">="]
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the number satisfies its bound; NaN does not."""
        if self.relation == "<":
            return self.value < self.limit
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit


@dataclass(frozen=True)
class Outcome:
    """Result of a benchmark.

    Attributes:
        title: one line.
        method: description of the measurement, in a few sentences.
        checks: bounds.
        header: of the table.
        rows: of the table.
        skipped: reason why nothing was measured; "" if it was.

    """

    title: str
    method: str
    checks: tuple[Check, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    skipped: str = ""


@dataclass(frozen=True)
class Setting:
    """Arguments of every benchmark.

    Attributes:
        model: name of a shipped model, or folder of a bundle.
        quick: fewer clips and repetitions, with the same bounds.
        folder: for temporary files.

    """

    model: str
    quick: bool
    folder: Path

    @property
    def shared(self) -> Path | None:
        """The folder of real recordings: `$EMOTONE_SHARED`, or `../shared` next to the repository."""
        given = Path(os.environ.get("EMOTONE_SHARED", ROOT.parent / "shared"))
        return given if (given / "corpora").is_dir() else None


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `run` measures; a violated bound is part of its outcome, not an exception."""

    run: Callable[[Setting], Outcome]


BENCHMARKS: Registry[Benchmark] = Registry("benchmark", "benchmarks.members", "BENCHMARK")


# ----------------------------------------------------------------------------------------------------------------------
# Description of the machine: processor, memory and versions, without names of hosts, users or folders.

PACKAGES = ("emotone", "numpy", "onnxruntime", "soundfile", "soxr", "opensmile")
GIBIBYTE = 1 << 30


def machine() -> dict[str, str]:
    """Return the description, by property."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "other load": f"{os.getloadavg()[0]:.1f} processes before the start",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


# ----------------------------------------------------------------------------------------------------------------------
# Outcomes as text, Markdown and JSON.

NOTE = "<!-- Written by `make bench`; do not edit. -->"


def markdown(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], *, model: str) -> str:
    """Return the page of results."""
    lines = [NOTE, "", "# Speed and memory", "", "Measured by `make bench`, which fails if a bound is violated.", ""]
    lines += table(("", ""), [*machine.items(), ("model", model)])
    for outcome in outcomes.values():
        lines += ["", f"## {outcome.title}", "", outcome.method, ""]
        if outcome.skipped:
            lines.append(f"Not measured: {outcome.skipped}.")
            continue
        lines += table(outcome.header, outcome.rows)
        if outcome.checks:
            lines += ["", *table(("number", "measured", "bound", ""), [_cells(check) for check in outcome.checks])]
    return "\n".join(lines) + "\n"


def as_json(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], *, model: str) -> str:
    """Return the JSON document."""
    benchmarks = {name: _record(outcome) for name, outcome in outcomes.items()}
    return json.dumps({"machine": dict(machine), "model": model, "benchmarks": benchmarks}, indent=2) + "\n"


def text(name: str, outcome: Outcome) -> str:
    """Return one outcome for the terminal."""
    lines = [f"{name}: {outcome.title}"]
    if outcome.skipped:
        return "\n".join([*lines, f"  skipped: {outcome.skipped}"])
    cells = [outcome.header, *outcome.rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(outcome.header))]
    for row in cells:
        first, *others = (
            cell.ljust(width) if not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  " + "  ".join([first, *others]))
    lines += [f"  {'ok  ' if check.holds else 'FAIL'}  {' '.join(_cells(check)[:3])}" for check in outcome.checks]
    return "\n".join(lines)


def table(header: tuple[str, ...], rows: Any) -> list[str]:
    """Return the lines of a Markdown table."""
    return [_line(header), _line(tuple("---" for _ in header)), *(_line(row) for row in rows)]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(check: Check) -> tuple[str, str, str, str]:
    unit = f" {check.unit}" if check.unit else ""
    value = f"{check.value:.4g}{unit}"
    return check.name, value, f"{check.relation} {check.limit:g}{unit}", "satisfied" if check.holds else "VIOLATED"


def _record(outcome: Outcome) -> dict[str, Any]:
    return {**asdict(outcome), "checks": [{**asdict(check), "holds": check.holds} for check in outcome.checks]}


# ----------------------------------------------------------------------------------------------------------------------
# Recordings for the benchmarks, from real or synthetic speech.

RATE: Hertz = 16_000
NOISE = 1e-3  # -60 dBFS: no two tiles are equal
EXAMPLES = ROOT / "examples"


def sentence(seconds: Seconds) -> Array:
    """Return the example conversation [time], cut or repeated to a length."""
    signal, _ = soundfile.read(EXAMPLES / "conversation.flac", dtype="float32")
    wanted = round(seconds * RATE)
    return np.resize(signal[RATE // 3 :], wanted)  # from the first word on


def write_short(path: Path, *, seconds: Seconds) -> Path:
    """Write a short recording and return its path."""
    soundfile.write(path, sentence(seconds), RATE, subtype="PCM_16")
    return path


def write_long(path: Path, *, seconds: Seconds, tile: Array) -> Path:
    """Write a recording of any length, tile by tile with different noise, in constant memory."""
    rng = np.random.default_rng(0)
    left = round(seconds * RATE)
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=1, subtype="PCM_16") as file:
        while left > 0:
            piece = tile[:left]
            file.write(piece + NOISE * rng.standard_normal(len(piece), dtype=np.float32))
            left -= len(piece)
    return path


def tile(setting: Setting) -> Array:
    """Return about a minute of speech [time]: sentences of Emo-DB if available, else the example."""
    found = sorted((setting.shared / "corpora/emodb/wav").glob("*.flac"))[:25] if setting.shared else []
    if not found:
        return sentence(60.0)
    return np.concatenate([soundfile.read(path, dtype="float32")[0] for path in found])


def clips(shared: Path, *, count: int) -> list[Path]:
    """Return real clips: 40 % of Emo-DB (FLAC), 40 % of RAVDESS (OGG) and 20 % of nEMO, evenly spaced."""
    folders = {"emodb": 2, "ravdess": 2, "nemo": 1}
    total = sum(folders.values())
    chosen: list[Path] = []
    for name, share in folders.items():
        found = sorted(path for path in (shared / "corpora" / name).rglob("*") if path.suffix in {".flac", ".ogg"})
        wanted = count * share // total
        chosen.extend(found[index * len(found) // wanted] for index in range(wanted))
    return chosen


def linked(paths: list[Path], folder: Path) -> Path:
    """Return a new folder with links to recordings, whose names are numbers."""
    folder.mkdir()
    for index, path in enumerate(paths):
        (folder / f"{index:04}{path.suffix}").symlink_to(path.resolve())
    return folder
