"""Speech activity by the network of Silero VAD: one decision per 10 ms, the same for any division of the recording.

The network gives each chunk of 32 ms a probability of speech from the chunks so far. Four steps surround it:

- Gain. Before the network, a chunk is amplified so that the loudest chunk of the last ten seconds or so reaches
  `TARGET`. The network misses quiet recordings; amplified, they get the decisions of loud ones.
- Hysteresis. Speech begins where the probability exceeds `BEGIN` and lasts while it exceeds `CONTINUE`. The chunks
  before the beginning that exceed `CONTINUE` belong to it, up to `BACK` of them.
- Edges. Each end of a stretch of speech is moved to where the level crosses a threshold, `EDGE_RANGE` below the loudest
  frame near it: outwards while the next frame is above the threshold, or inwards to the first frame that is. Both stop
  after a fixed number of frames. The ends of speech between silences then depend on the sound alone, not on where the
  grid of chunks lies, which depends on how much silence is before the speech.
- Margins. `BEFORE` and `AFTER` frames are added to each stretch of speech: weak onsets and decays.

The network runs on blocks of twelve chunks, wherever the recording was divided: results in floating point depend on the
shape of a matrix product, so the shape must not depend on the pieces. Blocks of silence are not computed. In a pause,
an incomplete block is also computed, every three chunks with zeros at its end: the same decisions, and earlier.

`speech_network.onnx` is a conversion of the published weights (scripts/convert_speech_network.py), under the licence in
`speech_network.LICENSE`. Gain, thresholds and limits were chosen among some dozens of settings while looking at the
results on AMI, ESC-10, RAVDESS, EMOVO and 400 clips of speech: expect somewhat less elsewhere. 23 of the 1,440 clips of
RAVDESS are missed, all of them by women; a lower `BEGIN` finds more of them, and accepts more other sounds. What the
network was trained on is not published in detail, and may include such recordings.

Reference: Silero Team, Silero VAD: pre-trained enterprise-grade voice activity detector, 2020-2026, MIT licence.
"""

from __future__ import annotations

import functools
import math
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotone.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz, Seconds

    Array64 = NDArray[np.float64]

EDGE_RANGE = 35.0  # dB
FIRST, LAST = 31, 100  # frames at the beginning and at the end of the stretch, of which the loudest counts
OUTWARDS = 15  # frames by which an end may move outwards
INWARDS = 30  # frames by which it may move inwards: fewer than FIRST and LAST
DELAY = OUTWARDS + FIRST  # frames, at most, between a frame and its decision

RATE: Hertz = 16_000
HOP = 160  # 10 ms at 16 kHz: frame i covers the samples [160 i, 160 (i + 1))
PER_SECOND = RATE // HOP  # decisions
CHUNK = 512  # samples per probability: 32 ms
CONTEXT = 64  # samples before a chunk that the network also reads
CHUNKS = 12  # per run of the network
BLOCK = CHUNKS * CHUNK  # samples: 384 ms
EARLY = 3  # chunks: 96 ms, after which a block that is not complete is also computed in a pause
ENDING = 50  # frames without speech that end an utterance: afterwards, nothing waits for decisions
ONSET = 10  # chunks of speech, at least FIRST frames: so many after a pause, its end is decided
FRAMES = np.resize((3, 3, 4, 3, 3), 5 + 171 * CHUNKS)  # with their centre in each chunk: 5 chunks last 16 frames
SLICE = 170 * BLOCK  # samples processed at a time, to bound the memory of one long piece: 65 s

TARGET = 0.05  # RMS of the loudest recent chunk after amplification: -26 dBFS
MAX_GAIN = 100.0  # 40 dB
DECAY = math.exp(-CHUNK / RATE / 10.0)  # per chunk, of the level: a time constant of 10 s
FLOOR = 1e-10  # mean square of -100 dBFS: chunks below are silence, about the rounding noise of 16 bits

