"""Trains the model in a fixed number of steps, from the last checkpoint if there is one.

    python train.py [--steps N]             from nothing
    python train.py --continue FILE.bin     from the weights of an exported model, at the step that model.json states

WORKERS processes of one thread each take half of every batch and average their gradients (gloo). On CPUs without
matrix units this is quicker than one process with several threads. The loss is the cross-entropy of the words plus a
CTC loss (Graves et al. 2006) of the phonemes on the encoder's output, whose weight falls while training goes on.
"""

import argparse
import copy
import json
import os
import pathlib
import time

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from torch.nn import functional

import batches
import export
import settings
import tokens
from model import Whisper

# glibc returns large blocks to the system after each use and faults them in again; oneDNN compiles a kernel a shape.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_ARENA_MAX": "2", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "4096", "OMP_NUM_THREADS": "1",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29555", "GLOO_SOCKET_IFNAME": "lo",
}
REPORT_EVERY = 50


class Phonemes:
    """The phonemes of every word of the vocabulary, as numbers from 1 (0 is CTC's blank)."""

    def __init__(self):
        path = settings.CORPUS / "phonemes.json"
        if not path.exists():
            import speech
            espeak = speech.Espeak()
            path.write_text(json.dumps({word: espeak.phonemes(word) for word in tokens.WORDS}))
        spelled = json.loads(path.read_text())
        symbols = sorted(set("".join(spelled.values())))
        numbers = {symbol: number for number, symbol in enumerate(symbols, 1)}
        self.count = len(symbols)
        self.of_word = {word: [numbers[symbol] for symbol in phonemes] for word, phonemes in spelled.items()}

    def encode(self, text):
        return [number for word in text.split() for number in self.of_word[word]]


def losses(model, phonemes, batch):
    """(cross-entropy of the words, CTC of the phonemes, share of words that are right)."""
    with torch.autocast("cpu", torch.bfloat16):
        audio = model.encoder(batch.mel)
        hidden = model.decoder(batch.ids, audio)
        asked = batch.targets != batches.NOT_A_TARGET
        logits = model.decoder.logits(hidden[asked])
        phoneme_logits = model.phoneme_head(audio)
    wanted = batch.targets[asked]
    word_loss = functional.cross_entropy(logits, wanted)
    spoken = [phonemes.encode(text) for text in batch.texts]
    log_probabilities = phoneme_logits.float().log_softmax(-1).transpose(0, 1)
    phoneme_loss = functional.ctc_loss(
        log_probabilities, torch.tensor([number for row in spoken for number in row]),
        torch.full((len(spoken),), len(log_probabilities)), torch.tensor([len(row) for row in spoken]), zero_infinity=True)
    return word_loss, phoneme_loss, (logits.argmax(-1) == wanted).float().mean()


def at_step(table, step):
    return float(np.interp(step, *zip(*table, strict=True)))


def average_gradients(parameters):
    flat = torch.cat([parameter.grad.reshape(-1) for parameter in parameters])
    torch.distributed.all_reduce(flat)
    flat /= settings.WORKERS
    start = 0
    for parameter in parameters:
        parameter.grad.copy_(flat[start:start + parameter.numel()].view_as(parameter))
        start += parameter.numel()


def make_optimizer(model):
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": settings.WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98))


class Average:
    """The running average of a model's weights, over about 1 / (1 - AVERAGE_DECAY) steps."""

    def __init__(self, model):
        self.model = copy.deepcopy(model)

    @torch.no_grad()
    def update(self, model, step):
        decay = min(settings.AVERAGE_DECAY, (step + 1) / (step + 10))
        for mine, new in zip(self.model.parameters(), model.parameters(), strict=True):
            mine.lerp_(new, 1 - decay)


def save(path, model, average, optimizer, step, seen, seconds):
    part = path.with_suffix(".part")
    torch.save({"model": model.state_dict(), "average": average.model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "clips": seen,
                "seconds": seconds, "phonemes": model.phoneme_head.out_features - 1}, part)
    part.rename(path)


def load_exported(model, path):
    """Takes the weights of a file that export.py wrote; the phoneme head, which is not in it, begins anew."""
    read, weights = export.read_ggml(path), model.state_dict()
    for name, values in read.items():
        if name == "decoder.token_embedding.weight":
            values = export.used_embedding(values)
        weights[name].copy_(torch.from_numpy(values.astype(np.float32)).reshape(weights[name].shape))


def work(worker, steps, exported):
    """One process's training, from the last checkpoint to the end."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=worker, world_size=settings.WORKERS)
    torch.manual_seed(settings.SEED)
    phonemes, corpus = Phonemes(), batches.Corpus()
    model = Whisper(phonemes.count)
    optimizer, average = make_optimizer(model), Average(model)
    step, seen, earlier_seconds = 0, 0, 0.0
    if settings.LAST.exists():
        state = torch.load(settings.LAST)
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, seen, earlier_seconds = state["step"], state["clips"], state["seconds"]
    elif exported:
        load_exported(model, exported)
        average = Average(model)
        training = json.loads((settings.MODEL_DIR / "model.json").read_text())["training"]
        step, seen, earlier_seconds = training["steps"], training["clips"], float(training["seconds"])
    parameters = list(model.parameters())
    started, window, totals = time.monotonic(), None, torch.zeros(4)
    while step < steps:
        if window is None or step % batches.WINDOW_STEPS == 0:
            window = batches.draw_window(corpus, step // batches.WINDOW_STEPS)
        batch = batches.make_batch(corpus, window, step, worker)
        word_loss, phoneme_loss, right = losses(model, phonemes, batch)
        for group in optimizer.param_groups:
            group["lr"] = at_step(settings.LEARNING_RATES, step)
        optimizer.zero_grad(set_to_none=True)
        (word_loss + at_step(settings.CTC_WEIGHTS, step) * phoneme_loss).backward()
        average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update(model, step)
        step, seen = step + 1, seen + len(batch.texts) * settings.WORKERS
        totals += torch.tensor([word_loss.item(), phoneme_loss.item(), right.item(), len(batch.texts) * settings.WORKERS])
        seconds = earlier_seconds + time.monotonic() - started
        if worker == 0 and step % REPORT_EVERY == 0:
            words, ctc, accuracy, _ = (totals / REPORT_EVERY).tolist()
            print(f"step {step}/{steps}  {seconds:.0f} s  {seen} clips  words {words:.3f}  phonemes {ctc:.3f}  right {accuracy:.4f}", flush=True)
            totals.zero_()
        if worker == 0 and (step % settings.CHECKPOINT_EVERY == 0 or step == steps):
            save(settings.LAST, model, average, optimizer, step, seen, seconds)
    torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=settings.STEPS)
    parser.add_argument("--continue", dest="exported", type=pathlib.Path, help="an exported model to go on from where there is no checkpoint")
    options = parser.parse_args()
    settings.CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    os.environ.update(ENVIRONMENT)
    Phonemes()  # written once, before the processes read it
    torch.multiprocessing.start_processes(work, args=(options.steps, options.exported), nprocs=settings.WORKERS, start_method="spawn")


if __name__ == "__main__":
    main()
