"""Writes commands.jsonl: commands for the demo home that the speech model never heard in training, and what each must do.

    python tests/data/make_commands.py [--count 100] [--seed 7] > tests/data/commands.jsonl

Sentences are made from the templates below in every possible way. Kept are those that the speech model's recipe holds
out (`is_held_out` in models/nano-en/train/grammar.py: three words or more, `md5(sentence) % 25 == 0`) and whose words
are all in its vocabulary; then as many as wanted are drawn, spread over the templates.

A line is {"text": …, "expect": [{"intent", "slots"?, "targets"?}, …]}, one expectation for each command in the sentence.
`slots` are slots that must have been understood so, `targets` the entities that must have been commanded or asked about.
"""

import argparse
import itertools
import json
import pathlib
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "nano-en" / "train"))

import grammar  # noqa: E402

LIGHTS = {
    "kitchen light": "light.kitchen_light", "living room light": "light.living_room_light", "living room lamp": "light.living_room_lamp",
    "bedroom light": "light.bedroom_light", "bedside lamp": "light.bedside_lamp", "bathroom light": "light.bathroom_light",
    "hallway light": "light.hallway_light", "office light": "light.office_light", "desk lamp": "light.desk_lamp",
    "garage light": "light.garage_light",
}
DIMMABLE = {name: LIGHTS[name] for name in ("kitchen light", "living room light", "living room lamp", "bedside lamp", "desk lamp", "office light")}
COLOURED = {name: LIGHTS[name] for name in ("kitchen light", "living room lamp", "office light")}
ROOM_LIGHTS = {
    "kitchen": ["light.kitchen_light"], "living room": ["light.living_room_lamp", "light.living_room_light"],
    "bedroom": ["light.bedroom_light", "light.bedside_lamp"], "bathroom": ["light.bathroom_light"],
    "office": ["light.desk_lamp", "light.office_light"], "hallway": ["light.hallway_light"], "garage": ["light.garage_light"],
}
VACUUMED = {"kitchen": "kitchen", "living room": "living_room", "bedroom": "bedroom", "bathroom": "bathroom", "hallway": "hallway", "office": "office"}
THERMOMETERS = {"kitchen": "kitchen", "living room": "living_room", "bedroom": "bedroom", "bathroom": "bathroom", "office": "office"}
AREAS = {**VACUUMED, "garage": "garage"}
COVERS = {"bedroom blinds": "cover.bedroom_blinds", "living room curtains": "cover.living_room_curtains"}
OPENINGS = {**COVERS, "garage door": "cover.garage_door"}
SWITCHED = {"coffee machine": "switch.coffee_machine", "office fan": "fan.office_fan"}
COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "pink")
WINDOWS = {"bedroom window": "binary_sensor.bedroom_window", "kitchen window": "binary_sensor.kitchen_window", "front door": "binary_sensor.front_door"}
PERCENT = {grammar.spell_number(number): number for number in range(10, 101, 5)}
DEGREES = {grammar.spell_number(number): number for number in range(16, 27)}

POLITENESS = ("please {}", "{} please", "can you {}", "could you {}", "would you {}", "can you please {}", "could you please {}", "{} now")
QUESTION_WORDS = ("is ", "are ", "what ", "what's ", "how ")

SPEAKER, VACUUM, HEATING = ["media_player.speaker"], ["vacuum.robot_vacuum"], ["climate.heating"]


def call(intent, targets=(), **slots):
    return {"intent": intent, **({"slots": slots} if slots else {}), **({"targets": list(targets)} if targets else {})}


def plain(text, *calls):
    """A template without holes."""
    return [(text, list(calls))]


def named(text, things, make):
    """A template with one {name}; `make(thing)` gives its calls."""
    return [(text.format(name=name), make(thing)) for name, thing in things.items()]


