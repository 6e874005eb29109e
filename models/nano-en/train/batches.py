"""Training batches: which clips, cut and joined how, with what silence and noise around them.

Everything is drawn from seeds made of (SEED, window, step, process), never from a running generator, so step n has
the same batch whether training was stopped before it or not.
"""

import collections
import dataclasses
import json

import numpy as np
import torch

import commands
import features
import grammar
import settings
import tokens

WINDOW_STEPS = 32  # steps whose examples are drawn together and sorted by length, to waste little on padding
MAX_TEXT = 44
FRAMES = features.FRAMES_PER_SECOND
TEXT_LENGTHS = (12, 24, 48)
NOT_A_TARGET = -100
EXPONENT = np.float32(np.log2(10))


@dataclasses.dataclass
class Example:
    """What one training example is made of: (offset, clip, first frame, end frame) pieces, in `frames` frames."""

    pieces: list
    frames: int
    text: str
    easy: bool = False  # neither noise nor masks


class Corpus:
    """The shards of corpus.py, mapped into memory."""

    def __init__(self):
        self.mels, self.clips, self.places = [], [], []
        for number in range(settings.SHARDS):
            path = settings.CORPUS / f"shard-{number:03}"
            self.mels.append(np.load(path.with_suffix(".npy"), mmap_mode="r"))
            start = 0
            for clip in json.loads(path.with_suffix(".json").read_text()):
                self.clips.append(clip)
                self.places.append((number, start))
                start += clip["frames"]
        self.demo, self.common = self._focus()
        self.noise = np.load(settings.CORPUS / "noise.npy", mmap_mode="r")
        self.noise_kinds = json.loads((settings.CORPUS / "noise.json").read_text())
        self.background = [i for i, kind in enumerate(self.noise_kinds) if kind != "reversed"]

    def _focus(self):
        """The clips whose words are all of the demo home, and those whose words are all common ones."""
        demo_words = commands.words()
        counts = collections.Counter(word for clip in self.clips for word in clip["text"].split())
        common_words = demo_words | {word for word, _ in counts.most_common(settings.COMMON_WORDS)}
        spoken = [(i, set(clip["text"].split())) for i, clip in enumerate(self.clips) if clip["text"]]
        return [i for i, said in spoken if said <= demo_words], [i for i, said in spoken if said <= common_words]

    def power(self, clip, first, end):
        """Mel power of a clip's frames, float32."""
        shard, start = self.places[clip]
        return np.exp2(EXPONENT * self.mels[shard][start + first:start + end].astype(np.float32))

    def noise_power(self, sound, frames, rng):
        """`frames` frames of a noise from a random place, at unit level; repeated where it is shorter."""
        source = self.noise[sound]
        start = rng.integers(0, max(1, len(source) - frames))
        power = np.exp2(EXPONENT * source[start:start + frames].astype(np.float32))
        return power if len(power) == frames else np.resize(power, (frames, features.MELS))


def is_trainable(text):
    """Cutting and joining must not bring a held-out sentence back in."""
    return not grammar.is_held_out(text) and len(text.split()) <= MAX_TEXT


def cut_short(clip, rng):
    """(end frame, words heard) of a clip that breaks off mid-sentence, or None where no word boundary is known.

    The cut lies between the end of the last word kept and the first third of the next one.
    """
    words, starts = clip["text"].split(), clip["starts"]
    places = [i for i in range(1, len(words)) if i < len(starts) and starts[i] is not None and starts[i] > 15]
    if not places:
        return None
    place = int(rng.choice(places))
    following = next((start for start in starts[place + 1:] if start is not None), clip["frames"] - 15)
    end = starts[place] + int(rng.uniform(-0.02, 0.33) * max(3, following - starts[place]))
    return max(10, min(end, clip["frames"])), " ".join(words[:place])


def silence_before(short, rng):
    """Frames of silence before the first word: often none at all, up to 5.2 s."""
    form = rng.random()
    if form < (0.3 if short else 0.12):
        return 0
    if form < 0.7:
        return int(rng.integers(0, 0.3 * FRAMES))
    if form < 0.88:
        return int(rng.integers(0.3 * FRAMES, 0.9 * FRAMES))
    return int(rng.integers(0.9 * FRAMES, 5.2 * FRAMES))


def silence_after(rng):
    form = rng.random()
    if form < 0.15:
        return 0
    if form < 0.78:
        return int(rng.integers(0, 0.3 * FRAMES))
    if form < 0.97:
        return int(rng.integers(0.3 * FRAMES, 0.8 * FRAMES))
    return int(rng.integers(0.8 * FRAMES, 2.5 * FRAMES))


