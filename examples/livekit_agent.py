"""Emotions of every speaker in a LiveKit room, sent to the room as JSON under the topic `emotone`.

    pip install '.' livekit
    LIVEKIT_URL=wss://... LIVEKIT_TOKEN=... python examples/livekit_agent.py

The people in the room should know that their voices are analysed. A label is a guess about a voice.
"""

from __future__ import annotations

import asyncio
import json
import os

from livekit import rtc

import emotone
from emotone.integrations.voice_turns import VoiceTurns

RATE = 16000


async def analyse(room: rtc.Room, track: rtc.Track, identity: str, model: emotone.Model) -> None:
    """Send the events of one speaker until the track ends."""
    turns = VoiceTurns(model, interim=True)
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    async for received in stream:
        audio = bytes(received.frame.data)
        for event in await asyncio.to_thread(turns.push, audio, rate=RATE, channels=1):
            message = json.dumps({"speaker": identity, **event.to_dict()})
            await room.local_participant.publish_data(message, topic="emotone")
    await stream.aclose()


async def main() -> None:
    """Join the room and analyse every audio track."""
    model = emotone.load()
    room = rtc.Room()
    tasks: set[asyncio.Task[None]] = set()

    def on_track(track: rtc.Track, _: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            task = asyncio.ensure_future(analyse(room, track, participant.identity, model))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    room.on("track_subscribed", on_track)
    await room.connect(os.environ["LIVEKIT_URL"], os.environ["LIVEKIT_TOKEN"])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