def valued(text, things, values, make):
    """A template with a {name} and a {value}; `make(thing, value)` gives its calls."""
    return [(text.format(name=name, value=word), make(thing, value))
            for (name, thing), (word, value) in itertools.product(things.items(), values.items())]


def switching():
    """On and off, of one thing and of a room's lights."""
    for state, intent in (("on", "HassTurnOn"), ("off", "HassTurnOff")):
        for form in ("turn {state} the {{name}}", "switch {state} the {{name}}", "turn the {{name}} {state}", "switch the {{name}} {state}"):
            yield named(form.format(state=state), LIGHTS, lambda light: [call(intent, [light])])
            yield named(form.format(state=state), SWITCHED, lambda thing: [call(intent, [thing])])
        for form in ("turn {state} the lights in the {{name}}", "turn {state} the {{name}} lights", "switch {state} all the lights in the {{name}}"):
            yield named(form.format(state=state), ROOM_LIGHTS, lambda lights: [call(intent, lights)])


def lights():
    for form in ("set the {name} to {value} percent", "dim the {name} to {value} percent", "set the {name} brightness to {value} percent"):
        yield valued(form, DIMMABLE, PERCENT, lambda light, value: [call("HassLightSet", [light], brightness=value)])
    for form in ("set the {name} to {value}", "make the {name} {value}", "turn the {name} {value}"):
        yield valued(form, COLOURED, dict(zip(COLOURS, COLOURS)), lambda light, colour: [call("HassLightSet", [light], color=colour)])


def covers():
    for form in ("open the {name}", "raise the {name}"):
        yield named(form, OPENINGS if form.startswith("open") else {"bedroom blinds": "cover.bedroom_blinds"}, lambda cover: [call("HassTurnOn", [cover])])
    for form in ("close the {name}", "shut the {name}"):
        yield named(form, OPENINGS, lambda cover: [call("HassTurnOff", [cover])])
    for form in ("set the {name} to {value} percent", "open the {name} to {value} percent"):
        yield valued(form, COVERS, PERCENT, lambda cover, value: [call("HassSetPosition", [cover], position=value)])


def climate():
    for form in ("set the temperature to {value} degrees", "set the heating to {value} degrees", "set the heating to {value}",
                 "change the temperature to {value} degrees", "set the temperature to {value}", "turn the heating to {value} degrees"):
        yield valued(form, {"": None}, DEGREES, lambda _, value: [call("HassClimateSetTemperature", HEATING, temperature=value)])
    speeds = {grammar.spell_number(number): number for number in (25, 50, 75, 100)}
    yield valued("set the {name} to {value} percent", {"office fan": "fan.office_fan"}, speeds,
                 lambda fan, value: [call("HassFanSetSpeed", [fan], percentage=value)])


def machines():
    for form in ("clean the {name}", "vacuum the {name}"):
        yield named(form, VACUUMED, lambda area: [call("HassVacuumCleanArea", VACUUM, area=area)])
    for text in ("start the vacuum", "start the robot vacuum", "start vacuuming", "start the vacuum cleaner"):
        yield plain(text, call("HassVacuumStart", VACUUM))
    for text in ("send the vacuum home", "send the robot vacuum home", "return the vacuum to its base", "send the vacuum back to its base",
                 "dock the robot vacuum"):
        yield plain(text, call("HassVacuumReturnToBase", VACUUM))


def media():
    for form in ("set the volume to {value} percent", "set the volume to {value}"):
        yield valued(form, {"": None}, PERCENT, lambda _, value: [call("HassSetVolume", SPEAKER, volume_level=value)])
    for text, intent in (("pause the music", "HassMediaPause"), ("pause the speaker", "HassMediaPause"), ("resume the music", "HassMediaUnpause"),
                         ("continue the music", "HassMediaUnpause"), ("play the next song", "HassMediaNext"), ("next song", "HassMediaNext"),
                         ("skip this song", "HassMediaNext"), ("skip to the next track", "HassMediaNext"), ("previous song", "HassMediaPrevious"),
                         ("turn up the volume", "HassSetVolumeRelative"), ("turn the volume down", "HassSetVolumeRelative"),
                         ("turn the music down", "HassSetVolumeRelative"), ("turn up the music", "HassSetVolumeRelative")):
        yield plain(text, call(intent, SPEAKER))


