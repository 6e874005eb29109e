"""Writes the files beside this one: how numbers are said in the languages of Home Assistant's sentences.

    pip install hassil==3.12.1
    python make.py LANGUAGE...

The spellings come from the number rules of the Unicode CLDR, through the package unicode-rbnf. They are taken apart here:
what follows a rule becomes a rule, the rest is listed, so that every number up to 300, and every hundred up to 10,000, has all its
spellings. In languages with a form for each case the large ones have the basic form only.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import yaml
from hassil.numbers import get_rbnf_engine

# Written on cheques and in calendars, never said.
UNSAID = ("financial", "days")
# With more ways than this to put its parts together, what is really said is listed instead.
MAX_WAYS = 24
# Ways to say a number beyond a hundred in languages that have a form for each case.
MAX_LARGE = 2
# A way to put numbers together that fewer of the numbers than this share use is listed instead.
COMMON = 0.08


class Speller:
    """All ways to say a number."""

    def __init__(self, language: str) -> None:
        self.engine = get_rbnf_engine(language)
        self.known: dict[float, list[str]] = {}

    def __call__(self, number: float) -> list[str]:
        if number not in self.known:
            ways = self.engine.format_number(number).text_by_ruleset.items()
            said = [" ".join(re.sub("[,\u00ad\u200b]", "", text).split()) for name, text in ways if not name.endswith(UNSAID)]
            # Digits mean that the rules have no words for it.
            self.known[number] = list(dict.fromkeys(text for text in said if text and not re.search("[0-9]", text)))
        return self.known[number]


def patterns(whole: str, parts: dict[str, list[str]]) -> set[str]:
    """The ways in which a spelling consists of the spellings of its parts."""
    found = {whole}
    for hole, spellings in parts.items():
        found = {text.replace(said, hole, 1) for text in found for said in spellings if said in text}
    return found


def fill(pattern: str, parts: dict[str, list[str]]) -> list[str]:
    texts = [pattern]
    for hole, spellings in parts.items():
        texts = [text.replace(hole, said) for text in texts for said in spellings]
    return texts


def compose(say: Speller, numbers: range, unit: int, words: dict[int, list[str]]) -> dict | None:
    """A rule for these numbers; those that it does not make go into `words`."""

    def parts(number: int) -> dict[str, list[str]]:
        rest = number % unit
        return {"{base}": say(number - rest), "{rest}": say(rest)}

    numbers = [number for number in numbers if number % unit]
    counts: Counter[str] = Counter()
    for number in numbers:
        counts.update({pattern for text in say(number) for pattern in patterns(text, parts(number))})
    common = [pattern for pattern, count in counts.most_common(6) if count >= COMMON * len(numbers)]
    used = False
    for number in numbers:
        made = [text for pattern in common for text in fill(pattern, parts(number))]
        if len(made) <= MAX_WAYS and all(text in made for text in say(number)):
            used = True
        else:
            words[number] = say(number) if number < 100 or len(made) <= MAX_WAYS else say(number)[:MAX_LARGE]
    if not used:
        return None
    return {"from": numbers[0], "to": max(numbers[-1], unit * 10 - 1), "unit": unit, "say": common}


def of_language(language: str) -> dict:
    say = Speller(language)
    words = {number: say(number) for number in [*range(21), *range(30, 101, 10), *range(200, 1001, 100)]}
    words |= {number: say(number) for number in range(2000, 10001, 1000)}
    rules = [
        compose(say, range(21, 100), 10, words),
        compose(say, range(101, 301), 100, words),
        compose(say, range(1100, 10000, 100), 1000, words),
    ]
    counts: Counter[str] = Counter()
    for number in range(1, 100):
        parts = {"{whole}": say(number), "{tenths}": say(5)}
        counts.update({pattern for text in say(number + 0.5) for pattern in patterns(text, parts)})
    fractions = [pattern for pattern, count in counts.most_common(3) if count > 60 and "{tenths}" in pattern]
    numbers: dict = {"words": {n: ways if len(ways) > 1 else ways[0] for n, ways in sorted(words.items()) if ways}}
    if any(rules):
        numbers["compose"] = [rule for rule in rules if rule]
    if fractions:
        numbers["fractions"] = fractions
    counts = Counter()
    for number in range(1, 21):
        counts.update({pattern for text in say(-number) for pattern in patterns(text, {"{number}": say(number)})})
    negatives = [pattern for pattern, count in counts.most_common(2) if count > 15 and "{number}" in pattern]
    if negatives:
        numbers["negatives"] = negatives
    return numbers


def main() -> None:
    folder = Path(__file__).parent
    for language in sys.argv[1:]:
        try:
            numbers = of_language(language)
        except ValueError as error:
            print(f"{language}: {error}", file=sys.stderr)
            continue
        text = yaml.safe_dump({"numbers": numbers}, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)
        (folder / f"{language}.yaml").write_text(f"# Made by make.py from the Unicode CLDR (see README.md).\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