def draw_example(corpus, index, rng):
    """One example around clip `index`: whole, cut short, with a pause inside, or followed by another command."""
    clip = corpus.clips[index]
    frames, text, form = clip["frames"], clip["text"], rng.random()
    if form < 0.045:  # no speech at all: make_batch fills it with noise
        return Example([], int(rng.integers(30, 420)), "")
    lead = silence_before(len(text.split()) <= 2, rng)
    first = int(rng.integers(0, 4)) if lead == 0 and rng.random() < 0.3 else 0
    pieces = [(lead, index, first, frames)]
    if text and form < 0.115 and (cut := cut_short(clip, rng)) and is_trainable(cut[1]):
        end, text = cut
        pieces = [(lead, index, first, max(end, first + 8))]
        after = 0 if rng.random() < 0.6 else silence_after(rng)
    elif text and form < 0.155:
        other_index = int(rng.integers(len(corpus.clips)))
        other = corpus.clips[other_index]
        joined = f"{text} {other['text']}"
        if other["text"] and is_trainable(joined):
            start = lead + frames - first + int(rng.integers(0, 0.9 * FRAMES))
            pieces.append((start, other_index, 0, other["frames"]))
            text = joined
        after = silence_after(rng)
    else:
        place = clip["breath"] if clip["breath"] and rng.random() < 0.9 else None
        known = [start for start in clip["starts"][1:] if start is not None and start > 12]
        if place is None and known and rng.random() < 0.035:
            place = int(rng.choice(known))
        if place is not None and first < place < frames:
            gap = int(rng.integers(0.1 * FRAMES, 1.3 * FRAMES))
            pieces = [(lead, index, first, place), (lead + place - first + gap, index, place, frames)]
        after = silence_after(rng)
    offset, _, start, end = pieces[-1]
    return Example(pieces, offset + end - start + after, text)


def draw_easy_example(corpus, index, rng):
    """A whole clip with little around it."""
    lead, after = (int(rng.integers(0, 0.3 * FRAMES)) for _ in range(2))
    clip = corpus.clips[index]
    return Example([(lead, index, 0, clip["frames"])], lead + clip["frames"] + after, clip["text"], easy=True)