BEGIN, CONTINUE = 0.8, 0.1  # probabilities
BACK = 3  # chunks: 96 ms
BEFORE, AFTER = 3, 6  # frames


class EdgeRefiner:
    """Moves the ends of speech in decisions that arrive in pieces of any size.

    All results of a recording, joined, are the same however it is divided.

    Example:
        >>> levels = np.array([-90.0, -90.0, -30.0, -20.0, -30.0, -90.0, -90.0, -90.0])
        >>> coarse = np.array([0, 1, 1, 1, 0, 0, 0, 0], np.bool_)
        >>> EdgeRefiner().push(coarse, levels, last=True).astype(int)
        array([0, 0, 1, 1, 1, 0, 0, 0])

    """

    def __init__(self) -> None:
        self._speech: NDArray[np.bool_] = np.zeros(0, np.bool_)  # coarse decisions, without those of complete stretches
        self._levels: NDArray[np.float64] = np.zeros(0)
        self._refined: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._returned = 0  # how many of these frames; they are kept if they belong to a stretch that is not complete
        self._has_begun = False  # where the first of these stretches begins is decided

    def push(self, speech: NDArray[np.bool_], levels: NDArray[np.float64], *, last: bool = False) -> NDArray[np.bool_]:
        """Return the decisions [frames] that no later frame can change; at the end, all that are left.

        Args:
            speech: coarse decisions about the next frames [frames].
            levels: of these frames, in decibels [frames].
            last: no frame follows.

        """
        self._speech = np.concatenate([self._speech, speech])
        self._levels = np.concatenate([self._levels, levels])
        self._refined = np.concatenate([self._refined, np.zeros(len(speech), np.bool_)])
        count, returned = len(self._speech), self._returned
        certain, kept, has_begun = count if last else max(returned, count - OUTWARDS), 0, False
        for start, end in _stretches(self._speech):
            is_known = self._has_begun and start == 0
            if not is_known and end == count < start + FIRST and not last:  # its loudest frame may follow
                certain = max(returned, start - OUTWARDS)
                kept = max(0, certain - start)
                break
            first = returned if is_known else self._beginning(start, end)
            if end + OUTWARDS > count and not last:  # it may go on, or end later
                certain = max(returned, min(first, end - OUTWARDS))  # the next stretch may begin so early
                if first <= certain:
                    certain = max(certain, self._inside(start, end))
                self._refined[first:certain] = True
                has_begun = certain > max(start, first - 1)
                kept = min(LAST, max(0, certain - start))
                break
            self._refined[first : self._end(start, end)] = True
            self._speech[start:end] = False
        result = self._refined[returned:certain]
        held = slice(certain - kept, None)
        self._speech, self._levels, self._refined = self._speech[held], self._levels[held], self._refined[held]
        self._returned, self._has_begun = kept, has_begun
        return result

    def _beginning(self, start: int, end: int) -> int:
        """Return the first frame of the stretch `start` to `end`."""
        levels = self._levels
        threshold = levels[start : min(end, start + FIRST)].max() - EDGE_RANGE
        if levels[start] <= threshold:
            inside = levels[start : start + INWARDS] > threshold
            return start + (int(inside.argmax()) if inside.any() else INWARDS)
        outside = levels[max(self._returned, start - OUTWARDS) : start][::-1] > threshold
        return start - (len(outside) if outside.all() else int(outside.argmin()))

    def _inside(self, start: int, end: int) -> int:
        """Return the frame after the last one that stays in the stretch even if it continues.

        Those before a frame above the threshold so far do: a higher threshold has a later frame above it.
        """
        levels = self._levels[max(start, end - LAST) : end]
        loud = levels[-INWARDS:][::-1] > levels.max() - EDGE_RANGE
        return end - (int(loud.argmax()) if loud.any() else INWARDS)

    def _end(self, start: int, end: int) -> int:
        """Return the frame after the last one of the stretch `start` to `end`."""
        levels = self._levels
        threshold = levels[max(start, end - LAST) : end].max() - EDGE_RANGE
        if levels[end - 1] <= threshold:
            inside = levels[max(0, end - INWARDS) : end][::-1] > threshold
            return end - (int(inside.argmax()) if inside.any() else INWARDS)
        outside = levels[end : end + OUTWARDS] > threshold
        return end + (len(outside) if outside.all() else int(outside.argmin()))


