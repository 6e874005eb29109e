"""The evaluation's clips: sentences that training never saw, in voices and noises that it may or may not have.

Every set is made from its own seed. A clip is (reference text, float32 samples at 16 kHz); "" means that nothing is to
be printed.
"""

import functools
import random

import numpy as np

import commands
import corpus
import effects
import grammar
import noise
import speech

RATE = speech.SAMPLE_RATE
SHORT = ("stop", "yes", "no", "on", "off", "pause", "cancel", "okay", "next", "mute")
NOISE_SEED = 900_000  # training's noises use small seeds


def silence(seconds):
    return np.zeros(int(seconds * RATE), np.float32)


def padded(samples, before=0.2, after=0.3):
    return np.concatenate([silence(before), samples, silence(after)])


def at_half_scale(samples):
    return samples * (0.5 / max(1e-6, np.abs(samples).max()))


def held_out_sentences(count, seed, group=None, words=3):
    """`count` different sentences of the grammar that training never saw, of at least `words` words."""
    rng, found = random.Random(seed), {}
    while len(found) < count:
        sentence = grammar.draw_sentence(rng, group)
        if grammar.is_held_out(sentence) and len(sentence.split()) >= words:
            found[sentence] = None
    return list(found)


def spoken(sentences, seed, draw_style=speech.draw_style):
    """(sentence, bare samples) in voices drawn for each."""
    rng, espeak = random.Random(seed), corpus.one_espeak()
    return [(s, at_half_scale(corpus.speak(espeak, s, draw_style(rng))[0])) for s in sentences]


def unseen_sentences(count=400):
    return [(s, padded(x)) for s, x in spoken(held_out_sentences(count, 11), 12)]


def unseen_voices(count=400):
    return [(s, padded(x)) for s, x in spoken(held_out_sentences(count, 21), 22, speech.draw_held_out_style)]


def demo_home():
    """Held-out commands of the demo home in training voices."""
    return [(s, padded(x)) for s, x in spoken(commands.held_out_commands(100, 1), 13)]


def demo_home_unseen_voices():
    return [(s, padded(x)) for s, x in spoken(commands.held_out_commands(100, 1), 23, speech.draw_held_out_style)]


def demo_home_in_noise():
    return with_noise(spoken(commands.held_out_commands(100, 1), 13), 10)


def in_noise(count=400):
    """The set of unseen sentences, at 10 dB."""
    return with_noise(spoken(held_out_sentences(count, 11), 12), 10)


def with_noise(clips, ratio):
    """`clips` with a noise at `ratio` dB below the speech, kinds in turn, babble among them."""
    kinds = [*noise.SYNTHETIC, "babble"]
    mixed = []
    for index, (sentence, samples) in enumerate(clips):
        clip = padded(samples)
        sound = make_noise(kinds[index % len(kinds)], len(clip), NOISE_SEED + index)
        mixed.append((sentence, clip + sound * corpus.loudness(samples) * np.float32(10 ** (-ratio / 20))))
    return mixed


def make_noise(kind, length, seed):
    if kind == "babble":
        return noise.unit_level(noise.babble(babble_voices(), max(length, 2 * RATE), seed)[:length])
    return noise.unit_level(noise.make(kind, max(length, 2 * RATE), seed)[:length])


@functools.cache
def babble_voices():
    rng = random.Random(31)
    return corpus.some_voices(corpus.one_espeak(), rng, 6)


def short_words(voices=20):
    """Single words that begin with the first sample, half of them in unseen voices."""
    clips = []
    for index in range(voices):
        style = speech.draw_held_out_style if index % 2 else speech.draw_style
        clips += [(word, padded(x, before=0)) for word, x in spoken(SHORT, 40 + index, style)]
    return clips


def with_pause(count=100):
    """Spoken in two breaths, 0.4 to 1.0 s apart."""
    rng, espeak, clips = random.Random(51), corpus.one_espeak(), []
    for sentence in held_out_sentences(count, 52, words=4):
        words, style = corpus.spoken_form(sentence).split(), speech.draw_style(rng)
        cut = rng.randint(2, len(words) - 1)
        first, second = (espeak.say(" ".join(part), style)[0] for part in (words[:cut], words[cut:]))
        clips.append((sentence, at_half_scale(padded(np.concatenate([first, silence(rng.uniform(0.4, 1.0)), second])))))
    return clips


