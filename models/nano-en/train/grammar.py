"""What may be said: templates, slots, numbers and times, and which sentences are held out.

A sentence is lower-case words separated by single spaces, numbers spelled out, without punctuation: exactly
what the model is to print. Every function that draws takes its own `random.Random`, so a seed fixes the result.
"""

import functools
import hashlib
import pathlib
import random
import re

HERE = pathlib.Path(__file__).resolve().parent
MAX_WORDS = 22

# Groups whose sentences are orders and may carry "please", "can you", "at seven" and so on.
COMMAND_GROUPS = ("lights", "switches", "covers", "climate", "fans", "vacuum", "media", "scenes", "timers")
OPENINGS = ["please"] * 4 + ["can you", "could you", "would you", "can you please", "could you please", "would you please",
            "will you", "hey", "okay", "now", "i want you to", "i'd like you to", "just", "let's", "quickly", "then"]
ENDINGS = ["please"] * 5 + ["now", "right now", "thanks", "thank you", "again", "in {duration}", "at {time}", "for {duration}",
           "{day}", "tonight", "when i leave", "at sunset", "for me", "will you", "as well", "too", "until {time}"]

HOME_OPENINGS = ["please", "can you", "could you", "would you", "can you please", "could you please", "will you"]
HOME_ENDINGS = ["please", "now", "please", "now", "again", "for me"]

UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
         "sixteen seventeen eighteen nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = ("zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth").split()


def is_held_out(sentence):
    """True for the one sentence in 25 that training never sees, in whole or as a part cut short.

    The rule is `md5(sentence) % 25 == 0` over the UTF-8 text, for sentences of three words or more: shorter
    ones ("stop", "lights off") are too few to spare any.
    """
    digest = int(hashlib.md5(sentence.encode()).hexdigest(), 16)
    return len(sentence.split()) >= 3 and digest % 25 == 0


def spell_number(number):
    """`number` from 0 to 199 in words: 42 gives "forty two"."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        ten, unit = divmod(number, 10)
        return TENS[ten] if unit == 0 else f"{TENS[ten]} {UNITS[unit]}"
    rest = number - 100
    return "one hundred" if rest == 0 else f"one hundred {spell_number(rest)}"


def spell_ordinal(number):
    """`number` from 1 to 31 as an ordinal: 21 gives "twenty first"."""
    if number <= 20:
        return ORDINALS[number]
    if number == 30:
        return "thirtieth"
    return f"{TENS[number // 10]} {ORDINALS[number % 10]}"


def draw_number(rng):
    return spell_number(rng.randint(0, 100))


def draw_percent(rng):
    if rng.random() < 0.45:
        number = rng.choice([10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100])
    else:
        number = rng.randint(0, 100)
    if number == 100 and rng.random() < 0.4:
        return "a hundred"
    return spell_number(number)


def draw_degrees(rng):
    return spell_number(rng.randint(15, 28) if rng.random() < 0.75 else rng.randint(5, 85))


def draw_digit(rng):
    return spell_number(rng.randint(1, 12))


def draw_ordinal(rng):
    return spell_ordinal(rng.randint(1, 31))


def draw_time(rng):
    """A time of day in any of the usual spoken forms."""
    hour, form = spell_number(rng.randint(1, 12)), rng.random()
    if form < 0.04:
        return rng.choice(["noon", "midnight"])
    if form < 0.35:
        text = hour + rng.choice(["", " o'clock"])
    elif form < 0.48:
        text = "half past " + hour
    elif form < 0.58:
        text = rng.choice(["quarter past ", "quarter to ", "a quarter past ", "a quarter to "]) + hour
    elif form < 0.68:
        text = spell_number(rng.choice([5, 10, 20, 25])) + rng.choice([" past ", " to "]) + hour
    else:
        minute = rng.choice([5, 10, 15, 20, 30, 40, 45, 50, rng.randint(1, 59), rng.randint(1, 59)])
        text = f"{hour} " + ("oh " if minute < 10 else "") + spell_number(minute)
    suffix = rng.random()
    if suffix < 0.12:
        text += rng.choice([" in the morning", " in the evening", " in the afternoon", " at night"])
    elif suffix < 0.26:
        text += rng.choice([" a m", " p m"])
    return text


def draw_duration(rng):
    """A length of time, from seconds to hours."""
    form, number = rng.random(), rng.randint(1, 60)
    if form < 0.5:
        number = rng.choice([number, number, 1, 2, 3, 5, 10, 15, 20, 30, 45])
        return spell_number(number) + (" minute" if number == 1 else " minutes")
    if form < 0.65:
        return spell_number(number) + (" second" if number == 1 else " seconds")
    if form < 0.78:
        number = rng.randint(1, 12)
        return spell_number(number) + (" hour" if number == 1 else " hours")
    if form < 0.88:
        hours, minutes = rng.randint(1, 3), rng.randint(2, 59)
        joint = rng.choice([" and ", " "])
        return spell_number(hours) + (" hour" if hours == 1 else " hours") + joint + spell_number(minutes) + " minutes"
    if form < 0.94:
        minutes, seconds = rng.randint(1, 20), rng.randint(2, 59)
        return spell_number(minutes) + (" minute" if minutes == 1 else " minutes") + f" and {spell_number(seconds)} seconds"
    return rng.choice(["half an hour", "an hour", "an hour and a half", "a minute", "a quarter of an hour", "ninety seconds",
                       "a few minutes", "a minute and a half", "a couple of minutes", spell_number(number) + " and a half minutes",
                       "three quarters of an hour", "a day", "two days", "a week"])


def draw_home_percent(rng):
    """A level as a home is told it: mostly a multiple of five, where fifteen and fifty are easily confused."""
    form = rng.random()
    if form < 0.35:
        return spell_number(rng.choice([13, 14, 15, 16, 17, 18, 19, 30, 40, 50, 60, 70, 80, 90]))
    return spell_number(5 * rng.randint(1, 20)) if form < 0.85 else draw_number(rng)


def draw_home_degrees(rng):
    return spell_number(rng.randint(14, 28))


DRAWN_SLOTS = {
    "home_percent": draw_home_percent, "home_degrees": draw_home_degrees,
    "number": draw_number, "percent": draw_percent, "degrees": draw_degrees, "digit": draw_digit,
    "ordinal": draw_ordinal, "time": draw_time, "duration": draw_duration,
}


def split_choices(text):
    """Split `text` at the "|" that lie outside all brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "|" and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts]


