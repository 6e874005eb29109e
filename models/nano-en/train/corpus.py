"""Speaks the training set: shards of clips, kept as log-mel power with their words and word boundaries.

    python corpus.py            all shards and the noise, in WORKERS processes

Shard n depends on its number alone, is written under another name and renamed when complete: a stopped run
goes on where it was, and the result does not depend on the number of processes.
"""

import functools
import json
import multiprocessing
import random

import numpy as np
import torch

import effects
import features
import grammar
import noise
import settings
import speech

SPOKEN = {" a m": " ay em", " p m": " pee em", "led ": "ell-ee-dee "}
NOISE_SECONDS = 16
NOISES_PER_KIND = 26
BABBLES = 48
REVERSED = 20


def spoken_form(sentence):
    """What eSpeak NG is given for `sentence`: the same number of words, spelled so that letters are read as such."""
    for written, said in SPOKEN.items():
        sentence = sentence.replace(written, said)
    return sentence


@functools.cache
def unrelated_texts():
    """Language to its lines of unrelated.txt."""
    texts = {}
    for line in (grammar.HERE / "unrelated.txt").read_text().splitlines():
        if not line.startswith("#"):
            language, text = line.split(": ", 1)
            texts.setdefault(language, []).append(text)
    return texts


def draw_unrelated(rng, draw_english_style):
    """(text, style) of foreign words or of English talk about anything but the home."""
    if rng.random() < 0.5:
        text = " and ".join(rng.sample(unrelated_texts()["en"], rng.choice([1, 1, 2])))
        words = text.split()
        start = rng.randint(0, max(0, len(words) - 4)) if rng.random() < 0.3 else 0
        return " ".join(words[start:start + rng.randint(5, 14)]), draw_english_style(rng)
    style = speech.draw_foreign_style(rng)
    words = unrelated_texts()[style.voice.split("+")[0]][0].split()
    return " ".join(rng.choice(words) for _ in range(rng.randint(1, 10))), style


def draw_text(rng, home):
    """A training text, never one that is held out: mostly sentences of the grammar, in home shards of the demo home."""
    while True:
        if home and rng.random() < 0.85:
            text = grammar.draw_home_sentence(rng)
        else:
            text = grammar.draw_word_string(rng) if rng.random() < 0.08 else grammar.draw_sentence(rng)
        if not grammar.is_held_out(text):
            return text


def speak(espeak, text, style, pause_after=None):
    """Speak `text`, in two breaths when `pause_after` words are given.

    Returns samples, the frame at which each word starts (None where unknown) and the frame of the breath or None.
    """
    words = spoken_form(text).split()
    if pause_after is None:
        samples, starts = espeak.say(" ".join(words), style)
        return samples, [start if start is None else round(start * 100) for start in starts], None
    first, first_starts = espeak.say(" ".join(words[:pause_after]), style)
    second, second_starts = espeak.say(" ".join(words[pause_after:]), style)
    offset = len(first) / speech.SAMPLE_RATE
    starts = first_starts + [start if start is None else start + offset for start in second_starts]
    return (np.concatenate([first, second]), [start if start is None else round(start * 100) for start in starts],
            round(offset * 100))


def loudness(samples):
    """Root mean square of the frames that hold speech (within 40 dB of the loudest)."""
    frames = samples[:len(samples) // 160 * 160].reshape(-1, 160)
    energy = np.square(frames).mean(1)
    return float(np.sqrt(energy[energy > energy.max() * 1e-4].mean()))


def log_power(samples):
    return features.mel_power(samples).clamp(min=features.POWER_FLOOR).log10().half().numpy()


def make_clip(espeak, rng, numpy_rng, home):
    """One clip: its log-mel power and its description."""
    if rng.random() < 0.045:
        text, style = draw_unrelated(rng, speech.draw_style)
        samples, _ = espeak.say(text, style)
        label, starts, breath = "", [], None
    else:
        label, style = draw_text(rng, home), speech.draw_style(rng)
        count = len(label.split())
        pause_after = rng.randint(1, count - 1) if count >= 3 and rng.random() < 0.09 else None
        samples, starts, breath = speak(espeak, label, style, pause_after)
    if len(samples) < 1600:
        return None
    samples = effects.random_effects(samples, numpy_rng)
    mel = log_power(samples)
    return mel, {"text": label, "frames": len(mel), "rms": loudness(samples), "starts": starts, "breath": breath}


def write_shard(number):
    path = settings.CORPUS / f"shard-{number:03}"
    if path.with_suffix(".json").exists():
        return
    torch.set_num_threads(1)
    espeak, rng, numpy_rng = one_espeak(), random.Random(1000 + number), np.random.default_rng(1000 + number)
    mels, clips = [], []
    while len(clips) < settings.CLIPS_PER_SHARD:
        made = make_clip(espeak, rng, numpy_rng, home=number >= settings.GENERAL_SHARDS)
        if made is not None:
            mels.append(made[0])
            clips.append(made[1])
    np.save(path.with_suffix(".npy"), np.concatenate(mels))
    write_last(path.with_suffix(".json"), clips)
    print(f"shard {number} done", flush=True)


def write_last(path, value):
    """JSON by way of a temporary name: the file's presence says that all of the shard is there."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(path)


@functools.cache
def one_espeak():
    return speech.Espeak()


def write_noise():
    """noise.npy, log-mel power [sounds, frames, 80] at unit level, and noise.json, the kind of each."""
    path = settings.CORPUS / "noise.json"
    if path.exists():
        return
    torch.set_num_threads(1)
    length = NOISE_SECONDS * noise.RATE
    sounds = [(kind, noise.make(kind, length, seed)) for seed in range(NOISES_PER_KIND) for kind in noise.SYNTHETIC]
    espeak, rng = one_espeak(), random.Random(7)
    for seed in range(BABBLES):
        sounds.append(("babble", noise.babble(some_voices(espeak, rng, rng.randint(3, 8)), length, seed)))
    for seed in range(REVERSED):
        backwards = np.concatenate(some_voices(espeak, rng, 8))[::-1]
        sounds.append(("reversed", noise.unit_level(np.resize(backwards, length))))
    frames = NOISE_SECONDS * features.FRAMES_PER_SECOND
    np.save(settings.CORPUS / "noise.npy", np.stack([log_power(sound)[:frames] for _, sound in sounds]))
    write_last(path, [kind for kind, _ in sounds])
    print("noise done", flush=True)


def some_voices(espeak, rng, count):
    voices = []
    while len(voices) < count:
        text, style = draw_unrelated(rng, speech.draw_style)
        samples, _ = espeak.say(text + " " + text, style)
        if len(samples) > 8000:
            voices.append(samples / np.abs(samples).max())
    return voices


def run_task(task):
    write_noise() if task is None else write_shard(task)


def main():
    settings.CORPUS.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(settings.WORKERS) as pool:
        for _ in pool.imap_unordered(run_task, [None, *range(settings.SHARDS)]):
            pass


if __name__ == "__main__":
    main()