def _stretches(speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first frame, and the frame after the last one, of each stretch of true decisions [frames]."""
    return [match.span() for match in re.finditer(b"\x01+", speech.tobytes())]


class _NetworkState(NamedTuple):
    """Before a block: the level of the loudest recent chunk (RMS), and the state of the recurrent layer."""

    level: float = 0.0
    hidden: Array = np.zeros((1, 1, 128), np.float32)
    cell: Array = np.zeros((1, 1, 128), np.float32)


class NetworkDetector:
    """Streaming speech detector with a recurrent network (see `emotone.audio.activity.SpeechDetector`).

    Args:
        rate: hertz; only 16 000.

    Raises:
        UsageError: another rate.

    Example:
        >>> detector = NetworkDetector(rate=16000)
        >>> decided = [detector.push(np.zeros(1000, np.float32)), detector.finish()]
        >>> len(np.concatenate(decided)), np.concatenate(decided).any()
        (7, np.False_)

    """

    lookahead: Seconds = (BLOCK + BACK * CHUNK + (DELAY + BEFORE + 1) * HOP) / RATE
    """Maximum delay between a frame and its decision: 0.97 s."""

    def __init__(self, rate: Hertz = RATE) -> None:
        if rate != RATE:
            raise UsageError(f"speech network: a rate of {rate} Hz was given; allowed: {RATE}; resample first")
        # Pieces that complete no block yet, after the context of the next block; joined when the block is complete.
        self._waiting: list[Array] = [np.zeros(CONTEXT, np.float32)]
        self._received = 0
        self._network = _NetworkState()
        self._taken = 0  # chunks of the incomplete block that are decided
        self._stretches = _Stretches()
        self._partial = np.zeros(1, np.float32)  # the last sample before a frame, and what there is of the frame
        self._levels: Array64 = np.zeros(0)  # dB of the frames that are not decided yet
        self._unmeasured: NDArray[np.bool_] = np.zeros(0, np.bool_)  # a frame that continues after the last chunk
        self._edges = EdgeRefiner()
        self._frames: NDArray[np.bool_] = np.zeros(AFTER, np.bool_)  # those that margins may still reach
        self._returned = 0
        self._inactive = ENDING  # of them: how many have been without speech since the last one with speech
        self._chunks = 0  # decided
        self._last = False  # the decision about the last of them

    def push(self, samples: Array) -> NDArray[np.bool_]:
        """Return the decisions [frames] that these samples [time] complete, following those returned before."""
        if len(samples) < self.missing:  # most pieces of live audio complete nothing
            self._received += len(samples)
            self._waiting.append(np.array(samples, np.float32))  # a copy: the caller may reuse its buffer
            return np.zeros(0, np.bool_)
        return self._decide(np.asarray(samples, np.float32), last=False)

    def finish(self, samples: Array | None = None) -> NDArray[np.bool_]:
        """Return the remaining decisions, ceil(samples / 160) in all; nothing may be pushed afterwards.

        Args:
            samples: the last samples [time], if there are any.

        """
        return self._decide(np.zeros(0, np.float32) if samples is None else np.asarray(samples, np.float32), last=True)

    def _decide(self, samples: Array, *, last: bool) -> NDArray[np.bool_]:
        if len(samples) <= SLICE:
            return self._step(samples, last=last)
        starts = range(0, len(samples), SLICE)
        steps = (self._step(samples[start : start + SLICE], last=last and start == starts[-1]) for start in starts)
        return np.concatenate(list(steps))

    @property
    def missing(self) -> int:
        """Number of samples without which `push` returns no decisions."""
        return self._next_chunk() * CHUNK - self._received % BLOCK

    def _next_chunk(self) -> int:
        """Return how many chunks of the incomplete block are needed before anything is decided."""
        speech = self._stretches.speech
        if self._inactive >= ENDING or speech >= ONSET:
            return CHUNKS
        more = -(-(ONSET - speech) // EARLY) * EARLY if speech else EARLY
        return min(CHUNKS, self._taken + more)

    def _step(self, samples: Array, *, last: bool) -> NDArray[np.bool_]:
        self._received += len(samples)
        padding = [np.zeros(-self._received % BLOCK, np.float32)] if last else []
        waiting = np.concatenate([*self._waiting, samples, *padding])
        blocks = (len(waiting) - CONTEXT) // BLOCK
        first = self._taken
        chunks: list[bool] = []
        for at in range(0, blocks * BLOCK, BLOCK):
            probabilities, self._network = self._run(waiting[at : at + CONTEXT + BLOCK])
            chunks += self._stretches.push(probabilities[self._taken :])
            self._taken = 0
        rest = waiting[blocks * BLOCK :].copy()
        self._waiting = [rest]
        count = (len(rest) - CONTEXT) // CHUNK // EARLY * EARLY
        if not last and count >= self._next_chunk():
            padded = np.zeros(CONTEXT + BLOCK, np.float32)
            padded[: CONTEXT + count * CHUNK] = rest[: CONTEXT + count * CHUNK]
            chunks += self._stretches.push(self._run(padded)[0][self._taken : count])
            self._taken = count
        self._measure(waiting[CONTEXT + first * CHUNK : CONTEXT + (blocks * CHUNKS + self._taken) * CHUNK], last=last)
        if last:
            chunks += self._stretches.finish()
        frames = np.concatenate([self._unmeasured, self._as_frames(np.array(chunks, np.bool_), last=last)])
        count = min(len(frames), len(self._levels))
        frames, self._unmeasured = frames[:count], frames[count:]
        levels, self._levels = self._levels[:count], self._levels[count:]
        return self._with_margins(self._edges.push(frames, levels, last=last), last=last)

    def _measure(self, samples: Array, *, last: bool) -> None:
        """Measure the level of the frames that these samples [time] complete; at the end, of all frames.

        Differences of samples are measured, because rumble and hum can be louder than speech.
        """
        rest = [np.zeros(HOP, np.float32)] if last else []
        joined = np.concatenate([self._partial, samples, *rest])
        count = (len(joined) - 1) // HOP
        self._partial = joined[count * HOP :]
        frames = (joined[1 : count * HOP + 1] - joined[: count * HOP]).reshape(count, HOP)
        powers = np.einsum("fs,fs->f", frames, frames).astype(np.float64) / HOP
        self._levels = np.concatenate([self._levels, 10 * np.log10(powers + FLOOR)])

    def _run(self, block: Array) -> tuple[Array, _NetworkState]:
        """Return the probability of speech [CHUNKS] of a block's chunks, 0 where it is silent, and the new state."""
        chunks = block[CONTEXT:].reshape(CHUNKS, CHUNK)
        powers = (np.einsum("cs,cs->c", chunks, chunks) / CHUNK).tolist()
        level, hidden, cell = self._network
        gains = []
        for power in powers:  # plain numbers: array operations on so few cost more
            level = max(level * DECAY, math.sqrt(power))
            gains.append(min(max(TARGET / max(level, 1e-9), 1.0), MAX_GAIN))
        if max(powers) <= FLOOR:
            return np.zeros(CHUNKS, np.float32), _NetworkState(level)
        gain = np.array(gains, np.float32)[:, np.newaxis]
        inputs = {"samples": block, "gain": gain, "hidden": hidden, "cell": cell}
        probability, hidden, cell = _session().run(None, inputs)
        result: Array = probability[:, 0]
        if min(powers) <= FLOOR:
            result = np.where(np.array(powers) <= FLOOR, np.float32(0), result)
        return result, _NetworkState(level, hidden, cell)

    def _as_frames(self, chunks: NDArray[np.bool_], *, last: bool) -> NDArray[np.bool_]:
        """Return the decisions [frames] of further chunks: a frame has that of the chunk which holds its centre."""
        first = self._chunks % 5
        frames = np.repeat(chunks, FRAMES[first : first + len(chunks)])
        self._chunks += len(chunks)
        if len(chunks):
            self._last = bool(chunks[-1])
        if last:  # the last block is longer than the recording, or the centre of the last frame beyond the last chunk
            missing = -(-self._received // HOP) + (HOP // 2 - self._chunks * CHUNK) // HOP
            frames = np.concatenate([frames, np.full(max(0, missing), self._last)])[: len(frames) + missing]
        return frames

    def _with_margins(self, frames: NDArray[np.bool_], *, last: bool) -> NDArray[np.bool_]:
        """Return decisions [frames] with margins, for all frames whose margins are known; at the end, for all."""
        if last:
            frames = np.concatenate([frames, np.zeros(BEFORE, np.bool_)])
        joined = np.concatenate([self._frames, frames])
        self._frames = joined[max(0, len(joined) - AFTER - BEFORE) :]
        if len(joined) <= AFTER + BEFORE:
            return np.zeros(0, np.bool_)
        counts = np.zeros(len(joined) + 1, np.int64)
        np.cumsum(joined, out=counts[1:])
        width = BEFORE + 1 + AFTER
        decided: NDArray[np.bool_] = counts[width:] > counts[:-width]
        if last:
            decided = decided[: -(-self._received // HOP) - self._returned]
        self._returned += len(decided)
        silent = len(decided) - 1 - decided.tobytes().rfind(1)
        self._inactive = silent if silent < len(decided) else self._inactive + silent
        return decided


class _Stretches:
    """Decisions about chunks by hysteresis, each returned as soon as it is certain.

    A later beginning of speech may include up to `BACK` chunks above `CONTINUE`; all other decisions are certain.
    """

    def __init__(self) -> None:
        self.speech = 0  # chunks of speech up to now; 0 in a pause
        self._waiting: list[bool] = []
        self._candidates = 0  # at the end of `_waiting`: chunks that a beginning would include
        self._speaking = False

    def push(self, probabilities: Array) -> list[bool]:
        for probability in probabilities.tolist():
            if probability <= CONTINUE:
                self._speaking, self._candidates = False, 0
            elif not self._speaking and probability > BEGIN:
                back = min(self._candidates, BACK)
                self._waiting[len(self._waiting) - back :] = [True] * back
                self._speaking = True
                self._candidates = 0
            elif not self._speaking:
                self._candidates = min(self._candidates + 1, BACK)
            self._waiting.append(self._speaking)
            self.speech = self.speech + 1 if self._speaking else 0
        return self._take(len(self._waiting) - self._candidates)

    def finish(self) -> list[bool]:
        return self._take(len(self._waiting))

    def _take(self, count: int) -> list[bool]:
        decided, self._waiting = self._waiting[:count], self._waiting[count:]
        return decided


def network_activity(signal: Array) -> NDArray[np.bool_]:
    """Return whether there is speech in every 10 ms of a signal [time] at 16 kHz.

    Frame i covers the samples [160 i, 160 (i + 1)); there are ceil(len(signal) / 160).

    Example:
        >>> network_activity(np.zeros(16000, np.float32)).any()
        np.False_

    """
    return NetworkDetector().finish(signal)


@functools.cache
def _session() -> Any:
    """Return the network, on one thread: workers do not compete for cores. It may run in several threads at once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = resources.files("emotone.audio").joinpath("speech_network.onnx").read_bytes()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
