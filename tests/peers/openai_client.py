"""OpenAI's own Python package against a house: only the base URL and the key are ours.

    openai_client.py BASE_URL KEY COMMAND.wav

COMMAND.wav is a spoken command, 24 kHz mono. Prints what came of everything as one JSON object; the test judges it.
"""

import asyncio
import base64
import json
import sys
import wave

from openai import AsyncOpenAI

MODEL = "gpt-realtime"
PIECE = 4800  # bytes: 100 ms
BELL = {
    "type": "function",
    "name": "ring_bell",
    "description": 'Rings the bell of a room. Sentences: "ring the bell [in the] {room}"',
    "parameters": {
        "type": "object",
        "properties": {"room": {"type": "string", "enum": ["kitchen", "bedroom"]}},
        "required": ["room"],
    },
}


def samples(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2), file.getparams()
        return file.readframes(file.getnframes())


async def until_done(connection):
    """Everything up to the end of the response."""
    events, audio = [], b""
    async for event in connection:
        events.append(event.type)
        if event.type == "response.output_audio.delta":
            audio += base64.b64decode(event.delta)
        if event.type == "error":
            raise RuntimeError(event.error)
        if event.type == "response.done":
            said = [item for item in event.response.output if item.type == "message"]
            text = "".join(part.transcript or part.text or "" for item in said for part in item.content)
            return {"events": events, "audio_ms": len(audio) // 48, "said": text, "status": event.response.status,
                    "output": [item.type for item in event.response.output]}


async def until(connection, kind):
    async for event in connection:
        if event.type == "error":
            raise RuntimeError(event.error)
        if event.type == kind:
            return event


async def append(connection, audio, pace=0.0):
    for at in range(0, len(audio), PIECE):
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + PIECE]).decode())
        await asyncio.sleep(pace)


async def push_to_talk(client, command):
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={
            "type": "realtime",
            "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
        })
        await until(connection, "session.updated")
        await append(connection, command)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        return await until_done(connection)


async def hands_free(client, command):
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={
            "type": "realtime",
            "audio": {"input": {
                "turn_detection": {"type": "semantic_vad"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
            }},
        })
        await until(connection, "session.updated")
        speaking = asyncio.create_task(append(connection, command + bytes(48000 * 3), pace=0.1))
        done = await until_done(connection)
        speaking.cancel()
        return done


async def tool(client):
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [BELL], "tool_choice": "auto"})
        await until(connection, "session.updated")
        await connection.conversation.item.create(item={
            "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "ring the bell in the kitchen"}],
        })
        await connection.response.create()
        call = await until(connection, "response.function_call_arguments.done")
        await until(connection, "response.done")
        await connection.conversation.item.create(item={
            "type": "function_call_output", "call_id": call.call_id, "output": "The kitchen bell rang.",
        })
        await connection.response.create()
        return {"name": call.name, "arguments": json.loads(call.arguments), "after": await until_done(connection)}


async def typed(client, text):
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(item={
            "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}],
        })
        await connection.response.create()
        return await until_done(connection)


async def interrupted(client):
    """An answer of some minutes, so that it is still being made when it is cancelled."""
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.conversation.item.create(item={
            "type": "function_call_output", "call_id": "call_1", "output": "And then they went on and on. " * 200,
        })
        await connection.response.create()
        heard = await until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        done = await until(connection, "response.done")
        await connection.conversation.item.truncate(item_id=heard.item_id, content_index=0, audio_end_ms=20)
        await until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=heard.item_id)
        item = (await until(connection, "conversation.item.retrieved")).item
        return {"status": done.response.status, "reason": done.response.status_details.reason,
                "said": done.response.output[0].content[0].transcript, "kept": item.content[0].transcript}


async def refused(client):
    """An error names the event that caused it, and the session goes on."""
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.send({"type": "response.invent", "event_id": "mine"})
        async for event in connection:
            if event.type == "error":
                return {"code": event.error.code, "event_id": event.error.event_id, "param": event.error.param}


async def transcriptions(client, path):
    heard = {}
    for form in ("json", "text", "srt", "vtt", "verbose_json"):
        with open(path, "rb") as file:
            heard[form] = await client.audio.transcriptions.create(model="whisper-1", file=file, response_format=form)
    with open(path, "rb") as file:
        stream = await client.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=file, stream=True)
        streamed = [event async for event in stream]
    return {
        "json": heard["json"].text, "text": heard["text"], "srt": heard["srt"], "vtt": heard["vtt"],
        "verbose": heard["verbose_json"].text, "segments": len(heard["verbose_json"].segments),
        "deltas": "".join(event.delta for event in streamed if event.type == "transcript.text.delta"),
        "done": streamed[-1].text,
    }


async def speech(client):
    """Every format is understood when it is sent back."""
    back = {}
    for form in ("mp3", "opus", "wav"):
        spoken = await client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="alloy", input="Turn on the kitchen light.", response_format=form)
        heard = await client.audio.transcriptions.create(model="whisper-1", file=(f"speech.{form}", spoken.content))
        back[form] = heard.text
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Turn on the kitchen light.", response_format="pcm", speed=1.2,
    ) as response:
        pieces = [piece async for piece in response.iter_bytes(4096)]
    back["pcm_ms"] = sum(map(len, pieces)) // 48
    return back


async def main(base_url, key, path):
    client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
    command = samples(path)
    print(json.dumps({
        "models": [model.id async for model in client.models.list()],
        "typed": await typed(client, "turn off the kitchen light"),
        "push_to_talk": await push_to_talk(client, command),
        "off_again": await typed(client, "turn off the kitchen light"),
        "hands_free": await hands_free(client, command),
        "tool": await tool(client),
        "interrupted": await interrupted(client),
        "refused": await refused(client),
        "transcriptions": await transcriptions(client, path),
        "speech": await speech(client),
    }))


asyncio.run(main(*sys.argv[1:]))
