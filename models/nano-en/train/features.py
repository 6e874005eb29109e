"""whisper.cpp's log-mel spectrogram, split so that noise can be mixed in between its two halves.

Sounds are kept as mel *power*: speech and noise that do not know of each other add up there, so a clip is
analysed once and mixed anew each time it is used. `normalise` is the other half: log10, the floor 8 below the
clip's maximum, the scaling to about -1..1. Source: `log_mel_spectrogram` in whisper.cpp 1.8.
"""

import functools

import numpy as np
import torch

SAMPLE_RATE = 16_000
WINDOW = 400
HOP = 160
MELS = 80
FRAMES_PER_SECOND = 100
POWER_FLOOR = 1e-10


def mel_filters():
    """The 80 x 201 Slaney-scaled mel filter bank over 0 to 8 kHz, as in `librosa.filters.mel(sr=16000, n_fft=400)`.

    The Slaney scale is linear below 1 kHz (200/3 Hz a mel) and logarithmic above (27 mels from 1 to 6.4 kHz).
    """
    linear, log_step, corner = 200 / 3, np.log(6.4) / 27, 1000.0

    def to_hertz(mel):
        return np.where(mel < corner / linear, mel * linear, corner * np.exp(log_step * (mel - corner / linear)))

    top = corner / linear + np.log(8000 / corner) / log_step
    points = to_hertz(np.linspace(0, top, MELS + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    rising = (bins - points[:-2, None]) / np.diff(points)[:-1, None]
    falling = (points[2:, None] - bins) / np.diff(points)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (points[2:] - points[:-2]))[:, None]).astype(np.float32)


def _band_centres():
    """The centre frequencies of the bands in hertz, from the filters' peaks."""
    filters = mel_filters()
    return (filters * np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)).sum(1) / filters.sum(1)


# Factors by which a speaker's frequencies may be moved: a shorter or longer vocal tract.
WARPS = tuple(np.linspace(0.88, 1.14, 27))


@functools.cache
def warp(index):
    """A function that moves mel power [frames, 80] to WARPS[index] times its frequencies (Jaitly and Hinton 2013)."""
    centres = _band_centres()
    places = np.interp(centres / WARPS[index], centres, np.arange(MELS))
    low = np.minimum(places.astype(int), MELS - 2)
    share = (places - low).astype(np.float32)

    def moved(power):
        return power[:, low] * (1 - share) + power[:, low + 1] * share

    return moved


FILTERS = torch.from_numpy(mel_filters())
HANN = torch.hann_window(WINDOW)


def mel_power(samples):
    """Mel power of float samples at 16 kHz: tensor [frames, 80], one frame each 10 ms.

    Like whisper.cpp: the start is mirrored for half a window, zeros follow the end.
    """
    samples = torch.as_tensor(samples, dtype=torch.float32)
    half = WINDOW // 2
    mirrored = torch.flip(samples[1:half + 1], [0])
    mirrored = torch.cat([torch.zeros(half - len(mirrored)), mirrored])
    padded = torch.cat([mirrored, samples, torch.zeros(2 * WINDOW)])
    spectrum = torch.stft(padded, WINDOW, HOP, window=HANN, center=False, return_complex=True).abs().square()
    frames = (len(samples) + half) // HOP + 1
    return (FILTERS @ spectrum)[:, :frames].T.contiguous()


def normalise(power):
    """Whisper's input from mel power [batch, frames, 80]: float tensor of the same shape.

    Frames past a clip's end hold zero power, as whisper.cpp's padding does. The floor is taken over the clip.
    """
    log = power.clamp(min=POWER_FLOOR).log10_()
    floor = log.amax((1, 2), keepdim=True) - 8
    return (torch.maximum(log, floor) + 4) / 4


def clip_input(samples, audio_ctx):
    """The encoder input [1, 80, 2 * audio_ctx] for one clip of samples, as the runtime makes it."""
    power = mel_power(samples)[:2 * audio_ctx]
    padded = torch.zeros(1, 2 * audio_ctx, MELS)
    padded[0, :len(power)] = power
    return normalise(padded).transpose(1, 2)