def with_lead(count=100):
    """1 to 5 s of silence or faint noise before the first word."""
    rng, clips = random.Random(61), []
    for index, (sentence, samples) in enumerate(spoken(held_out_sentences(count, 62), 63)):
        clip = padded(samples, before=rng.uniform(1, 5))
        if index % 2:
            clip = clip + make_noise("pink", len(clip), NOISE_SEED + index) * np.float32(10 ** (rng.uniform(-70, -45) / 20))
        clips.append((sentence, clip))
    return clips


def two_commands(count=80):
    """Two sentences in one voice, 0.2 to 0.8 s apart."""
    rng, espeak, clips = random.Random(71), corpus.one_espeak(), []
    sentences = [s for s in held_out_sentences(4 * count, 72) if len(s.split()) <= 8][:2 * count]
    for first, second in zip(sentences[::2], sentences[1::2], strict=True):
        style = speech.draw_style(rng)
        parts = [corpus.speak(espeak, text, style)[0] for text in (first, second)]
        clips.append((f"{first} {second}", at_half_scale(padded(np.concatenate([parts[0], silence(rng.uniform(0.2, 0.8)), parts[1]])))))
    return clips


def cut_short(count=100):
    """Sentences that break off right before a word: what a partial transcript is made of."""
    rng, espeak, clips = random.Random(81), corpus.one_espeak(), []
    for sentence in held_out_sentences(count, 82, words=5):
        samples, starts, _ = corpus.speak(espeak, sentence, speech.draw_style(rng))
        places = [i for i, start in enumerate(starts) if i >= 2 and start is not None]
        if places:
            place = rng.choice(places)
            heard = at_half_scale(samples)[:starts[place] * RATE // 100]
            clips.append((" ".join(sentence.split()[:place]), padded(heard, after=0)))
    return clips


def in_a_room(count=100):
    """The first set's kind through made-up rooms and small loudspeakers."""
    rng = np.random.default_rng(91)
    return [(s, padded(at_half_scale(effects.colour(effects.reverberate(x, rng), rng))))
            for s, x in spoken(held_out_sentences(count, 92), 93)]


def digital_silence(count=20):
    return [("", silence(0.5 + 0.25 * i)) for i in range(count)]


def noises(kinds=tuple(k for k in noise.SYNTHETIC if k != "music"), each=10):
    """New noises of `kinds` for 3 s at -70 to -12 dB of full scale."""
    rng = np.random.default_rng(101)
    return [("", make_noise(kind, 3 * RATE, NOISE_SEED + 1000 + 100 * k + i) * np.float32(10 ** (rng.uniform(-70, -12) / 20)))
            for k, kind in enumerate(kinds) for i in range(each)]


def music():
    return noises(("music",), 60)


def unrelated_speech(count=100):
    """Foreign words and English talk about other things, each in a new order; the English half in unseen voices."""
    rng, espeak, clips = random.Random(111), corpus.one_espeak(), []
    while len(clips) < count:
        text, style = corpus.draw_unrelated(rng, speech.draw_held_out_style)
        samples, _ = espeak.say(text, style)
        if len(samples) > 3200:
            clips.append(("", padded(at_half_scale(samples))))
    return clips


SETS = {
    "demo home": demo_home,
    "demo home, unseen voices": demo_home_unseen_voices,
    "demo home at 10 dB noise": demo_home_in_noise,
    "unseen sentences": unseen_sentences,
    "unseen sentences and voices": unseen_voices,
    "unseen sentences at 10 dB noise": in_noise,
    "rooms and small loudspeakers": in_a_room,
    "short words from the first sample": short_words,
    "a pause of 0.4 to 1.0 s inside": with_pause,
    "1 to 5 s of silence or faint noise before": with_lead,
    "two commands in a row": two_commands,
    "cut short between two words": cut_short,
    "digital silence": digital_silence,
    "noises": noises,
    "music-like sound": music,
    "unrelated speech": unrelated_speech,
}
