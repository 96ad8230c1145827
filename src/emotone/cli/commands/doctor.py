"""`emotone doctor`: check the installation, and measure the speed of this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import emotone
from emotone.cli import console
from emotone.errors import BundleError
from emotone.files import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.bundles.bundle import Bundle

REQUIRED = ("click", "numpy", "onnxruntime", "platformdirs", "rich", "soundfile", "soxr", "tomli-w")
EXTRAS = {
    "audformat": ("reads and writes audformat databases", ("audformat",)),
    "baselines": ("openSMILE features and classical classifiers", ("opensmile", "pyarrow", "scikit-learn", "scipy")),
    "listen": ("analyses a microphone live", ("sounddevice",)),
    "mcp": ("offers predictions to assistants", ("mcp",)),
    "media": ("reads m4a, mp4, avi, webm", ("av",)),
    "parquet": ("writes parquet", ("pyarrow",)),
    "pipecat": ("recognises emotions in voice agents", ("pipecat-ai",)),
    "plot": ("draws predictions", ("matplotlib",)),
    "report": ("writes reports", ("jinja2", "matplotlib", "pyarrow", "scipy")),
    "serve": (
        "serves predictions over HTTP and WebSocket",
        ("fastapi", "prometheus-client", "python-multipart", "uvicorn", "websockets"),
    ),
    "video": ("finds faces in videos", ("av", "h5py", "opencv-python-headless")),
    "transformers": ("reads encoders in the format of transformers", ("transformers",)),
    "train": ("trains and exports models", ("onnx", "onnxscript", "pyarrow", "safetensors", "scipy", "torch")),
}
SECONDS = 3  # duration of the clip that speed is measured with
REPEATS = 5  # the fastest counts: other processes slow down the rest
SOME_FAILED = 1


@click.command(
    epilog="""\b
Examples:
  emotone doctor
  emotone doctor --json

\b
Exit status: 0 no problems found; 1 a required package is missing, or a shipped model is damaged."""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, as_json: bool) -> int:
    """Check the installation, and measure the speed of this machine.

    Prints versions, the missing packages of each extra with the command that installs them, the size of the cache, and
    the time that each shipped model needs for a clip of 3 s.
    """
    report = examine()
    if as_json:
        console.print_json(report)
    else:
        _print(report)
    healthy = all(report["needed"].values()) and all(model["error"] is None for model in report["models"])
    return 0 if healthy else SOME_FAILED


def examine() -> dict[str, Any]:
    """Return the report of the command as one JSON object."""
    folder = cache_dir()
    return {
        "emotone": emotone.__version__,
        "python": platform.python_version(),
        "machine": {"system": platform.platform(terse=True), "processor": platform.machine(), "cores": os.cpu_count()},
        "needed": {name: _version(name) for name in REQUIRED},
        "extras": {name: _extra(purpose, packages) for name, (purpose, packages) in EXTRAS.items()},
        "cache": {"folder": str(folder), "bytes": _size(folder)},
        "models": _models(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extra(purpose: str, packages: tuple[str, ...]) -> dict[str, Any]:
    versions = {package: _version(package) for package in packages}
    return {"purpose": purpose, "packages": versions, "installed": all(versions.values())}


def _size(folder: Path) -> int:
    return sum(found.stat().st_size for found in folder.rglob("*") if found.is_file())


def _models() -> list[dict[str, Any]]:
    from emotone.bundles.library import load, shipped_names

    found = []
    for name in shipped_names():
        entry: dict[str, Any] = {"name": name, "error": None, "deviation": None, "milliseconds": None}
        try:
            bundle = load(name)
            entry["deviation"] = bundle.check()
            entry["milliseconds"] = speed(bundle)
        except BundleError as error:
            entry["error"] = str(error)
        found.append(entry)
    return found


def speed(bundle: Bundle) -> dict[str, float]:
    """Return milliseconds for a clip of 3 s: decoding, speech activity, front end, network, and their sum.

    The clip is noise. The network runs on it all the same, because its time depends on the duration only.
    """
    import numpy as np
    import soundfile

    from emotone.audio.read import read
    from emotone.audio.speech_network import network_activity

    rate = bundle.feature.rate
    noise = np.random.default_rng(0).normal(0, 0.05, SECONDS * rate).astype(np.float32)
    rows = bundle.feature.compute(noise)
    with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
        path = Path(folder) / "clip.flac"
        soundfile.write(path, noise, rate)
        steps = {
            "decode": _milliseconds(lambda: read(path, rate=rate)),
            "speech": _milliseconds(lambda: network_activity(noise)),
            "front_end": _milliseconds(lambda: bundle.feature.compute(noise)),
            "net": _milliseconds(lambda: bundle.probabilities(rows[None, : bundle.window_frames])),
        }
    return {**steps, "whole": round(sum(steps.values()), 2)}


def _milliseconds(work: Callable[[], object]) -> float:
    work()  # loads and compiles
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return round(1000 * best, 2)


def _print(report: dict[str, Any]) -> None:
    machine = report["machine"]
    click.echo(f"emotone {report['emotone']}, Python {report['python']} ({sys.executable})")
    click.echo(f"{machine['system']}, {machine['processor']}, {machine['cores']} cores")
    click.echo("\nRequired packages")
    for name, version in report["needed"].items():
        click.echo(f"  {name:<13}{version or f'MISSING: pip install {name}'}")
    click.echo("\nExtras")
    for name, extra in report["extras"].items():
        missing = [package for package, version in extra["packages"].items() if version is None]
        state = "installed" if extra["installed"] else f"missing {', '.join(missing)}: pip install 'emotone[{name}]'"
        click.echo(f"  {name:<13}{extra['purpose']}: {state}")
    click.echo(f"\nCache\n  {report['cache']['folder']}: {report['cache']['bytes'] / 1e6:.1f} MB")
    click.echo("\nModels")
    if not report["models"]:
        click.echo("  no models are shipped with this installation")
    for model in report["models"]:
        if model["error"] is not None:
            click.echo(f"  {model['name']:<13}DAMAGED: {model['error']}")
            continue
        took = model["milliseconds"]
        steps = (
            f"decoding {took['decode']}, speech {took['speech']}, front end {took['front_end']}, network {took['net']}"
        )
        click.echo(f"  {model['name']:<13}intact; a clip of {SECONDS} s takes {took['whole']} ms ({steps})")
