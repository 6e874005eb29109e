// @ts-check
// The microphone: opened when somebody first wants to speak, closed when the page is left.

/** Samples a second of what `pcm` events carry. */
export const RATE = 24_000;

/** Why there is no microphone: a stable code with a sentence in `i18n`. */
export class MicrophoneError extends Error {
  /** @param {'insecure' | 'denied' | 'none' | 'busy' | 'unsupported' | 'unknown'} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** @param {unknown} error */
function reason(error) {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return new MicrophoneError('denied');
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return new MicrophoneError('none');
  if (name === 'NotReadableError' || name === 'AbortError') return new MicrophoneError('busy');
  return new MicrophoneError('unknown');
}

/**
 * Tells `pcm` (an `Int16Array` of 20 ms at 24 kHz), `level` (0 to 1) and `ended` (it was unplugged, or taken away).
 */
export class Microphone extends EventTarget {
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Promise<MediaStream> | null} */
  #opening = null;

  get open() {
    return this.stream !== null;
  }

  /**
   * The microphone's stream; asks for it where it is not open. Must first be called from a touch or a key.
   * @returns {Promise<MediaStream>}
   */
  async start() {
    if (this.stream) return this.stream;
    this.#opening ??= this.#ask().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #ask() {
    if (!isSecureContext) throw new MicrophoneError('insecure');
    if (!navigator.mediaDevices?.getUserMedia || !('AudioWorkletNode' in globalThis)) throw new MicrophoneError('unsupported');
    const wanted = localStorage.getItem('vesta.microphone');
    /** @type {MediaTrackConstraints} */
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    if (wanted) audio.deviceId = { ideal: wanted };
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
      throw reason(error);
    });
    const context = new AudioContext({ latencyHint: 'interactive' });
    try {
      await context.audioWorklet.addModule(new URL('./capture.worklet.js', import.meta.url));
    } catch {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
      throw new MicrophoneError('unsupported');
    }
    const source = context.createMediaStreamSource(stream);
    const capture = new AudioWorkletNode(context, 'vesta-capture', { numberOfInputs: 1, numberOfOutputs: 0, channelCount: 1 });
    capture.port.onmessage = ({ data }) => {
      this.dispatchEvent(new CustomEvent('pcm', { detail: new Int16Array(data.pcm) }));
      this.dispatchEvent(new CustomEvent('level', { detail: loudness(data.rms) }));
    };
    source.connect(capture);
    if (context.state === 'suspended') await context.resume();
    for (const track of stream.getAudioTracks()) {
      track.addEventListener('ended', () => {
        this.stop();
        this.dispatchEvent(new Event('ended'));
      });
    }
    this.stream = stream;
    this.#context = context;
    return stream;
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    void this.#context?.close();
    this.#context = null;
  }
}

/**
 * Loudness as a meter shows it: -60 dB is nothing, 0 dB is all.
 * @param {number} rms
 */
export function loudness(rms) {
  return Math.max(0, Math.min(1, 1 + Math.log10(Math.max(rms, 1e-6)) / 3));
}

/**
 * 16-bit samples as base64, little-endian as the Realtime protocol wants them.
 * @param {Int16Array} pcm
 */
export function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}

/**
 * @param {string} base64
 * @returns {Int16Array<ArrayBuffer>}
 */
export function fromBase64(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length - (text.length % 2));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return new Int16Array(bytes.buffer);
}

/**
 * Pieces in one.
 * @param {Int16Array[]} pieces
 */
export function join(pieces) {
  const all = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
