"""eSpeak NG through its shared library: speech, word timings and phonemes, and the voices to draw from.

The library is used in its synchronous output mode: `espeak_Synth` returns when the callback has had all samples,
without the thread and the waiting of the playback and retrieval modes. Source of the constants and the event
structure: `espeak-ng/speak_lib.h`, version 1.51.
"""

import ctypes
import ctypes.util
import dataclasses
import pathlib
import random
import shutil

import numpy as np
import soxr

import settings

SAMPLE_RATE = 16_000

OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
POSITION_CHARACTER = 1
PHONEMES_IPA = 2
EVENT_END, EVENT_WORD = 0, 1
PARAMETER_RATE, PARAMETER_PITCH, PARAMETER_RANGE = 1, 3, 4


class EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    """`espeak_EVENT`: positions count characters from 1, `audio_position` is in milliseconds."""

    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", EventId),
    ]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


@dataclasses.dataclass(frozen=True)
class Style:
    """How to speak: an eSpeak voice name ("en-us+f2"), words per minute, pitch and its range (0 to 99)."""

    voice: str
    rate: int = 175
    pitch: int = 50
    pitch_range: int = 50


class Espeak:
    """One process's eSpeak NG. The library keeps global state, so make only one a process."""

    def __init__(self):
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise SystemExit("libespeak-ng was not found: install espeak-ng (apt install espeak-ng, brew install espeak-ng)")
        self.library = library = ctypes.CDLL(name)
        library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        library.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
                                         ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
        library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.native_rate = library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 500, str(data_with_made_voices(library)).encode(), 0)
        if self.native_rate <= 0:
            raise SystemExit("eSpeak NG could not be initialised: is espeak-ng-data installed?")
        self.chunks, self.words = [], []
        self.callback = CALLBACK(self._receive)  # kept: the library holds only a pointer to it
        library.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples, count, events):
        if count > 0:
            self.chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events and events[index].type != EVENT_END:
            if events[index].type == EVENT_WORD:
                self.words.append((events[index].text_position - 1, events[index].audio_position / 1000))
            index += 1
        return 0

    def say(self, text, style):
        """Speak `text`.

        Returns float32 samples at 16 kHz in -1..1, and for each word of `text.split()` the second at which it
        starts, or None where eSpeak NG ran it together with its neighbour.
        """
        if self.library.espeak_SetVoiceByName(style.voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {style.voice!r}")
        for parameter, value in ((PARAMETER_RATE, style.rate), (PARAMETER_PITCH, style.pitch), (PARAMETER_RANGE, style.pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.chunks, self.words = [], []
        encoded = text.encode() + b"\0"
        self.library.espeak_Synth(encoded, len(encoded), 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        if not self.chunks:
            return np.zeros(0, np.float32), []
        native = np.concatenate(self.chunks).astype(np.float32) / 32768
        return soxr.resample(native, self.native_rate, SAMPLE_RATE, quality="HQ"), self._word_starts(text)

    def _word_starts(self, text):
        heard = dict(self.words)
        starts, position = [], 0
        for word in text.split():
            position = text.index(word, position)
            starts.append(heard.get(position))
            position += len(word)
        return starts

    def phonemes(self, word):
        """The IPA phonemes of `word` in an American voice, without stress and length marks."""
        self.library.espeak_SetVoiceByName(b"en-us")
        pointer = ctypes.c_char_p(word.encode())
        ipa = self.library.espeak_TextToPhonemes(ctypes.byref(pointer), CHARS_UTF8, PHONEMES_IPA) or b""
        return "".join(c for c in ipa.decode() if c not in "ˈˌː_ \n\u200d")


def data_with_made_voices(library):
    """The folder that holds a copy of eSpeak NG's data with MADE_VOICES more variants in it."""
    folder = settings.WORK / "espeak"
    if folder.exists():
        return folder
    library.espeak_Info.restype = ctypes.c_char_p
    place = ctypes.c_char_p()
    library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 500, None, 0)
    library.espeak_Info(ctypes.byref(place))
    part = settings.WORK / "espeak.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(pathlib.Path(place.value.decode()), part / "espeak-ng-data")
    for unused in (part / "espeak-ng-data" / "voices" / "mb").glob("*"):  # eSpeak NG takes 349 voice files at the most
        unused.unlink()
    for number in range(MADE_VOICES):
        (part / "espeak-ng-data" / "voices" / "!v" / f"made{number}").write_text(made_voice(number))
    part.rename(folder)
    return folder


def made_voice(number):
    """A voice variant of random pitch, length of the vocal tract, formants and noises (eSpeak NG's `docs/voices.md`)."""
    rng = random.Random(5000 + number)
    base = rng.choice([rng.uniform(65, 120), rng.uniform(120, 240)])
    tract = rng.uniform(88, 116) if base < 120 else rng.uniform(96, 124)
    lines = ["language variant", f"name made{number}", f"pitch {base:.0f} {base * rng.uniform(1.1, 1.7):.0f}"]
    for formant in range(9):
        frequency = tract * rng.uniform(0.94, 1.06)
        lines.append(f"formant {formant} {frequency:.0f} {rng.uniform(65, 125):.0f} {rng.uniform(75, 170):.0f}")
    lines.append(f"consonants {rng.uniform(60, 140):.0f} {rng.uniform(60, 140):.0f}")
    lines.append(f"voicing {rng.uniform(70, 130):.0f}")
    if rng.random() < 0.4:
        lines.append(f"roughness {rng.randint(1, 5)}")
    if rng.random() < 0.4:
        lines.append("breath " + " ".join(str(rng.randint(0, 4)) for _ in range(8)))
    if rng.random() < 0.3:
        lines.append(f"echo {rng.randint(20, 160)} {rng.randint(3, 20)}")
    if rng.random() < 0.4:
        lines.append(f"flutter {rng.randint(0, 12)}")
    if rng.random() < 0.3:
        lines.append("stressAdd " + " ".join(str(rng.randint(-20, 30)) for _ in range(8)))
    if rng.random() < 0.08:
        lines.append(f"klatt {rng.randint(1, 5)}")
    return "\n".join(lines) + "\n"


MADE_VOICES = 100
ACCENTS = ["en-us"] * 5 + ["en"] * 5 + ["en-gb-scotland"] * 2 + ["en-gb-x-rp"] * 2 + ["en-gb-x-gbcwmd", "en-029"]
VARIANTS = ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4"] * 4 + """
    Alex Andy Annie AnxiousAndy Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen Storm Tweaky
    RicishayMax RicishayMax2 RicishayMax3 adam anika announcer antonio aunty belinda benjamin boris caleb david edward
    edward2 grandma grandpa iven iven2 iven3 iven4 john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda
    marcelo max michel norbert pablo paul pedro quincy rob robert sandro steph steph3 travis victor zac""".split()

# Never used in training: the "unseen voices" of the evaluation.
HELD_OUT_ACCENTS = ["en-gb-x-gbclan", "en-us-nyc"]
HELD_OUT_VARIANTS = "m8 f5 Andrea Denis shelby gustave steph2 ed miguel Alicia".split()

FOREIGN_VOICES = "de fr es it nl pl pt sv da fi tr ru cs hu ro id".split()


def draw_style(rng):
    """A training voice: one clip in five is a plain accent near the settings that programs use by default."""
    if rng.random() < 0.2:
        voice = rng.choice(["en-us", "en-us", "en", "en", rng.choice(ACCENTS)])
        return Style(voice, rng.choice([160, 170, 175, 175, 175, 180]), 50, 50)
    voice = rng.choice(ACCENTS)
    if rng.random() < 0.9:
        voice += "+" + (f"made{rng.randrange(MADE_VOICES)}" if rng.random() < 0.55 else rng.choice(VARIANTS))
    rate = round(rng.triangular(115, 225, 168))
    return Style(voice, rate, rng.randint(18, 85), rng.randint(20, 80))


def draw_held_out_style(rng):
    """A voice that training never uses."""
    if rng.random() < 0.2:
        voice = rng.choice(HELD_OUT_ACCENTS)
    else:
        voice = f"{rng.choice(['en-us', 'en', 'en-gb-scotland'] + HELD_OUT_ACCENTS)}+{rng.choice(HELD_OUT_VARIANTS)}"
    return Style(voice, rng.randint(130, 200), rng.randint(20, 80), rng.randint(30, 70))


def draw_foreign_style(rng):
    """A voice of another language, for speech that is none of the home's business."""
    voice = rng.choice(FOREIGN_VOICES)
    if rng.random() < 0.7:
        voice += "+" + rng.choice(VARIANTS)
    return Style(voice, rng.randint(120, 220), rng.randint(20, 80), rng.randint(20, 80))
