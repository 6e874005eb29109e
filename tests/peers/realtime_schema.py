"""Events of the Realtime protocol against the schema that OpenAI publishes, as its Python package has it.

    realtime_schema.py client|server < events.jsonl

Prints {"kinds": the types that were seen, "known": all that the schema has, "wrong": what does not fit} as JSON. Strict: a number in
quotes is no number, and a field that the schema does not have is wrong.
"""

import json
import sys
from typing import get_args

from openai.types.realtime import realtime_client_event, realtime_server_event
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from openai.types.realtime.realtime_transcription_session_create_response import RealtimeTranscriptionSessionCreateResponse
from pydantic import BaseModel, ValidationError

# `session.created` and `session.updated` are described by what a client may set; what the server adds is in the other description.
OF_THE_SERVER = {"session.id", "session.object", "session.expires_at"}


def models(union):
    """The models of a union of events, by the event's type."""
    if not isinstance(union, type):
        union = get_args(union)[0] if hasattr(union, "__metadata__") else union
        return {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(union)}


def surplus(value, path=""):
    """Fields that no model has."""
    if isinstance(value, BaseModel):
        found = [f"{path}{name}" for name in value.model_extra or {}]
        for name in type(value).model_fields:
            found += surplus(getattr(value, name), f"{path}{name}.")
        return found
    if isinstance(value, list):
        return [name for item in value for name in surplus(item, path)]
    return []


def check(model, event):
    try:
        read = model.model_validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        return [str(error)]
    return [f"{name} is not in the schema" for name in surplus(read) if name not in OF_THE_SERVER]


def main():
    union = {"client": realtime_client_event.RealtimeClientEvent, "server": realtime_server_event.RealtimeServerEvent}[sys.argv[1]]
    known, seen, wrong = models(union), set(), []
    for line in sys.stdin:
        event = json.loads(line)
        kind = event.get("type")
        seen.add(kind)
        why = check(known[kind], event) if kind in known else ["there is no such event"]
        if kind in ("session.created", "session.updated"):
            session = event["session"]
            of = RealtimeTranscriptionSessionCreateResponse if session["type"] == "transcription" else RealtimeSessionCreateResponse
            why += check(of, session)
        if why:
            wrong.append({"event": event, "why": why})
    print(json.dumps({"kinds": sorted(seen), "known": sorted(known), "wrong": wrong}))


main()
