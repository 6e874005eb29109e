"""Whisper's encoder and decoder (Radford et al. 2022), small. Parameter names are those of the ggml format.

Attention is written out: PyTorch's fused attention has a slow backward pass in bfloat16 on CPUs. GELU is the tanh
approximation, as in ggml.
"""

import math

import torch
from torch import nn
from torch.nn import functional

import features
import settings
import tokens


def gelu(x):
    return functional.gelu(x, approximate="tanh")


def sinusoids(length, channels):
    """Whisper's fixed encoder positions [length, channels], on a grid of 1/64 so that they compress well."""
    step = math.log(10_000) / (channels // 2 - 1)
    angles = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(channels // 2))[None]
    return (torch.cat([angles.sin(), angles.cos()], 1) * 64).round() / 64


class Attention(nn.Module):
    def __init__(self, state, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(state, state)
        self.key = nn.Linear(state, state, bias=False)
        self.value = nn.Linear(state, state)
        self.out = nn.Linear(state, state)

    def forward(self, x, source, causal=False):
        """Attend from `x` [batch, n, state] to `source` [batch, m, state]."""
        batch, length, state = x.shape

        def split(tensor):
            return tensor.view(batch, -1, self.heads, state // self.heads).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(source)), split(self.value(source))
        scores = (query * (state // self.heads) ** -0.5) @ key.transpose(-1, -2)
        if causal:
            scores = scores + torch.full((length, length), float("-inf")).triu(1)
        weights = scores.softmax(-1).to(value.dtype)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, length, state))


class Block(nn.Module):
    def __init__(self, state, heads, cross):
        super().__init__()
        self.attn = Attention(state, heads)
        self.attn_ln = nn.LayerNorm(state)
        self.cross_attn = Attention(state, heads) if cross else None
        self.cross_attn_ln = nn.LayerNorm(state) if cross else None
        self.mlp = nn.Sequential(nn.Linear(state, 4 * state), nn.GELU(approximate="tanh"), nn.Linear(4 * state, state))
        self.mlp_ln = nn.LayerNorm(state)

    def forward(self, x, audio=None):
        normed = self.attn_ln(x)
        x = x + self.attn(normed, normed, causal=self.cross_attn is not None)
        if self.cross_attn is not None:
            x = x + self.cross_attn(self.cross_attn_ln(x), audio)
        return x + self.mlp(self.mlp_ln(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        state = settings.STATE
        self.conv1 = nn.Conv1d(features.MELS, state, 3, padding=1)
        self.conv2 = nn.Conv1d(state, state, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(settings.AUDIO_CONTEXT, state))
        self.blocks = nn.ModuleList(Block(state, settings.HEADS, cross=False) for _ in range(settings.AUDIO_LAYERS))
        self.ln_post = nn.LayerNorm(state)

    def forward(self, mel):
        """[batch, 80, 2 n] log-mel frames to [batch, n, state]."""
        x = gelu(self.conv2(gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positional_embedding[:x.shape[1]].to(x.dtype)
        for block in self.blocks:
            x = block(x)
        return self.ln_post(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        state = settings.STATE
        self.token_embedding = nn.Embedding(tokens.USED + 1, state)
        nn.init.normal_(self.token_embedding.weight, std=state**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(settings.TEXT_CONTEXT, state) * 0.02)
        self.blocks = nn.ModuleList(Block(state, settings.HEADS, cross=True) for _ in range(settings.TEXT_LAYERS))
        self.ln = nn.LayerNorm(state)

    def forward(self, ids, audio):
        """Hidden states [batch, n, state] after the ids [batch, n]."""
        x = self.token_embedding(ids) + self.positional_embedding[:ids.shape[1]]
        for block in self.blocks:
            x = block(x, audio)
        return self.ln(x)

    def logits(self, hidden):
        """Logits over the used ids and, last, the shared row, weighted by the number of ids that share it."""
        logits = (hidden @ self.token_embedding.weight.to(hidden.dtype).T).float()
        return torch.cat([logits[..., :-1], logits[..., -1:] + tokens.SHARED_LOG_COUNT], -1)


class Whisper(nn.Module):
    """Encoder, decoder and the phoneme head that helps the encoder while training and is not exported."""

    def __init__(self, phonemes):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.phoneme_head = nn.Linear(settings.STATE, phonemes + 1)

    @torch.inference_mode()
    def transcribe(self, mel, limit=48):
        """Greedy decoding as whisper.cpp does it without timestamps: one sentence for each of `mel` [batch, 80, 2 n]."""
        audio = self.encoder(mel)
        ids = torch.tensor([[tokens.START_ID, tokens.NO_TIMESTAMPS_ID]]).repeat(len(mel), 1)
        ended = torch.zeros(len(mel), dtype=torch.bool)
        for position in range(limit):
            logits = self.decoder.logits(self.decoder(ids, audio)[:, -1])
            if position == 0:  # whisper.cpp's suppress_blank
                logits[:, [tokens.END_ID, tokens.LISTED.index(" ")]] = -torch.inf
            best = logits.argmax(-1)
            best[ended] = tokens.END_ID
            ended |= best >= tokens.END_ID
            ids = torch.cat([ids, best[:, None]], 1)
            if ended.all():
                break
        return [tokens.decode([i for i in row if i < tokens.END_ID]) for row in ids[:, 2:].tolist()]
