"""Time from the end of an utterance to its appearance in the page, in headless Chromium with a file as microphone.

    python benchmarks/page_delay.py --model default

Prints, for each utterance, the seconds from its end until its result is drawn: at the pause after it, and the final
one. The time of a sample is that of its earliest possible delivery to the page: the wall clock of the arrival of a
chunk minus the duration of the audio up to it, minimum over all chunks. It does not contain the delay of the
microphone. An upper bound that does is printed, too: the file is assumed to start with the click on the button, before
the microphone opens.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a program, not a module

from benchmarks.stream_load import ServerProcess
from tests.serve.browser import browser

import emotone

RECORDING = Path(__file__).resolve().parent.parent / "examples/conversation.flac"
SILENCE = 3.0  # seconds before and after the recording
# Wraps the page's handlers. `drawn` calls back after the frame that shows a change.
PROBE = """
var probe = { offset: Infinity, found: [], click: 0 };
const drawn = (then) => requestAnimationFrame(() => { const channel = new MessageChannel();
  channel.port1.onmessage = then; channel.port2.postMessage(0); });
const [chunk, event] = [onChunk, onEvent];
onChunk = (live, samples) => { chunk(live, samples);
  probe.offset = Math.min(probe.offset, performance.now() / 1000 - state.duration); };
onEvent = (live, one) => { event(live, one);
  if (one.type === "utterance.end" || one.paused)
    drawn(() => probe.found.push([one.type, one.time, performance.now() / 1000])); };
probe.click = performance.now() / 1000;
document.querySelector("#talk").click();
"""


@dataclass(frozen=True)
class Appearance:
    """A result in the page.

    Attributes:
        kind: type of the event.
        time: end of the utterance in the stream, in seconds.
        wall: wall clock of its appearance minus that of the first sample, in seconds.
        since_click: its appearance in seconds from the click.

    """

    kind: str
    time: float
    wall: float
    since_click: float


def appearances(model: str, recording: Path, *, seconds: float, profile: Path) -> list[Appearance]:
    """Return the results in pauses and at ends that the page shows while the recording is its microphone."""
    with ServerProcess("--model", model) as server, browser(profile, microphone=recording) as page:
        page.open(server.url + "/")
        page.wait_for("document.querySelector('#model').options.length === 1")
        page.run(PROBE)
        page.wait_for(f"state.duration > {seconds}")
        found = page.run(
            "probe.found.map(([kind, time, shown]) => [kind, time, shown - probe.offset, shown - probe.click])"
        )
    return [Appearance(*one) for one in found]


def main() -> int:
    """Print the delays; return 1 if the utterances of the page are not those of the recording."""
    parser = argparse.ArgumentParser(description="Measure when utterances appear in the page.")
    parser.add_argument("--model", default="default")
    parser.add_argument("--seconds", type=float, default=14.0, help="of the example conversation")
    given = parser.parse_args()
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    silence = np.zeros(round(SILENCE * rate), np.float32)
    spoken = np.concatenate([silence, np.resize(samples, round(given.seconds * rate)), silence])
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "speech.wav"
        soundfile.write(recording, spoken, rate)
        expected = [one.end for one in emotone.load(given.model).predict(recording).utterances]
        found = appearances(given.model, recording, seconds=len(spoken) / rate, profile=Path(folder))
    ends = [one for one in found if one.kind == "utterance.end"]
    print("end, s   at the pause   final   (with the microphone, at most)")
    for end, one in zip(expected, ends, strict=False):
        first = next((each for each in found if each.time == one.time), one)
        print(
            f"{end:6.2f}   {first.wall - one.time:12.2f}   {one.wall - one.time:5.2f}"
            f"   ({first.since_click - end:.2f}, {one.since_click - end:.2f})"
        )
    return 0 if len(ends) == len(expected) else 1


if __name__ == "__main__":
    sys.exit(main())
