// @ts-check
// The conversation, spoken and written, as one list: the server's turns, and what was written here and is not answered yet.
import { ApiError, get, newId, post } from './api.js';
import { live } from './live.js';
import { me } from './session.js';
import * as outbox from './outbox.js';

/**
 * @typedef {object} Pending
 * @property {string} id
 * @property {number} at_ms
 * @property {string} text
 * @property {'sending' | 'waiting' | 'failed'} state
 * @property {boolean} [kept] Whether this device keeps it, once that is known: otherwise it is lost when the page is closed.
 * @property {Promise<void>} [keeping] Ends when that is known. It waits or leaves only then.
 * @property {string} [code] Why it failed.
 * @property {number} [asked] How often the house said that it is busy with it.
 */

const SHOWN = 40;

/** How long this device has to keep a message before it is sent. */
const KEPT_MS = 5_000;
/** How long an answer may take. A message without one waits, and is sent again under its id. */
const ANSWERED_MS = 15_000;
/** What waits is tried again after this, then ever later: a connection may be back without anybody saying so. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;
/** So often a message is asked for that the house has begun and not answered: then the house stopped in the middle of it. */
const MOST_ASKED = 6;

class Conversation extends EventTarget {
  /** The newest last. @type {Turn[]} */
  turns = [];
  /** @type {Pending[]} */
  pending = [];
  #read = false;
  /** Whose conversation it is. @type {string | undefined} */
  #person;
  #flushing = false;
  #pause = FIRST_PAUSE;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  constructor() {
    super();
    live.addEventListener('turn', (event) => {
      const turn = /** @type {CustomEvent<Turn>} */ (event).detail;
      if (!turn.person || turn.person === me()?.id) this.take(turn);
    });
    live.addEventListener('turn_deleted', (event) => {
      const id = /** @type {CustomEvent<string>} */ (event).detail;
      this.turns = this.turns.filter((turn) => turn.id !== id);
      this.#changed();
    });
    live.addEventListener('turns', () => void this.#load());
    live.addEventListener('connection', () => {
      if (live.connected) this.#now();
    });
    addEventListener('online', () => this.#now());
  }

  /** Reads what was said before, and sends what waits. */
  async begin() {
    if (this.#person !== me()?.id) {
      this.#person = me()?.id;
      this.turns = [];
      this.pending = [];
      this.#read = false;
    }
    for (const one of await outbox.waiting().catch(() => [])) {
      if (one.kind === 'text' && !this.pending.some((pending) => pending.id === one.id)) {
        this.pending.push({ id: one.id, at_ms: one.at_ms, text: one.text, state: 'waiting', kept: true });
      }
    }
    this.#changed();
    if (!this.#read) await this.#load();
    await this.flush();
  }

  async #load() {
    if (!me()?.may.includes('read_turns')) return;
    try {
      const turns = /** @type {Turn[]} */ (await get(`/api/turns?limit=${SHOWN}`));
      this.turns = turns.filter((turn) => !turn.person || turn.person === me()?.id).reverse();
      this.#read = true;
      this.#changed();
    } catch {
      // Offline, or not allowed: what is new is shown all the same.
    }
  }

  /** @param {Turn} turn */
  take(turn) {
    if (turn.outcome === 'nothing') return;
    const at = this.turns.findIndex((known) => known.id === turn.id);
    if (at >= 0) this.turns[at] = turn;
    else this.turns = [...this.turns, turn].sort((one, other) => one.at_ms - other.at_ms).slice(-SHOWN * 2);
    this.#changed();
  }

  /**
   * Writes to the house. Kept on this device first, so that it is neither lost nor done twice.
   * @param {string} text
   */
  async write(text) {
    /** @type {Pending} */
    const message = { id: newId(), at_ms: Date.now(), text, state: 'sending' };
    message.keeping = this.#keep(message);
    this.pending.push(message);
    this.#changed();
    await message.keeping;
    await this.flush();
  }

  /**
   * A private window may have no database, and some browsers' never answers; the message is then sent all the same.
   * @param {Pending} message
   */
  async #keep(message) {
    const { id, at_ms, text } = message;
    const keeping = outbox.keep({ id, at_ms, kind: 'text', text }).then(() => true, () => false);
    message.kept = await Promise.race([keeping, new Promise((done) => setTimeout(() => done(false), KEPT_MS))]);
  }

  /** The connection is back. */
  #now() {
    this.#pause = FIRST_PAUSE;
    void this.flush();
  }

  /** Sends what waits, in order, each until the server has answered it. */
  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    clearTimeout(this.#retry);
    try {
      await outbox.alone('text', async () => {
        for (;;) {
          const next = this.pending.find((message) => message.state !== 'failed');
          if (!next) break;
          if (await this.#send(next)) continue;
          // What was written meanwhile waits behind it.
          for (const message of this.pending) if (message.state === 'sending' && message.kept !== undefined) message.state = 'waiting';
          this.#changed();
          break;
        }
      });
    } finally {
      this.#flushing = false;
    }
    if (!this.pending.some((message) => message.state !== 'failed')) {
      this.#pause = FIRST_PAUSE;
      return;
    }
    this.#retry = setTimeout(() => void this.flush(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  /**
   * @param {Pending} message
   * @returns {Promise<boolean>} Whether the next one may go.
   */
  async #send(message) {
    await message.keeping;
    message.state = 'sending';
    this.#changed();
    try {
      const reply = await post('/api/messages', { id: message.id, text: message.text }, { signal: AbortSignal.timeout(ANSWERED_MS) });
      await this.#done(message);
      if (reply.turn) {
        this.take({
          id: reply.turn, at_ms: message.at_ms, person: me()?.id ?? null, source: 'app', mode: 'text', language: '',
          transcript: message.text, spoken: reply.text, html: reply.html, outcome: reply.outcome,
          error_code: reply.error_code, changed: [], undo: false, undone: false, went_wrong: null,
          ...this.turns.find((turn) => turn.id === reply.turn),
        });
      }
      return true;
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 'internal';
      const again = error instanceof ApiError && (error.status === 0 || error.status >= 500 || error.status === 429 || error.status === 401);
      const busy = code === 'begun_before' && (message.asked = (message.asked ?? 0) + 1) < MOST_ASKED;
      if (again || busy) {
        message.state = 'waiting';
        return false;
      }
      // It was begun before and its answer was lost: it is in the history, and must not be sent again.
      message.state = 'failed';
      message.code = code;
      await outbox.forget(message.id).catch(() => {});
      this.#changed();
      return true;
    }
  }

  /** @param {Pending} message */
  async #done(message) {
    await outbox.forget(message.id).catch(() => {});
    this.pending = this.pending.filter((other) => other.id !== message.id);
    this.#changed();
  }

  /** @param {string} id */
  dismiss(id) {
    this.pending = this.pending.filter((message) => message.id !== id);
    this.#changed();
  }

  /** @param {string} id */
  async undo(id) {
    this.take(await post(`/api/turns/${id}/undo`));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

export const conversation = new Conversation();
