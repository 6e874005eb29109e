"""Writes the trained weights as a ggml Whisper file, compresses it and describes it in model.json.

    python export.py                       into models/nano-en/
    python export.py --bin PATH            only the uncompressed file, at PATH: for a look at a model in training

What is exported is the running average of the weights, which makes fewer mistakes than the last weights do.

File format: `whisper_model_load` in whisper.cpp 1.8: eleven hyper-parameters, mel filters, vocabulary, then each
tensor with its dimensions in reverse, name, type (0 float32, 1 float16) and data.
"""

import argparse
import hashlib
import json
import pathlib
import struct
import subprocess

import numpy as np
import torch

import features
import settings
import tokens

MAGIC = 0x67676D6C
FLOAT32, FLOAT16 = 0, 1
# whisper.cpp keeps these as float32 whatever the model's type.
ALWAYS_FLOAT32 = {"encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding"}


def full_embedding(trained):
    """All 51,864 rows from the trained ones: the unused ids repeat the shared row."""
    rows = np.repeat(trained[tokens.SHARED_ROW:tokens.SHARED_ROW + 1], tokens.ROWS, 0)
    for index in range(tokens.USED):
        rows[tokens.exported_id(index)] = trained[index]
    return rows


def tensor_values(name, tensor):
    values = tensor.float().numpy()
    if name == "decoder.token_embedding.weight":
        return full_embedding(values)
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        return values.reshape(-1, 1)
    return values


def write_tensor(file, name, values):
    kind = FLOAT16 if values.ndim >= 2 and name not in ALWAYS_FLOAT32 else FLOAT32
    file.write(struct.pack("3i", values.ndim, len(name), kind))
    file.write(struct.pack(f"{values.ndim}i", *reversed(values.shape)))
    file.write(name.encode())
    file.write(np.ascontiguousarray(values, np.float16 if kind == FLOAT16 else np.float32).tobytes())


def write_ggml(weights, path):
    with open(path, "wb") as file:
        file.write(struct.pack("12i", MAGIC, tokens.ROWS, settings.AUDIO_CONTEXT, settings.STATE, settings.HEADS,
                               settings.AUDIO_LAYERS, settings.TEXT_CONTEXT, settings.STATE, settings.HEADS,
                               settings.TEXT_LAYERS, features.MELS, FLOAT16))
        filters = features.mel_filters()
        file.write(struct.pack("2i", *filters.shape))
        file.write(filters.tobytes())
        file.write(struct.pack("i", len(tokens.LISTED)))
        for token in tokens.LISTED:
            file.write(struct.pack("i", len(token.encode())) + token.encode())
        for name, tensor in weights.items():
            if not name.startswith("phoneme_head"):
                write_tensor(file, name, tensor_values(name, tensor))


def read_ggml(path):
    """The tensors of a file that `write_ggml` wrote, by name."""
    weights = {}
    with open(path, "rb") as file:
        file.seek(12 * 4)
        rows, columns = struct.unpack("2i", file.read(8))
        file.seek(4 * rows * columns, 1)
        for _ in range(struct.unpack("i", file.read(4))[0]):
            file.seek(struct.unpack("i", file.read(4))[0], 1)
        while header := file.read(12):
            dimensions, length, kind = struct.unpack("3i", header)
            shape = struct.unpack(f"{dimensions}i", file.read(4 * dimensions))[::-1]
            name = file.read(length).decode()
            dtype = np.dtype(np.float16 if kind == FLOAT16 else np.float32)
            count = int(np.prod(shape))
            weights[name] = np.frombuffer(file.read(count * dtype.itemsize), dtype).reshape(shape)
    return weights


def used_embedding(rows):
    """The trained rows of a full embedding: `full_embedding` undone."""
    kept = [tokens.exported_id(index) for index in range(tokens.USED)]
    shared = next(row for row in range(tokens.ROWS) if row not in set(kept))
    return np.concatenate([rows[kept], rows[shared:shared + 1]])


def file_facts(path):
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path)
    target = parser.parse_args().bin
    state = torch.load(settings.LAST)
    binary = target or settings.WORK / "nano-en.bin"
    write_ggml(state["average"], binary)
    print(f"{binary}: step {state['step']}, {binary.stat().st_size} bytes")
    if target:
        return
    packed = settings.MODEL_DIR / "nano-en.bin.zst"
    subprocess.run(["zstd", "-19", "-q", "-f", str(binary), "-o", str(packed)], check=True)
    description = {
        "name": "nano-en", "kind": "whisper", "format": "ggml", "languages": ["en"], "licence": "GPL-3.0-or-later",
        "packed": file_facts(packed) | {"compression": "zstd"}, "unpacked": file_facts(binary),
        "audio_ctx": {"frames_per_second": 50, "margin": 16, "multiple_of": 32, "least": 96, "most": settings.AUDIO_CONTEXT,
                      "multiple_of_with_flash_attention": 256},
        "minimum_audio_seconds": 0.3, "prompt": False, "timestamps": False,
        "parameters": sum(tensor.numel() for name, tensor in state["model"].items()
                          if not name.startswith("phoneme_head") and name != "encoder.positional_embedding"),
        "vocabulary_words": len(tokens.WORDS),
        "training": {"steps": state["step"], "clips": state["clips"], "seconds": round(state["seconds"])},
    }
    (settings.MODEL_DIR / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    print(json.dumps(description, indent=2))


if __name__ == "__main__":
    main()
