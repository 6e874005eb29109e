"""Sounds without words: noises, machines, music-like sound, knocks, chirps and babble, made from a seed."""

import numpy as np

RATE = 16_000


def coloured(length, rng, slope, low=20.0, high=8000.0):
    """Noise whose amplitude falls with frequency as f**-slope, between `low` and `high` Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20.0)
    shape = frequency**-slope / (1 + (low / frequency) ** 4) / (1 + (frequency / high) ** 6)
    return np.fft.irfft(spectrum * shape, length)


def random_noise(length, rng):
    low, high = rng.choice([20, 20, 100, 500, 2000]), rng.choice([8000, 8000, 3000, 1200])
    return coloured(length, rng, rng.uniform(0, 1.6), low, high if high > low else 8000)


def white(length, rng):
    return rng.standard_normal(length)


def pink(length, rng):
    return coloured(length, rng, 0.5)


def brown(length, rng):
    return coloured(length, rng, 1.0)


def hum(length, rng):
    """Mains hum, motors, vacuum cleaners: harmonics with a little noise and drift."""
    time = np.arange(length) / RATE
    base = rng.choice([50, 60, 100, 120, 180, 240, 400, 700]) * rng.uniform(0.95, 1.05)
    drift = 1 + 0.02 * np.sin(2 * np.pi * rng.uniform(0.02, 0.5) * time)
    phase = 2 * np.pi * np.cumsum(base * drift) / RATE
    sound = sum(np.sin(k * phase + rng.uniform(0, 6)) * rng.uniform(0, 1) / k ** rng.uniform(0.4, 1.5) for k in range(1, 25))
    return sound + rng.uniform(0.02, 0.6) * coloured(length, rng, rng.uniform(0, 0.8)) * 2


def note(frequency, seconds, rng, brightness):
    """One note of an instrument-like timbre, plucked or bowed, with or without vibrato."""
    time = np.arange(int(seconds * RATE)) / RATE
    vibrato = 1 + rng.choice([0, 0, 0.006]) * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(frequency * vibrato) / RATE
    sound = sum(np.sin(k * phase) * brightness ** (k - 1) for k in range(1, 9) if k * frequency < 7500)
    attack = np.minimum(1, time / rng.uniform(0.003, 0.08))
    decay = np.exp(-time * rng.choice([0.3, 1.5, 4.0])) * np.minimum(1, (time[-1] - time) / 0.03)
    return sound * attack * decay


SCALES = ([0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 3, 5, 7, 10])  # semitones: major, minor, pentatonic


def music(length, rng):
    """Melody over chords, half of the time with drums."""
    sound = np.zeros(length + 4 * RATE)
    scale = SCALES[rng.integers(len(SCALES))]
    beat, root = rng.uniform(0.22, 0.6), rng.integers(-12, 12)
    brightness, has_chords, has_drums = rng.uniform(0.2, 0.8), rng.random() < 0.7, rng.random() < 0.5
    position = 0.0
    while position * RATE < length:
        start, duration = int(position * RATE), beat * rng.choice([0.5, 1, 1, 2])
        pitches = [rng.choice(scale) + 12 * rng.integers(0, 2)] if rng.random() < 0.85 else []
        if has_chords and rng.random() < 0.5:
            pitches += [p - 12 for p in rng.choice(scale, 3, replace=False)]
        for pitch in pitches:
            tone = note(262 * 2 ** ((pitch + root) / 12), duration * rng.uniform(0.9, 2.5), rng, brightness)
            sound[start:start + len(tone)] += tone[:len(sound) - start] * rng.uniform(0.4, 1)
        if has_drums:
            hit = rng.standard_normal(2400) * np.exp(-np.arange(2400) / rng.choice([120, 400, 900]))
            sound[start:start + 2400] += hit * rng.uniform(0.3, 2)
        position += duration
    return sound[:length]


def impacts(length, rng):
    """Knocks, clicks, dishes, typing: short decaying sounds, lone or in rows."""
    sound = 0.01 * rng.standard_normal(length)
    position = int(rng.integers(0, RATE))
    gap = rng.uniform(0.06, 1.2)
    while position < length - 4000:
        size = int(rng.integers(60, 3500))
        envelope = np.exp(-np.arange(size) / (size / rng.uniform(3, 8)))
        body = rng.standard_normal(size) if rng.random() < 0.5 else np.sin(2 * np.pi * rng.uniform(80, 3000) * np.arange(size) / RATE)
        sound[position:position + size] += body * envelope * rng.uniform(0.3, 2)
        position += size + int(gap * rng.uniform(0.3, 1.5) * RATE)
    return sound


def tones(length, rng):
    """Beeps, rings, alarms: gated tones of one to three frequencies."""
    time = np.arange(length) / RATE
    sound = sum(np.sin(2 * np.pi * f * time) for f in rng.uniform(200, 4000, rng.integers(1, 4)))
    gate = np.sin(2 * np.pi * rng.uniform(0.3, 9) * time + rng.uniform(0, 6)) > rng.uniform(-1.1, 0.9)
    return sound * gate + 0.003 * rng.standard_normal(length)


def chirps(length, rng):
    """Sweeps, sirens, birds: tones whose frequency moves, steadily or to and fro."""
    time = np.arange(length) / RATE
    centre, span, speed = rng.uniform(400, 3500), rng.uniform(0.1, 0.9), rng.uniform(0.1, 12)
    wave = np.sin(2 * np.pi * speed * time) if rng.random() < 0.5 else 2 * ((speed * time) % 1) - 1
    frequency = centre * (1 + span * wave)
    harmonics = rng.integers(1, 5)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))
    if rng.random() < 0.5:
        sound = sound * (np.sin(2 * np.pi * rng.uniform(0.5, 5) * time) > rng.uniform(-0.5, 0.8))
    return sound + 0.003 * rng.standard_normal(length)


def bursts(length, rng):
    """Noise switched on and off, at the pace of syllables or slower."""
    time = np.arange(length) / RATE
    rate = rng.uniform(0.5, 12)
    gate = np.sin(2 * np.pi * rate * time + rng.uniform(0, 6)) > rng.uniform(-0.6, 0.97)
    envelope = gate if rng.random() < 0.5 else np.maximum(0, np.sin(2 * np.pi * rate * time)) ** rng.uniform(0.5, 4)
    return random_noise(length, rng) * envelope + 0.002 * rng.standard_normal(length)


def buzz_speech(length, rng):
    """Speech-like sound without words: a buzzing source through resonances that wander."""
    hop = 400
    pieces, phase = [], 0.0
    base, formants = rng.uniform(90, 240), rng.uniform([300, 900], [800, 2400])
    for start in range(0, length, hop):
        base = np.clip(base * rng.uniform(0.97, 1.03), 80, 300)
        formants = np.clip(formants * rng.uniform(0.9, 1.1, 2), [250, 800], [900, 2600])
        k = np.arange(1, 30)[:, None] * base
        gain = sum(1 / (1 + ((k - f) / 90) ** 2) for f in formants) / np.sqrt(k)
        time = np.arange(hop) / RATE
        pieces.append((gain * np.sin(2 * np.pi * k * time + k / base * phase)).sum(0))
        phase += 2 * np.pi * base * hop / RATE
    sound = np.concatenate(pieces)[:length]
    time = np.arange(length) / RATE
    return sound * np.maximum(0, np.sin(2 * np.pi * rng.uniform(1.5, 5) * time) + rng.uniform(-0.2, 0.8))


SYNTHETIC = {
    "white": white, "pink": pink, "brown": brown, "coloured": random_noise, "hum": hum, "music": music, "impacts": impacts,
    "tones": tones, "chirps": chirps, "bursts": bursts, "buzz": buzz_speech,
}


def unit_level(sound):
    """`sound` as float32 at a root mean square of 1."""
    return (sound / np.sqrt(np.mean(np.square(sound)) + 1e-12)).astype(np.float32)


def make(kind, length, seed):
    """`length` samples of the sound `kind` at a root mean square of 1; the same for the same seed."""
    return unit_level(SYNTHETIC[kind](length, np.random.default_rng(seed)))


def babble(voices, length, seed):
    """Several voices at once: `voices` is a list of sample arrays, looped from random places."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(length)
    for voice in voices:
        repeated = np.resize(np.roll(voice, rng.integers(0, len(voice))), length)
        sound += repeated * rng.uniform(0.3, 1)
    return unit_level(sound)
