"""A speech server built on the reference implementation of the Wyoming protocol (the PyPI package `wyoming`), in the manner of the servers
that people run: whole transcripts only, one connection for each; speech for whole texts, or streamed where started with `streaming`.

Says the line on stdout that Vesta's own workers say, and ends at the end of its stdin.
"""

import asyncio
import json
import sys

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

STREAMING = "streaming" in sys.argv
SOURCE = {"attribution": Attribution(name="", url=""), "installed": True, "description": "", "version": "1"}
INFO = Info(
    asr=[AsrProgram(name="peer", models=[AsrModel(name="sum", languages=["en", "de"], **SOURCE)], **SOURCE)],
    tts=[
        TtsProgram(
            name="peer",
            voices=[TtsVoice(name="bytes", languages=["en"], **SOURCE)],
            supports_synthesize_streaming=STREAMING,
            **SOURCE,
        )
    ],
)


class Handler(AsyncEventHandler):
    """Hears a sum over all samples and their places; speaks fifty samples for each byte of the text."""

    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        self.language = None
        self.samples = 0
        self.sum = 0
        self.text = ""

    async def handle_event(self, event):
        if Describe.is_type(event.type):
            await self.write_event(INFO.event())
        elif Transcribe.is_type(event.type):
            self.language = Transcribe.from_event(event).language
        elif AudioChunk.is_type(event.type):
            chunk = AudioChunk.from_event(event)
            assert (chunk.rate, chunk.width, chunk.channels) == (16000, 2, 1)
            for place in range(0, len(chunk.audio), 2):
                self.samples += 1
                sample = int.from_bytes(chunk.audio[place : place + 2], "little")
                self.sum = (self.sum + self.samples * (sample + 1)) % 2**64
        elif AudioStop.is_type(event.type):
            text = f"{self.samples} samples, sum {self.sum} in {self.language}"
            await self.write_event(Transcript(text=text).event())
            return False
        elif Synthesize.is_type(event.type):
            await self.speak(Synthesize.from_event(event).text)
        elif SynthesizeStart.is_type(event.type):
            self.text = ""
        elif SynthesizeChunk.is_type(event.type):
            self.text += SynthesizeChunk.from_event(event).text
        elif SynthesizeStop.is_type(event.type):
            await self.speak(self.text)
            await self.write_event(SynthesizeStopped().event())
        return True

    async def speak(self, text):
        samples = [place % 100 * 256 + byte % 100 for place, byte in enumerate(text.encode()) for _ in range(50)]
        audio = b"".join(sample.to_bytes(2, "little") for sample in samples)
        await self.write_event(AudioStart(rate=22050, width=2, channels=1).event())
        for start in range(0, len(audio), 2048):
            chunk = AudioChunk(rate=22050, width=2, channels=1, audio=audio[start : start + 2048])
            await self.write_event(chunk.event())
        await self.write_event(AudioStop().event())


async def main():
    server = AsyncTcpServer("127.0.0.1", 0)
    await server.start(Handler)
    port = server._server.sockets[0].getsockname()[1]
    print(json.dumps({"ready": {"uri": f"tcp://127.0.0.1:{port}"}}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
