// @ts-check
// Plays the reply's audio as it comes over a WebSocket, without gaps, and knows how much of it was heard.
import { RATE } from './microphone.js';

/** Seconds by which the first piece is held back, so that the next one is there in time. */
const LEAD = 0.06;

/** Tells `started` and `stopped`. */
export class Player extends EventTarget {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Set<AudioBufferSourceNode>} */
  #playing = new Set();
  #next = 0;
  #began = 0;
  #length = 0;
  #ended = false;

  /** Must first be called from a touch or a key: browsers allow no sound before. */
  unlock() {
    this.#context ??= new AudioContext({ latencyHint: 'interactive' });
    if (this.#context.state === 'suspended') void this.#context.resume();
  }

  get active() {
    return this.#playing.size > 0;
  }

  /** Milliseconds of the current reply that were heard. */
  get heardMs() {
    if (!this.#context || !this.#length) return 0;
    return Math.round(Math.max(0, Math.min(this.#context.currentTime - this.#began, this.#length)) * 1_000);
  }

  /** A new reply begins. */
  begin() {
    this.#ended = false;
    this.#length = 0;
    this.#next = 0;
  }

  /** @param {Int16Array} pcm 24 kHz mono. */
  push(pcm) {
    if (pcm.length === 0) return;
    this.unlock();
    const context = /** @type {AudioContext} */ (this.#context);
    const buffer = context.createBuffer(1, pcm.length, RATE);
    const channel = buffer.getChannelData(0);
    for (let at = 0; at < pcm.length; at += 1) channel[at] = (pcm[at] ?? 0) / 32_768;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    const first = this.#length === 0;
    const start = Math.max(this.#next, context.currentTime + (first ? LEAD : 0.005));
    if (first) this.#began = start;
    source.start(start);
    this.#next = start + buffer.duration;
    this.#length += buffer.duration;
    this.#playing.add(source);
    source.onended = () => {
      this.#playing.delete(source);
      if (this.#playing.size === 0 && this.#ended) this.dispatchEvent(new Event('stopped'));
    };
    if (first) this.dispatchEvent(new Event('started'));
  }

  /** No more audio comes for this reply. */
  end() {
    this.#ended = true;
    if (this.#playing.size === 0) this.dispatchEvent(new Event('stopped'));
  }

  /** Silence at once. Returns the milliseconds that were heard. */
  clear() {
    const heard = this.heardMs;
    for (const source of this.#playing) {
      source.onended = null;
      source.stop();
    }
    const spoke = this.#playing.size > 0;
    this.#playing.clear();
    this.#length = 0;
    this.#next = 0;
    this.#ended = false;
    if (spoke) this.dispatchEvent(new Event('stopped'));
    return heard;
  }

  async close() {
    this.clear();
    await this.#context?.close();
    this.#context = null;
  }
}
