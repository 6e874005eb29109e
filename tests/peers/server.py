"""A speech-to-text server of the reference implementation that hears the same text in everything.

    server.py TEXT

Prints its address, then serves until it is killed. Like the servers built on the package it sends no partial transcripts.
"""

import asyncio
import socket
import sys

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer

NOBODY = Attribution(name="nobody", url="http://localhost")


class Handler(AsyncEventHandler):
    """One client."""

    samples = 0

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            model = AsrModel(name="fixed", attribution=NOBODY, installed=True, description="", version="1", languages=["en"])
            program = AsrProgram(name="fixed", attribution=NOBODY, installed=True, description="", version="1", models=[model])
            await self.write_event(Info(asr=[program]).event())
        elif AudioChunk.is_type(event.type):
            self.samples += AudioChunk.from_event(event).samples
        elif AudioStop.is_type(event.type):
            text = sys.argv[1] if self.samples > 0 else ""
            await self.write_event(Transcript(text=text).event())
            return False
        return True


async def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = AsyncServer.from_uri(f"tcp://127.0.0.1:{port}")
    await server.start(Handler)
    print(f"tcp://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
