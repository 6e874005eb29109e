"""Drives Vesta's workers with the reference client of the Wyoming protocol.

    client.py describe URI
    client.py transcribe URI FILE.pcm        16 kHz mono, 16 bits
    client.py synthesize URI TEXT
    client.py synthesize-streaming URI TEXT

Prints one JSON object.
"""

import asyncio
import json
import sys

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

RATE, WIDTH, CHANNELS = 16000, 2, 1


async def events(client):
    """Every event up to the end of the connection; an error ends the program."""
    while (event := await client.read_event()) is not None:
        if Error.is_type(event.type):
            sys.exit(Error.from_event(event).text)
        yield event


async def describe(client):
    await client.write_event(Describe().event())
    async for event in events(client):
        if Info.is_type(event.type):
            info = Info.from_event(event)
            return {"voices": [voice.name for program in info.tts for voice in program.voices]}


async def transcribe(client, path):
    with open(path, "rb") as file:
        audio = file.read()
    await client.write_event(Transcribe().event())
    await client.write_event(AudioStart(rate=RATE, width=WIDTH, channels=CHANNELS).event())
    for start in range(0, len(audio), 2048):
        piece = audio[start : start + 2048]
        await client.write_event(AudioChunk(rate=RATE, width=WIDTH, channels=CHANNELS, audio=piece).event())
    await client.write_event(AudioStop().event())
    seen = []
    async for event in events(client):
        seen.append(event.type)
        if Transcript.is_type(event.type):
            return {"text": Transcript.from_event(event).text.strip(), "events": seen}


async def synthesize(client, text, streaming):
    if streaming:
        await client.write_event(SynthesizeStart().event())
        for word in text.split(" "):
            await client.write_event(SynthesizeChunk(text=word + " ").event())
        await client.write_event(SynthesizeStop().event())
    else:
        await client.write_event(Synthesize(text=text).event())
    seen, seconds = [], 0.0
    async for event in events(client):
        seen.append(event.type)
        if AudioChunk.is_type(event.type):
            seconds += AudioChunk.from_event(event).seconds
        last = SynthesizeStopped if streaming else AudioStop
        if last.is_type(event.type):
            return {"seconds": seconds, "events": seen}


async def main():
    verb, uri, *rest = sys.argv[1:]
    async with AsyncClient.from_uri(uri) as client:
        if verb == "describe":
            result = await describe(client)
        elif verb == "transcribe":
            result = await transcribe(client, *rest)
        else:
            result = await synthesize(client, *rest, streaming=verb.endswith("streaming"))
    print(json.dumps(result))


asyncio.run(main())
