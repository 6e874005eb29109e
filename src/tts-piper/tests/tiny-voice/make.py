#!/usr/bin/env python3
"""Makes the two tiny Piper voices that the tests speak with: a beep for every phoneme, no weights and no language.

The graphs have the inputs of a Piper voice (input, input_lengths, scales, sid) and its output [1, 1, 1, samples], so that the worker's
real path through piper-rs and ONNX Runtime runs. The pitch tells the phoneme and the speaker, the length follows the number of phonemes
and the length scale.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 16_000
SAMPLES_PER_ID = 480  # 30 ms at length scale 1
SPEAKERS = {"low": 0, "middle": 1, "high": 2}
# Piper's marks for padding, beginning and end, then its punctuation, letters and the IPA that eSpeak NG writes.
PHONEMES = "_^$ !'(),-.:;?abcdefghijklmnopqrstuvwxyzæçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢʲˈˌːˑ˞βθχᵻⱱ0123456789̧̃"


def graph(speakers: int) -> onnx.ModelProto:
    """A beep of `SAMPLES_PER_ID * scales[1]` samples for every id."""
    constants = {
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "length_index": np.array(1, np.int64),
        "per_id": np.array(SAMPLES_PER_ID, np.float32),
        "base": np.array(150.0, np.float32),
        "step": np.array(4.0, np.float32),
        "speaker_step": np.array(300.0, np.float32),
        "turn": np.array(2 * np.pi / RATE, np.float32),
        "loudness": np.array(0.4, np.float32),
        "shape": np.array([1, 1, 1, -1], np.int64),
        "flat": np.array([-1], np.int64),
        "last_axis": np.array([1], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["scales", "length_index"], ["length_scale"]),
        node("Mul", ["length_scale", "per_id"], ["each_float"]),
        node("Cast", ["each_float"], ["each"], to=TensorProto.INT64),
        node("Reshape", ["input", "flat"], ["ids"]),
        node("Gather", ["input_lengths", "zero"], ["count"]),
        node("Mul", ["count", "each"], ["total"]),
        node("Range", ["zero", "total", "one"], ["time"]),
        node("Div", ["time", "each"], ["place"]),
        node("Gather", ["ids", "place"], ["id_at"]),
        node("Cast", ["id_at"], ["id_float"], to=TensorProto.FLOAT),
        node("Mul", ["id_float", "step"], ["offset"]),
        node("Add", ["offset", "base"], ["pitch_one"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch"]))
        nodes += [
            node("Cast", ["sid"], ["sid_float"], to=TensorProto.FLOAT),
            node("Mul", ["sid_float", "speaker_step"], ["speaker_offset"]),
            node("Add", ["pitch_one", "speaker_offset"], ["pitch"]),
        ]
    else:
        nodes.append(node("Identity", ["pitch_one"], ["pitch"]))
    nodes += [
        node("Cast", ["time"], ["time_float"], to=TensorProto.FLOAT),
        node("Mul", ["time_float", "pitch"], ["cycles"]),
        node("Mul", ["cycles", "turn"], ["phase"]),
        node("Sin", ["phase"], ["wave"]),
        node("Mul", ["wave", "loudness"], ["beeps"]),
        node("Reshape", ["beeps", "shape"], ["output"]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])
    used = {name for each in nodes for name in each.input}
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny_voice", inputs, [output], initializers),
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=8,
        producer_name="tiny-voice",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def describe(code: str, espeak: str, speakers: dict[str, int]) -> dict:
    """The JSON beside the model, in Piper's form."""
    return {
        "audio": {"sample_rate": RATE, "quality": "low"},
        "espeak": {"voice": espeak},
        "language": {"code": code},
        "dataset": "beeps",
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": speakers,
        "phoneme_id_map": {phoneme: [number] for number, phoneme in enumerate(PHONEMES)},
        "piper_version": "1.0.0",
    }


def main() -> None:
    here = pathlib.Path(__file__).parent
    for name, code, espeak, speakers in [
        ("en_GB-beeps-low", "en_GB", "en-gb", SPEAKERS),
        ("de_DE-beeps-low", "de_DE", "de", {}),
    ]:
        (here / f"{name}.onnx").write_bytes(graph(len(speakers)).SerializeToString(deterministic=True))
        text = json.dumps(describe(code, espeak, speakers), ensure_ascii=False, indent=1)
        (here / f"{name}.onnx.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
