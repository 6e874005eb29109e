"""Rooms and microphones: what happens to a voice between the mouth and the samples."""

import numpy as np

RATE = 16_000


def reverberate(samples, rng):
    """Convolve with a made-up room: a direct sound and an exponentially decaying noise tail (T60 0.08 to 0.6 s)."""
    decay_time = rng.uniform(0.08, 0.6)
    length = int(RATE * decay_time)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length) * rng.uniform(0.02, 0.13)
    tail[:int(rng.uniform(1, 8) * RATE / 1000)] = 0
    tail[0] = 1
    total = len(samples) + length - 1
    size = 1 << (total - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[:total].astype(np.float32)


def colour(samples, rng):
    """Band limits and a spectral tilt, as of small loudspeakers, telephones and cheap microphones."""
    spectrum = np.fft.rfft(samples)
    frequency = np.maximum(np.fft.rfftfreq(len(samples), 1 / RATE), 1)
    low, high = rng.choice([1, 80, 150, 300]), rng.choice([8000, 7000, 5500, 4000, 3400])
    gain = 1 / (1 + (low / frequency) ** 4) / (1 + (frequency / high) ** 8)
    gain *= 10 ** (rng.uniform(-4, 4) * np.log2(np.maximum(frequency, 100) / 1000) / 20)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)


def overdrive(samples, rng):
    """Clip the loudest parts, as a microphone held too close does."""
    limit = np.abs(samples).max() * rng.uniform(0.25, 0.7)
    return np.clip(samples, -limit, limit)


def random_effects(samples, rng):
    """Each effect on its own share of the clips; the result peaks at 0.5."""
    if rng.random() < 0.28:
        samples = reverberate(samples, rng)
    if rng.random() < 0.28:
        samples = colour(samples, rng)
    if rng.random() < 0.04:
        samples = overdrive(samples, rng)
    return samples * (0.5 / max(1e-6, np.abs(samples).max()))
