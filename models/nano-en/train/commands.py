"""Held-out commands for the demo home: sentences that the model never heard in training.

    python commands.py [--count 100] [--seed 1]

Prints one JSON object a line, {"text": …}. A sentence is held out when `md5(sentence) % 25 == 0`
(`grammar.is_held_out`), so any other program can apply the rule to sentences of its own.
"""

import argparse
import itertools
import json
import random
import re

import grammar

# What vesta's demo home has. The templates are filled in every possible way.
SLOTS = {
    "room": "kitchen|living room|bedroom|bathroom|hallway|office|garage",
    "lamp": "kitchen light|living room light|living room lamp|bedroom light|bedside lamp|bathroom light|hallway light|office light|desk lamp|garage light",
    "dimmable": "living room light|living room lamp|bedside lamp|desk lamp|bedroom light|kitchen light",
    "cover": "bedroom blinds|living room curtains",
    "colour": "red|green|blue|yellow|orange|purple|pink|white|warm white",
    "percent": "|".join(grammar.spell_number(n) for n in range(5, 101, 5)),
    "degrees": "|".join(grammar.spell_number(n) for n in range(16, 27)),
    "device": "coffee machine|office fan|heating",
    "minutes": "|".join(grammar.spell_number(n) for n in range(2, 61)),
}
TEMPLATES = """
turn on the {lamp}
turn off the {lamp}
switch on the {lamp}
switch off the {lamp}
turn the {lamp} on
turn the {lamp} off
switch the {lamp} on please
please turn off the {lamp}
can you turn on the {lamp}
turn on the lights in the {room}
turn off the lights in the {room}
turn off all the lights in the {room}
set the {dimmable} to {percent} percent
dim the {dimmable} to {percent} percent
set the {dimmable} to {colour}
make the {dimmable} {colour}
open the {cover}
close the {cover}
set the {cover} to {percent} percent
open the {cover} to {percent} percent
turn on the {device}
turn off the {device}
set the temperature to {degrees} degrees
set the heating to {degrees} degrees
set the office fan to {percent} percent
vacuum the {room}
clean the {room}
start the robot vacuum
send the vacuum home
pause the vacuum
set the volume to {percent} percent
open the garage door
close the garage door
is the {lamp} on
is the front door open
is the bedroom window open
what is the temperature in the {room}
turn on the {lamp} and close the {cover}
turn off the {lamp} and turn on the {device}
set a timer for {minutes} minutes
""".split("\n")


def polite_forms(template):
    """The template as it stands and, for an order, with the usual politeness around it."""
    if template.startswith(("is ", "what ", "please ", "can ")) or template.endswith(" please"):
        return [template]
    return [template, f"please {template}", f"can you {template}", f"could you {template}", f"{template} please", f"{template} now"]


def all_sentences(template):
    names = re.findall(r"\{(\w+)\}", template)
    for values in itertools.product(*(SLOTS[name].split("|") for name in names)):
        yield re.sub(r"\{\w+\}", "{}", template).format(*values)


def words():
    """Every word of these commands, and all numbers."""
    text = " ".join(TEMPLATES) + " " + " ".join(SLOTS.values())
    return set(re.sub(r"\{\w+\}|\|", " ", text).split()) | set(grammar.UNITS + grammar.TENS)


def held_out_commands(count, seed):
    """`count` held-out sentences, spread over the templates."""
    rng = random.Random(seed)
    piles = []
    for template in filter(None, TEMPLATES):
        forms = polite_forms(template)
        pile = [sentence for form in forms for sentence in all_sentences(form) if grammar.is_held_out(sentence)]
        rng.shuffle(pile)
        piles.append(pile)
    layers = itertools.zip_longest(*piles)
    found = [sentence for layer in layers for sentence in layer if sentence]
    return list(dict.fromkeys(found))[:count]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for sentence in held_out_commands(options.count, options.seed):
        print(json.dumps({"text": sentence}))


if __name__ == "__main__":
    main()
