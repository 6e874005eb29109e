"""Measures the exported model through whisper.cpp (PyPI `pywhispercpp`) and writes evaluation.json.

    python evaluate.py [--model PATH] [--context tight|256|full] [--quick]

Greedy decoding, temperature 0 without fallback, flash attention off. "tight" gives the encoder just the clip's length
rounded up to 32 positions, "256" the next multiple of 256, "full" all 1500.
"""

import argparse
import json
import os
import pathlib
import time

import numpy as np
from pywhispercpp.model import Model

import settings
import testsets

MARGIN, STEP, LEAST = 16, 32, 96


def context_for(samples, rule):
    """Encoder positions (20 ms each) for a clip."""
    if rule == "full":
        return settings.AUDIO_CONTEXT
    positions = len(samples) // 320 + MARGIN
    step = 256 if rule == "256" else STEP
    return min(max(-(-positions // step) * step, LEAST), settings.AUDIO_CONTEXT)


def word_errors(reference, heard):
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        previous, row[0] = row[:], i
        for j, other in enumerate(heard, 1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (word != other))
    return row[-1]


def score(pairs):
    """Word error rate, exact-sentence rate and, for clips without words, the share that stayed empty: all in per cent."""
    words = sum(len(reference.split()) for reference, _ in pairs)
    figures = {"clips": len(pairs)}
    if words == 0:
        return figures | {"empty": round(100 * sum(heard == "" for _, heard in pairs) / len(pairs), 1)}
    errors = sum(word_errors(reference.split(), heard.split()) for reference, heard in pairs)
    exact = sum(reference == heard for reference, heard in pairs)
    return figures | {"word_error": round(100 * errors / words, 2), "exact": round(100 * exact / len(pairs), 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, default=settings.WORK / "nano-en.bin")
    parser.add_argument("--context", choices=("tight", "256", "full"), default="tight")
    parser.add_argument("--quick", action="store_true", help="the first 60 clips of each set; writes nothing")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    model = Model(str(options.model), redirect_whispercpp_logs_to=os.devnull, context_params={"flash_attn": False, "use_gpu": False},
                  n_threads=options.threads, temperature_inc=0.0, no_timestamps=True, single_segment=True, print_progress=False)
    figures, mistakes = {}, {}
    for name, make in testsets.SETS.items():
        clips = make()[:60 if options.quick else None]
        pairs, seconds = [], []
        for reference, samples in clips:
            began = time.perf_counter()
            segments = model.transcribe(np.clip(samples, -1, 1).astype(np.float32), audio_ctx=context_for(samples, options.context))
            seconds.append(time.perf_counter() - began)
            pairs.append((reference, " ".join(segment.text for segment in segments).strip()))
        figures[name] = score(pairs) | {"median_ms": round(1000 * float(np.median(seconds)), 1)}
        mistakes[name] = [pair for pair in pairs if pair[0] != pair[1]]
        print(f"{name:45} {figures[name]}", flush=True)
    (settings.WORK / "mistakes.json").write_text(json.dumps(mistakes, indent=1))
    if not options.quick:
        path = settings.MODEL_DIR / "evaluation.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | {options.context: figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
