"""Puts the measured figures into the model card: the parts of README.md between the "figures" marks."""

import json
import re

import settings

CARD = settings.MODEL_DIR / "README.md"


def facts_table(model):
    training, size = model["training"], 1e6
    rows = [
        ("Parameters", f"{model['parameters']:,}"),
        ("Shape", f"{settings.AUDIO_LAYERS} encoder and {settings.TEXT_LAYERS} decoder layers of width {settings.STATE}, {settings.HEADS} heads"),
        ("Vocabulary", f"{model['vocabulary_words']:,} whole words"),
        ("File", f"{model['unpacked']['bytes'] / size:.1f} MB, {model['packed']['bytes'] / size:.2f} MB as `nano-en.bin.zst`"),
        ("Training", f"{training['steps']:,} steps, {training['clips']:,} clips heard, {training['seconds'] / 60:.0f} minutes on two shared CPU cores"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def results_table(evaluation):
    rules = [rule for rule in ("tight", "256", "full") if rule in evaluation]
    lines = ["| set | clips | " + " | ".join(f"`audio_ctx` {rule}" for rule in rules) + " |", "|---|---|" + "---|" * len(rules)]
    for name, first in evaluation[rules[0]].items():
        cells = [describe(evaluation[rule][name]) for rule in rules]
        lines.append(f"| {name} | {first['clips']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe(figures):
    if "empty" in figures:
        return f"{figures['empty']} % stay empty"
    return f"{figures['word_error']} % / {figures['exact']} %"


def main():
    text = CARD.read_text()
    evaluation = json.loads((settings.MODEL_DIR / "evaluation.json").read_text())
    model = json.loads((settings.MODEL_DIR / "model.json").read_text())
    for mark, table in (("facts", facts_table(model)), ("results", results_table(evaluation))):
        pattern = rf"(<!-- figures: {mark} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text, flags=re.S)
    CARD.write_text(text)


if __name__ == "__main__":
    main()
