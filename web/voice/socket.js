// @ts-check
// A Realtime session over a WebSocket: audio travels inside the events, as base64.
import { get } from '../lib/api.js';
import { Player } from './player.js';
import { fromBase64, toBase64 } from './microphone.js';
import { Transport } from './transport.js';

/** Samples in one message when recorded speech is sent: a second. */
const PIECE = 24_000;
/** A message that cannot leave for this many bytes is a connection that broke. */
const STUCK = 2_000_000;
/** Recorded speech waits while this many bytes have not left, looking this often, and no longer than that at one time. */
const HIGH = 128_000;
const LOOK_MS = 20;
const DRAIN_MS = 15_000;

export class SocketTransport extends Transport {
  /** @type {WebSocket | null} */
  #socket = null;
  #player = new Player();
  #listening = false;
  #closed = false;
  /** @type {import('./microphone.js').Microphone} */
  #microphone;

  /** @param {import('./microphone.js').Microphone} microphone */
  constructor(microphone) {
    super();
    this.kind = /** @type {const} */ ('websocket');
    this.#microphone = microphone;
    microphone.addEventListener('pcm', this.#pcm);
    this.#player.addEventListener('started', () => this.tellPlaying(true));
    this.#player.addEventListener('stopped', () => this.tellPlaying(false));
  }

  #pcm = (/** @type {Event} */ event) => {
    if (this.#listening) this.#append(/** @type {CustomEvent<Int16Array>} */ (event).detail);
  };

  /** @param {AbortSignal} signal */
  async connect(signal) {
    signal.throwIfAborted();
    const url = new URL('/v1/realtime?model=vesta', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, ['realtime']);
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      socket.onopen = () => resolve(undefined);
      socket.onerror = () => reject(new Error('socket'));
      socket.onclose = () => reject(new Error('socket'));
      signal.addEventListener('abort', () => {
        // The time to connect may end while it is used: then this is no reason to close it.
        if (socket.readyState === WebSocket.CONNECTING) socket.close();
        reject(signal.reason);
      });
    });
    socket.onerror = null;
    socket.onclose = ({ code, reason }) => this.#gone(reason || `closed (${code})`);
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') this.#take(JSON.parse(data));
    };
  }

  /** @param {any} event */
  #take(event) {
    if (event.type === 'response.created') this.#player.begin();
    else if (event.type === 'response.output_audio.delta') this.#player.push(fromBase64(event.delta));
    else if (event.type === 'response.output_audio.done') this.#player.end();
    this.tellEvent(event);
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > STUCK) this.#gone('nothing leaves any more');
    else this.#socket.send(JSON.stringify(event));
  }

  /** @param {Int16Array} pcm */
  #append(pcm) {
    this.send({ type: 'input_audio_buffer.append', audio: toBase64(pcm) });
  }

  /** @param {boolean} on */
  listen(on) {
    this.#listening = on;
    if (on) this.#player.unlock();
  }

  /**
   * @param {Int16Array} pcm
   * @param {() => boolean} still
   */
  async speech(pcm, still) {
    for (let at = 0; at < pcm.length; at += PIECE) {
      if (!(await this.#drained(HIGH, still))) return false;
      this.#append(pcm.subarray(at, at + PIECE));
    }
    return this.#drained(0, still);
  }

  /**
   * Waits until no more than so many bytes have not left. What does not leave in time is a connection that broke.
   * @param {number} most
   * @param {() => boolean} still
   */
  async #drained(most, still) {
    const end = performance.now() + DRAIN_MS;
    while (still() && this.#socket?.readyState === WebSocket.OPEN) {
      if (this.#socket.bufferedAmount <= most) return true;
      if (performance.now() > end) this.#gone('nothing leaves any more');
      else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return false;
  }

  silence() {
    return this.#player.active ? this.#player.clear() : null;
  }

  /** @returns {Promise<import('./transport.js').Path>} */
  async path() {
    const began = performance.now();
    await get('/api/connection').catch(() => {});
    return { kind: 'websocket', rttMs: performance.now() - began };
  }

  /** @param {string} reason */
  #gone(reason) {
    if (this.#closed) return;
    this.close();
    this.tellClosed(reason);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#microphone.removeEventListener('pcm', this.#pcm);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.onmessage = null;
      this.#socket.close();
    }
    void this.#player.close();
  }
}