def draw_window(corpus, window):
    """The examples of WINDOW_STEPS steps as a list of steps, each a list of batches (one a process) of like length."""
    rng = np.random.default_rng([settings.SEED, 1, window])
    per_step = settings.BATCH * settings.WORKERS
    epoch_windows = len(corpus.clips) // (per_step * WINDOW_STEPS)
    order = np.random.default_rng([settings.SEED, 0, window // epoch_windows]).permutation(len(corpus.clips))
    start = window % epoch_windows * per_step * WINDOW_STEPS
    easy_share = next(share for end, share in settings.EASY_SHARES if window * WINDOW_STEPS < end)
    examples = []
    for index in order[start:start + per_step * WINDOW_STEPS]:
        if window * WINDOW_STEPS >= settings.FOCUS_FROM:
            index = focus(corpus, index, rng)
        draw = draw_easy_example if rng.random() < easy_share else draw_example
        examples.append(draw(corpus, int(index), rng))
    examples.sort(key=lambda example: example.frames)
    steps = []
    for position in range(0, len(examples), per_step):
        together = examples[position:position + per_step]
        steps.append([together[worker::settings.WORKERS] for worker in range(settings.WORKERS)])
    rng.shuffle(steps)
    return steps


def focus(corpus, index, rng):
    """Another clip in place of `index` for a share of the examples: see settings.FOCUS_FROM."""
    form = rng.random()
    if form < settings.DEMO_SHARE:
        return rng.choice(corpus.demo)
    if form < settings.DEMO_SHARE + settings.COMMON_SHARE:
        return rng.choice(corpus.common)
    return index


def draw_context(longest, step):
    """The encoder length of a step: mostly just enough, at times the multiples of 256 and the full 30 s that callers use."""
    rng = np.random.default_rng([settings.SEED, 2, step])
    need, form = (longest + 1) // 2, rng.random()
    if form < 0.9:
        context = -(-(need + int(rng.integers(0, 16))) // 32) * 32
    elif form < 0.975:
        context = -(-need // 256) * 256
    elif form < 0.994:
        context = max(512, -(-need // 256) * 256)
    else:
        context = settings.AUDIO_CONTEXT
    return min(max(context, 96), settings.AUDIO_CONTEXT)


def blank_power(corpus, frames, rng):
    """Frames without any words: digital silence, one noise, or two together, at any level."""
    level = 10 ** (rng.uniform(-80, -6) / 10)
    form = rng.random()
    if form < 0.12:
        return np.zeros((frames, features.MELS), np.float32)
    power = corpus.noise_power(rng.integers(len(corpus.noise)), frames, rng) * np.float32(level)
    if form > 0.65:
        power += corpus.noise_power(rng.integers(len(corpus.noise)), frames, rng) * np.float32(level * 10 ** rng.uniform(-2, 1))
    return power


def mix(corpus, example, rng):
    """Mel power [frames, 80] of an example with gain, tone colour, noise and masks."""
    if not example.pieces:
        return blank_power(corpus, example.frames, rng)
    power = np.zeros((example.frames, features.MELS), np.float32)
    rms, warp = 0.0, None
    if rng.random() < settings.WARP_SHARE:
        warp = features.warp(rng.integers(len(features.WARPS)))
    for offset, clip, first, end in example.pieces:
        piece = corpus.power(clip, first, end)[:example.frames - offset]
        if warp is not None:
            piece = warp(piece)
        power[offset:offset + len(piece)] += piece
        rms = max(rms, corpus.clips[clip]["rms"])
    gain = 10 ** (rng.uniform(-30, 5) / 20)
    power *= np.float32(gain**2)
    if rng.random() < 0.5:
        power *= random_tone(rng)
    if example.easy:
        return power
    form = rng.random()
    if form < 0.64:
        sound = rng.choice(corpus.background)
        ratio = rng.uniform(7, 26) if corpus.noise_kinds[sound] == "babble" else rng.uniform(2, 28)
        power += corpus.noise_power(sound, example.frames, rng) * np.float32((rms * gain) ** 2 * 10 ** (-ratio / 10))
    elif form < 0.85:
        level = 10 ** (rng.uniform(-95, -55) / 10)
        power += corpus.noise_power(rng.choice(corpus.background), example.frames, rng) * np.float32(level)
    if rng.random() < 0.3:
        mask(power, rng)
    return power


def random_tone(rng):
    """A smooth random gain over the 80 bands, a few dB."""
    place = np.linspace(-1, 1, features.MELS)
    a, b, c = rng.normal(0, 1, 3)
    decibels = 4 * a * place + 3 * b * np.cos(2 * np.pi * place) + 2 * c * np.sin(3 * np.pi * place)
    return (10 ** (decibels / 10)).astype(np.float32)


def mask(power, rng):
    """Take away a few bands and a few frames (SpecAugment, Park et al. 2019)."""
    width = int(rng.integers(1, 12))
    band = int(rng.integers(0, features.MELS - width))
    power[:, band:band + width] *= 1e-4
    width = int(rng.integers(1, 9))
    frame = int(rng.integers(0, max(1, len(power) - width)))
    power[frame:frame + width] *= 1e-4


@dataclasses.dataclass
class Batch:
    mel: torch.Tensor  # [batch, 80, 2 n]
    ids: torch.Tensor  # [batch, m] decoder input
    targets: torch.Tensor  # [batch, m], NOT_A_TARGET where nothing is asked
    texts: list


def make_batch(corpus, steps, step, worker):
    """The batch of `step` for `worker`; `steps` is the window that holds the step."""
    batches = steps[step % WINDOW_STEPS]
    context = draw_context(max(example.frames for batch in batches for example in batch), step)
    examples = batches[worker]
    if context >= 512:  # the long ones cost most and teach the same: fewer of them
        examples = examples[:8 if context == settings.AUDIO_CONTEXT else 16]
    rng = np.random.default_rng([settings.SEED, 3, step, worker])
    power = torch.zeros(len(examples), 2 * context, features.MELS)
    for row, example in enumerate(examples):
        mixed = mix(corpus, example, rng)[:2 * context]
        power[row, :len(mixed)] = torch.from_numpy(mixed)
    ids, targets = frame_texts([example.text for example in examples])
    mel = features.normalise(power).transpose(1, 2).contiguous()
    return Batch(mel, ids, targets, [example.text for example in examples])


def frame_texts(texts):
    """Decoder inputs and targets of `texts`, padded to one of few lengths so that kernels are reused.

    After the start token alone the model says whether anybody speaks, as Whisper does: callers read the no-speech
    probability there.
    """
    prefix = [tokens.START_ID, tokens.NO_TIMESTAMPS_ID]
    sequences = [prefix + tokens.encode(text) + [tokens.END_ID] for text in texts]
    longest = max(map(len, sequences)) - 1
    length = next(size for size in TEXT_LENGTHS if size >= longest)
    ids = torch.full((len(texts), length), tokens.END_ID)
    targets = torch.full((len(texts), length), NOT_A_TARGET)
    for row, sequence in enumerate(sequences):
        ids[row, :len(sequence) - 1] = torch.tensor(sequence[:-1])
        targets[row, 0] = tokens.NO_TIMESTAMPS_ID if texts[row] else tokens.NO_SPEECH_ID
        targets[row, 1:len(sequence) - 1] = torch.tensor(sequence[2:])
    return ids, targets
