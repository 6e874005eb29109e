"""The model's vocabulary: whole words, and the ids that Whisper's English vocabulary fixes.

whisper.cpp takes a model with 51,864 rows for an English-only one and puts the special tokens at the ids below
whatever the vocabulary is. The ids from the last listed token up to 51,863 that nothing uses share one learned
row, so training carries `USED + 1` rows and `export.py` repeats the last one.
"""

import math
import string

import grammar

ROWS = 51_864
END_OF_TEXT, START, NO_SPEECH, NO_TIMESTAMPS = 50_256, 50_257, 50_361, 50_362

WORDS = grammar.vocabulary()
# "" stands for "no words here"; " " must exist because whisper.cpp looks it up to suppress blanks at the start;
# the letters let whisper.cpp tokenise a prompt without failing.
LISTED = [" " + word for word in WORDS] + ["", " "] + list(string.ascii_lowercase) + ["'"]
LISTED += [" " + letter for letter in string.ascii_lowercase if letter not in WORDS]

SILENCE_ID = LISTED.index("")
END_ID, START_ID, NO_TIMESTAMPS_ID, NO_SPEECH_ID = range(len(LISTED), len(LISTED) + 4)
USED = len(LISTED) + 4
SHARED_ROW = USED
# The shared row stands for this many ids, so its logit counts that often in the softmax.
SHARED_LOG_COUNT = math.log(ROWS - USED)

WORD_IDS = {word: index for index, word in enumerate(WORDS)}


def encode(sentence):
    """The token ids of `sentence`; no words at all are the one empty token."""
    return [WORD_IDS[word] for word in sentence.split()] or [SILENCE_ID]


def decode(ids):
    """The sentence of `ids`, special ones left out."""
    return "".join(LISTED[i] for i in ids if i < len(LISTED)).strip()


def exported_id(index):
    """The id in the exported vocabulary of the training id `index`."""
    special = {END_ID: END_OF_TEXT, START_ID: START, NO_TIMESTAMPS_ID: NO_TIMESTAMPS, NO_SPEECH_ID: NO_SPEECH}
    return special.get(index, index)
