"""A recording as a file of every kind, written by FFmpeg's libraries.

    audio_files.py RECORDING.wav FOLDER

Prints the names of the files as a JSON list.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path

import av

# Name of the file, codec, samples a second, channels.
KINDS = [
    ("flac-16k.flac", "flac", 16000, "mono"),
    ("flac-stereo.flac", "flac", 44100, "stereo"),
    ("aac.m4a", "aac", 44100, "mono"),
    ("aac.mp4", "aac", 48000, "stereo"),
    ("alac.m4a", "alac", 44100, "mono"),
    ("opus.webm", "libopus", 48000, "mono"),
    ("vorbis.webm", "vorbis", 44100, "stereo"),
    ("opus.mka", "libopus", 48000, "stereo"),
    ("opus.ogg", "libopus", 48000, "mono"),
    ("vorbis.ogg", "vorbis", 44100, "stereo"),
    ("layer3.mp3", "libmp3lame", 44100, "stereo"),
    ("layer3-16k.mp3", "libmp3lame", 16000, "mono"),
    ("pcm24.wav", "pcm_s24le", 48000, "stereo"),
    ("pcm-float.wav", "pcm_f32le", 16000, "mono"),
]


def write(source, place, codec, rate, layout):
    with av.open(str(source)) as recording, av.open(str(place), "w") as file:
        options = {"strict": "experimental"} if codec == "vorbis" else {}
        stream = file.add_stream(codec, rate=rate, layout=layout, options=options)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        fifo, size, written = av.AudioFifo(), stream.codec_context.frame_size or 1024, 0

        def encode(last):
            nonlocal written
            while (frame := fifo.read(size, partial=last)) is not None:
                frame.pts, frame.time_base = written, Fraction(1, rate)
                written += frame.samples
                file.mux(stream.encode(frame))

        for frame in recording.decode(audio=0):
            for piece in resampler.resample(frame):
                piece.pts = None
                fifo.write(piece)
            encode(False)
        for piece in resampler.resample(None):
            piece.pts = None
            fifo.write(piece)
        encode(True)
        file.mux(stream.encode(None))


def main():
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for name, codec, rate, layout in KINDS:
        write(source, folder / name, codec, rate, layout)
    print(json.dumps([name for name, *_ in KINDS]))


main()
