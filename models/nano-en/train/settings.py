"""The recipe's numbers and places."""

import os
import pathlib

WORK = pathlib.Path(os.environ.get("NANO_EN_WORK", "~/.cache/vesta/nano-en")).expanduser()
CORPUS = WORK / "corpus"
CHECKPOINTS = WORK / "checkpoints"
LAST = CHECKPOINTS / "last.pt"
MODEL_DIR = pathlib.Path(__file__).resolve().parent.parent

GENERAL_SHARDS = 32  # sentences of the whole grammar
SHARDS = 64  # and, from there on, mostly sentences for the demo home
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
STEPS = 10300
BATCH = 32
# On straight lines between these steps. The file shipped was made in two runs: the second went on from the first one's
# weights at step 6,500 with a new optimiser, so the rate rises anew there.
LEARNING_RATES = ((0, 6e-6), (300, 1.7e-3), (4550, 1.7e-3), (6500, 1.7e-5), (6501, 2e-5), (6800, 1.2e-3), (8950, 1.2e-3), (9400, 9e-4), (10300, 1.2e-5))
WEIGHT_DECAY = 0.02
# Weight of the phoneme loss.
CTC_WEIGHTS = ((0, 0.5), (3400, 0.0629), (3401, 0.25), (4900, 0.25), (5300, 0.05), (6500, 0.05), (6501, 0.01), (6900, 0.15), (9000, 0.15), (9800, 0.05))
AVERAGE_DECAY = 0.998  # of the running average of the weights, better than the weights themselves while the rate is high
# Share of examples that are clean whole sentences, up to each step. The stretch of nothing else is where the encoder
# found the phonemes.
EASY_SHARES = ((1216, 0.0), (1824, 1.0), (2400, 0.3), (3200, 0.55), (8200, 0.25), (10**9, 0.15))
# From this step on a share of the examples is drawn from sentences of the demo home's words alone, and another from
# sentences of COMMON_WORDS, the most frequent words: what is said most is to be heard best.
FOCUS_FROM, DEMO_SHARE, COMMON_SHARE = 4384, 0.1, 0.15
COMMON_WORDS = 350
WARP_SHARE = 0.5  # of examples whose speaker's frequencies are moved
CHECKPOINT_EVERY = 200
SEED = 20