def scenes():
    for form in ("activate {name}", "activate the {name} scene", "turn on the {name} scene"):
        yield named(form, {"movie night": "scene.movie_night", "good morning": "scene.good_morning"}, lambda scene: [call("HassTurnOn", [scene])])


def questions():
    for state in ("on", "off"):
        yield named(f"is the {{name}} {state}", LIGHTS, lambda light: [call("HassGetState", [light], state=state)])
    for state in ("open", "closed"):
        yield named(f"is the {{name}} {state}", WINDOWS, lambda sensor: [call("HassGetState", [sensor])])
    for form in ("is the {name} turned on", "is the {name} still on"):
        yield named(form, {**LIGHTS, **SWITCHED}, lambda thing: [call("HassGetState", [thing], state="on")])
    for form in ("are the lights on in the {name}", "are the {name} lights on", "are any lights on in the {name}"):
        yield named(form, AREAS, lambda area: [call("HassGetState", area=area, domain="light", state="on")])
    yield named("what is the humidity in the {name}", THERMOMETERS, lambda room: [call("HassGetState", [f"sensor.{room}_humidity"])])
    for form in ("what is the temperature in the {name}", "what's the temperature in the {name}", "how warm is it in the {name}",
                 "how cold is it in the {name}", "how hot is it in the {name}", "what is the {name} temperature", "tell me the temperature in the {name}"):
        yield named(form, THERMOMETERS, lambda room: [call("HassClimateGetTemperature", [f"sensor.{room}_temperature"])])
    for text, intent in (("what time is it", "HassGetCurrentTime"), ("what is the date today", "HassGetCurrentDate"), ("what's the date", "HassGetCurrentDate")):
        yield plain(text, call(intent))


def pairs():
    """Two commands in one sentence."""
    lights_and_covers = [((light, cover), (LIGHTS[light], COVERS[cover])) for light in LIGHTS for cover in COVERS]
    yield [(f"turn on the {names[0]} and close the {names[1]}", [call("HassTurnOn", [ids[0]]), call("HassTurnOff", [ids[1]])])
           for names, ids in lights_and_covers]
    yield [(f"turn off the {light} and turn on the {thing}", [call("HassTurnOff", [LIGHTS[light]]), call("HassTurnOn", [SWITCHED[thing]])])
           for light in LIGHTS for thing in SWITCHED]


def polite(sentences):
    """The sentences as they stand and with the usual politeness around them; questions stay as they are."""
    for text, calls in sentences:
        forms = [text]
        if not text.startswith(QUESTION_WORDS):
            forms += [opening.format(text) for opening in POLITENESS]
        for form in forms:
            yield form, calls


def held_out(count, seed):
    """`count` held-out sentences with their expectations, spread over the kinds of command and then over the templates."""
    rng, vocabulary = random.Random(seed), set(grammar.vocabulary())
    kinds = []
    for kind in (switching, lights, covers, climate, machines, media, scenes, questions, pairs, switching, questions):
        piles = []
        for template in kind():
            pile = [(text, calls) for text, calls in polite(template)
                    if grammar.is_held_out(text) and vocabulary.issuperset(text.split())]
            rng.shuffle(pile)
            piles.append(pile)
        rng.shuffle(piles)
        kinds.append([pair for layer in itertools.zip_longest(*piles) for pair in layer if pair])
    found = {text: calls for layer in itertools.zip_longest(*kinds) for text, calls in filter(None, layer)}
    return list(found.items())[:count]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    for text, calls in held_out(options.count, options.seed):
        print(json.dumps({"text": text, "expect": calls}))


if __name__ == "__main__":
    main()
