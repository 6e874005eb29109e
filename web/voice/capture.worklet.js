// @ts-check
// Runs in the audio thread: from the microphone's rate to 24 kHz, 16 bits, in pieces of 20 ms.
// A windowed sinc keeps out what 24 kHz cannot hold.

const RATE = 24_000;
const PIECE = RATE / 50;
const TAPS = 32;

/** @type {any} */
const scope = globalThis;

class Capture extends scope.AudioWorkletProcessor {
  constructor() {
    super();
    this.step = scope.sampleRate / RATE;
    this.cutoff = Math.min(1, 1 / this.step) * 0.92;
    /** Samples that are still needed, the oldest first. */
    this.past = new Float32Array(TAPS * 2 + 256);
    this.length = TAPS;
    /** Where the next output sample lies in `past`. */
    this.at = TAPS;
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.sum = 0;
    this.peak = 0;
  }

  /**
   * @param {Float32Array[][]} inputs
   * @returns {boolean}
   */
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (!samples) return true;
    if (this.length + samples.length > this.past.length) {
      const longer = new Float32Array((this.length + samples.length) * 2);
      longer.set(this.past.subarray(0, this.length));
      this.past = longer;
    }
    this.past.set(samples, this.length);
    this.length += samples.length;
    while (this.at + TAPS / 2 < this.length) {
      this.put(this.step === 1 ? (this.past[Math.floor(this.at)] ?? 0) : this.interpolate(this.at));
      this.at += this.step;
    }
    const done = Math.floor(this.at) - TAPS;
    if (done > 0) {
      this.past.copyWithin(0, done, this.length);
      this.length -= done;
      this.at -= done;
    }
    return true;
  }

  /**
   * @param {number} at
   * @returns {number}
   */
  interpolate(at) {
    const first = Math.ceil(at - TAPS / 2);
    let sum = 0;
    for (let i = first; i < first + TAPS; i += 1) {
      const x = i - at;
      const window = 0.5 + 0.5 * Math.cos((2 * Math.PI * x) / TAPS);
      const angle = Math.PI * this.cutoff * x;
      const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
      sum += (this.past[i] ?? 0) * this.cutoff * sinc * window;
    }
    return sum;
  }

  /** @param {number} sample */
  put(sample) {
    this.sum += sample * sample;
    this.peak = Math.max(this.peak, Math.abs(sample));
    this.piece[this.filled] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767)));
    this.filled += 1;
    if (this.filled < PIECE) return;
    const pcm = this.piece.buffer;
    this.port.postMessage({ pcm, rms: Math.sqrt(this.sum / PIECE), peak: this.peak }, [pcm]);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.sum = 0;
    this.peak = 0;
  }
}

scope.registerProcessor('vesta-capture', Capture);
