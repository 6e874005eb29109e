"""The recipe's numbers and places."""

import os
import pathlib

WORK = pathlib.Path(os.environ.get("NANO_EN_WORK", "~/.cache/vesta/nano-en")).expanduser()
CORPUS = WORK / "corpus"
CHECKPOINTS = WORK / "checkpoints"
MODEL_DIR = pathlib.Path(__file__).resolve().parent.parent

SHARDS = 100
CLIPS_PER_SHARD = 1000
WORKERS = 2

# Shape of the network (whisper.cpp's hyper-parameters).
STATE = 128
HEADS = 4
AUDIO_LAYERS = 4
TEXT_LAYERS = 2
AUDIO_CONTEXT = 1500
TEXT_CONTEXT = 96

# Training: WORKERS processes of one thread, each taking BATCH clips a step.
STEPS = 6500
BATCH = 32
PEAK_LEARNING_RATE = 1.7e-3
WARM_UP_STEPS = 300
DECAY_SHARE = 0.3  # the last part of the steps, over which the learning rate falls
WEIGHT_DECAY = 0.02
# Weight of the phoneme loss at each of these steps; in between on a straight line.
CTC_WEIGHTS = ((0, 0.5), (3400, 0.0629), (3401, 0.25), (4900, 0.25), (5300, 0.05))
AVERAGE_DECAY = 0.998  # of the running average of the weights, better than the weights themselves while the rate is high
# Share of examples that are clean whole sentences, up to each step. The stretch of nothing else is where the encoder
# found the phonemes.
EASY_SHARES = ((1216, 0.0), (1824, 1.0), (2400, 0.3), (3200, 0.55), (10**9, 0.25))
# From this step on a share of the examples is drawn from sentences of the demo home's words alone, and another from
# sentences of COMMON_WORDS, the most frequent words: what is said most is to be heard best.
FOCUS_FROM, DEMO_SHARE, COMMON_SHARE = 4384, 0.25, 0.25
COMMON_WORDS = 350
CHECKPOINT_EVERY = 200
SEED = 20
