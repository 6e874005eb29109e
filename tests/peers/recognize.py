"""The reference matcher on a folder of cases: what it understands, and how long that takes.

    recognize.py FOLDER ROUNDS

FOLDER holds intents.json (a dictionary), homes.json and cases.jsonl, as in shared/conformance/intents/<lang>. Prints a JSON line
first, `{"load_ms"}`, then one a case, `{"result": {"intent", "slots", "response"} or null, "us"}`: the shortest of ROUNDS times in
microseconds, with everything loaded and compiled before.
"""

import json
import sys
import time
from pathlib import Path

from hassil import Intents, recognize_best
from hassil.intents import TextSlotList


def lists_of(home: dict) -> dict:
    """The names of a home as the reference wants them: plain text, never templates."""
    names = [(name["in"], name["out"], name.get("context") or {}) for name in home["names"]]
    areas = [(area, area) for area in home["areas"]]
    floors = [(floor, floor) for floor in home["floors"]]
    named = {"name": names, "area": areas, "floor": floors}
    return {
        key: TextSlotList.from_tuples(values, allow_template=False, name=key) for key, values in named.items()
    }


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    text = (folder / "intents.json").read_text(encoding="utf-8")
    began = time.perf_counter()
    intents = Intents.from_dict(json.loads(text))
    for intent in intents.intents.values():
        for block in intent.data:
            # Parsed at first use otherwise.
            block.sentences  # noqa: B018
    print(json.dumps({"load_ms": (time.perf_counter() - began) * 1e3}))
    homes = json.loads((folder / "homes.json").read_text(encoding="utf-8"))
    worlds = [(lists_of(home), {"area": home["area_context"]}) for home in homes]
    for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        lists, context = worlds[case["home"]]
        best, result = float("inf"), None
        for _ in range(rounds):
            began = time.perf_counter()
            result = recognize_best(
                case["text"], intents, slot_lists=lists, intent_context=context, best_slot_name="name"
            )
            best = min(best, time.perf_counter() - began)
        meant = None
        if result is not None:
            slots = {name: entity.value for name, entity in result.entities.items()}
            meant = {"intent": result.intent.name, "slots": slots, "response": result.response}
        print(json.dumps({"result": meant, "us": best * 1e6}))


if __name__ == "__main__":
    main()
