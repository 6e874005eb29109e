// @ts-check
// What was said until the house has answered it: sentences that left, and speech that was recorded while there was no
// connection. The latter is kept on this device.
import * as outbox from '../lib/outbox.js';

/**
 * @typedef {import('./transport.js').Transport} Transport
 * @typedef {object} Sentence
 * @property {string} id Under which the house does it once, however often it is sent.
 * @property {Int16Array<ArrayBuffer>} speech
 */

export class KeptSpeech {
  /** How much of it waits on this device. */
  count = 0;
  /** What left over which way, the oldest first. @type {{ way: Transport, sentence: Sentence }[]} */
  #sent = [];

  /** Looks for what an earlier page has kept. */
  async look() {
    this.count = (await waiting()).length;
  }

  /**
   * This left, and is not answered yet.
   * @param {Transport} way
   * @param {Sentence} sentence
   */
  sent(way, sentence) {
    this.#sent.push({ way, sentence });
  }

  /** The house has answered the oldest of what left. */
  answered() {
    this.#sent.shift();
  }

  /**
   * This way is gone, and with it the answers that it did not bring: those sentences are to be said again.
   * @param {Transport} way
   */
  lost(way) {
    const lost = this.#sent.filter((one) => one.way === way);
    this.#sent = this.#sent.filter((one) => one.way !== way);
    return lost.map((one) => one.sentence);
  }

  /**
   * @param {Sentence} sentence
   * @returns {Promise<boolean>} Whether it is kept.
   */
  async keep({ id, speech }) {
    try {
      await outbox.keep({ id, at_ms: Date.now(), kind: 'speech', pcm: speech.buffer });
    } catch {
      return false;
    }
    this.count += 1;
    return true;
  }

  /**
   * Hands out what waits, the oldest first, until `send` says that it does not go on. `forget` is to be called once it is answered.
   * @param {(sentence: Sentence, forget: () => Promise<void>) => Promise<boolean>} send
   */
  async each(send) {
    await outbox.alone('speech', async () => {
      for (const one of await waiting()) {
        const forget = async () => {
          await outbox.forget(one.id);
          this.count = Math.max(0, this.count - 1);
        };
        if (!(await send({ id: one.id, speech: new Int16Array(one.pcm) }, forget).catch(() => false))) return;
      }
    });
  }
}

async function waiting() {
  const all = await outbox.waiting().catch(() => []);
  return all.flatMap((one) => (one.kind === 'speech' ? [one] : []));
}