@functools.cache
def load_slots():
    """Slot name to its list of choices, from slots.txt."""
    slots = {}
    for line in (HERE / "slots.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, choices = line.split(":", 1)
            slots[name] = split_choices(choices)
    return slots


@functools.cache
def load_groups():
    """Group name to (weight, templates), from templates/*.txt in the order of their names."""
    groups = {}
    for path in sorted((HERE / "templates").glob("*.txt")):
        for line in path.read_text().splitlines():
            if line.startswith("="):
                _, name, weight = line.split()
                templates = []
                groups[name] = (float(weight), templates)
            elif line and not line.startswith("#"):
                templates.append(line)
    return groups


INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")


def expand(template, rng):
    """One sentence of `template`."""
    while match := INNERMOST.search(template):
        if match.group(1) is not None:
            chosen = rng.choice(match.group(1).split("|"))
        else:
            chosen = rng.choice(match.group(2).split("|")) if rng.random() < 0.5 else ""
        template = template[:match.start()] + chosen + template[match.end():]
    while match := SLOT.search(template):
        template = template[:match.start()] + fill_slot(match.group(1), rng) + template[match.end():]
    return " ".join(template.split())


def fill_slot(name, rng):
    if name == "command":
        return expand(rng.choice(load_groups()[rng.choice(COMMAND_GROUPS)][1]), rng)
    if name in DRAWN_SLOTS:
        return DRAWN_SLOTS[name](rng)
    if name == "area" and rng.random() < 0.4:
        name = "near_area"  # the rooms that most homes have
    return expand(rng.choice(load_slots()[name]), rng)


def draw_group(rng):
    groups = load_groups()
    return rng.choices(list(groups), [weight for weight, _ in groups.values()])[0]


def draw_sentence(rng, group=None):
    """One sentence of the grammar, polite forms included."""
    group = group or draw_group(rng)
    sentence = expand(rng.choice(load_groups()[group][1]), rng)
    if group in COMMAND_GROUPS:
        if rng.random() < 0.2:
            sentence = f"{rng.choice(OPENINGS)} {sentence}"
        if rng.random() < 0.14:
            sentence = f"{sentence} {expand(rng.choice(ENDINGS), rng)}"
    elif rng.random() < 0.03:
        sentence = f"please {sentence}"
    return sentence if len(sentence.split()) <= MAX_WORDS else draw_sentence(rng, group)


def draw_home_sentence(rng):
    """One sentence for the demo home, as often polite as not."""
    sentence, form = expand(rng.choice(load_groups()["home"][1]), rng), rng.random()
    if sentence.startswith(("is ", "are ", "what", "how ")) or form < 0.4:
        return sentence
    if form < 0.8:
        return f"{rng.choice(HOME_OPENINGS)} {sentence}"
    return f"{sentence} {rng.choice(HOME_ENDINGS)}" if form < 0.93 else f"please {sentence} {rng.choice(HOME_ENDINGS)}"


def draw_word_string(rng):
    """Random words of the vocabulary: they keep the decoder listening instead of guessing from the grammar."""
    if rng.random() < 0.25:
        words = [draw_number(rng) for _ in range(rng.randint(1, 3))]
    else:
        words = [rng.choice(vocabulary()) for _ in range(rng.randint(1, 6))]
    return " ".join(words)


@functools.cache
def vocabulary():
    """Every word that the model can print, sorted: those of templates, slots, numbers and words.txt."""
    texts = [" ".join(templates) for _, templates in load_groups().values()]
    texts += [" ".join(choices) for choices in load_slots().values()]
    texts += OPENINGS + ENDINGS + UNITS + TENS[2:] + ORDINALS[1:]
    texts += [spell_ordinal(30), "hundred half past quarter to o'clock oh noon midnight in the morning evening afternoon at night"]
    texts += ["a m p minute minutes second seconds hour hours an and few couple of three quarters day days week"]
    texts += [line for line in (HERE / "words.txt").read_text().splitlines() if not line.startswith("#")]
    plain = re.sub(r"\{\w+\}|[()\[\]|]", " ", " ".join(texts))
    return sorted(set(plain.split()))


if __name__ == "__main__":
    generator = random.Random(0)
    for _ in range(40):
        print(draw_sentence(generator))
    print(len(vocabulary()), "words")
