// @ts-check
// Speaking with the house: who listens, who speaks, what becomes of a sentence. Views show `state` and call the verbs; `line.js` knows
// how the house is reached.
import { newId } from '../lib/api.js';
import { live } from '../lib/live.js';
import { Microphone, MicrophoneError, RATE, join } from './microphone.js';
import { Exchange } from './exchange.js';
import { Line } from './line.js';
import { KeptSpeech } from './kept.js';
import { readEvent } from './reading.js';
import { hold as wake, letGo as sleep } from './awake.js';

/**
 * @typedef {'resting' | 'connecting' | 'ready' | 'asking' | 'listening' | 'thinking' | 'speaking' | 'offline' | 'blocked'} State
 * @typedef {import('./transport.js').Transport} Transport
 */

/** What is still on its way when the button is released. */
const TAIL_MS = 80;
/** Shorter than this nobody said anything. */
const SHORTEST_MS = 150;
/** As long as the house listens to one sentence: a button that was tapped and forgotten is let go. */
const LONGEST_MS = 60_000;
/** An answer that does not begin within this time does not come. */
const ANSWER_MS = 20_000;
/** What was kept is sent so often at most: then it is its fault, and not the connection's. */
const MOST_SENT = 3;
/** Names what asks for an answer, so that an error that is about it can be told from others. */
const ASK = 'ask';
/** After the text of an answer, its sound has this long to begin. */
const SOUND_MS = 3_000;

class Talk extends EventTarget {
  /** @type {State} */
  state = 'resting';
  /** Why it is offline or blocked: a code. */
  why = '';
  handsFree = false;
  /** What is being said and answered, or was last. */
  exchange = new Exchange();
  #before = this.exchange;
  microphone = new Microphone();

  #line = new Line(this.microphone);
  #speech = new KeptSpeech();
  #wanted = false;
  #rested = false;
  #pressed = false;
  /** Whether what is recorded reached the server as it was spoken. */
  #streamed = false;
  #playing = false;
  /** How often what was kept was sent, by id. @type {Record<string, number>} */
  #tries = {};
  /** @type {Int16Array[]} */
  #recorded = [];
  /** Samples in it. */
  #samples = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  constructor() {
    super();
    this.#line.calm = () => this.state === 'ready' && !this.handsFree;
    this.#line.busy = () => this.#pressed;
    this.#line.addEventListener('connecting', () => this.state !== 'listening' && this.#set('connecting'));
    this.#line.addEventListener('offline', (event) => this.#set('offline', /** @type {CustomEvent<string>} */ (event).detail));
    this.#line.addEventListener('up', () => this.#up());
    this.#line.addEventListener('connected', () => this.#pressed || void this.#sendKept());
    this.#line.addEventListener('down', (event) => this.#down(/** @type {CustomEvent<Transport>} */ (event).detail));
    this.#line.addEventListener('event', (event) => this.#take(/** @type {CustomEvent} */ (event).detail));
    this.#line.addEventListener('playing', (event) => this.#sounds(/** @type {CustomEvent<boolean>} */ (event).detail));
    this.microphone.addEventListener('pcm', (event) => {
      if (!this.#pressed) return;
      const { detail } = /** @type {CustomEvent<Int16Array>} */ (event);
      this.#recorded.push(detail);
      this.#samples += detail.length;
      if ((this.#samples / RATE) * 1_000 >= LONGEST_MS) void this.release();
    });
    this.microphone.addEventListener('ended', () => this.#block('ended'));
  }

  /** What carries the session now. */
  get way() {
    return this.#line.way?.kind ?? null;
  }

  /** How much of what was said waits for the connection. */
  get kept() {
    return this.#speech.count;
  }

  /** Whether the button is down. */
  get pressed() {
    return this.#pressed;
  }

  /** Connects, and stays connected until `close`. */
  async open() {
    this.#wanted = true;
    await this.#speech.look();
    if (this.#wanted) await this.#line.open();
  }

  close() {
    this.#wanted = false;
    this.handsFree = false;
    this.#pressed = false;
    this.#playing = false;
    clearTimeout(this.#patience);
    this.#line.close();
    this.microphone.stop();
    sleep();
    this.#set('resting');
  }

  /** The page is left, for now. */
  rest() {
    if (!this.#wanted) return;
    this.close();
    this.#rested = true;
  }

  /** The page is shown again as it was left. */
  wake() {
    if (!this.#rested) return;
    this.#rested = false;
    void this.open();
  }

  /** The network changed: another one, or none. */
  networkChanged() {
    this.#line.networkChanged();
  }

  /** The house was away and is back. */
  houseIsBack() {
    if (this.#wanted) this.#line.check();
  }

  #up() {
    this.#configure();
    if (this.handsFree) this.#line.way?.listen(true);
    if (!this.#pressed) this.#set('ready');
  }

  /** @param {Transport} way */
  #down(way) {
    this.#playing = false;
    this.#streamed = false;
    this.exchange.response = '';
    this.dispatchEvent(new Event('lost'));
    // Not answered: said again over the next connection. What was done already is only answered.
    const lost = this.#speech.lost(way);
    if (lost.length > 0) void Promise.all(lost.map((sentence) => this.#keep(sentence))).then(() => this.#line.way && this.#sendKept());
  }

  /** Who decides where a sentence ends: the button, or the house. */
  #configure() {
    const detection = this.handsFree ? { type: 'semantic_vad', create_response: true, interrupt_response: true } : null;
    this.#line.send({
      type: 'session.update',
      session: {
        type: 'realtime',
        output_modalities: ['audio'],
        audio: { input: { turn_detection: detection, transcription: { model: 'vesta' } } },
      },
    });
  }

  /**
   * The button is pressed: the house listens. What it says is cut off.
   * @returns {Promise<boolean>} Whether there is a microphone.
   */
  async press() {
    if (this.#pressed) return true;
    this.#pressed = true;
    this.#recorded = [];
    this.#samples = 0;
    this.#streamed = false;
    this.#interrupt();
    this.#before = this.exchange;
    this.exchange = Exchange.begin();
    const fresh = !this.microphone.open;
    if (fresh) this.#set('asking');
    try {
      const stream = await this.microphone.start();
      if (fresh) await this.#line.way?.attach(stream).catch(() => {});
    } catch (error) {
      this.#pressed = false;
      this.#block(error instanceof MicrophoneError ? error.code : 'unknown');
      return false;
    }
    wake();
    if (!this.#pressed) {
      this.#set(this.#line.way ? 'ready' : 'connecting');
      return true;
    }
    if (this.#line.way) {
      this.#line.send({ type: 'input_audio_buffer.clear' });
      this.#line.way.listen(true);
      this.#streamed = true;
    } else void this.open();
    this.#set('listening');
    return true;
  }

  /** The button is released: the sentence is over. */
  async release() {
    if (!this.#pressed) return;
    await new Promise((resolve) => setTimeout(resolve, TAIL_MS));
    if (!this.#pressed) return;
    this.#pressed = false;
    if (!this.handsFree) sleep();
    this.#line.way?.listen(this.handsFree);
    const speech = join(this.#recorded);
    const sentence = { id: newId(), speech };
    this.#recorded = [];
    if ((speech.length / RATE) * 1_000 < SHORTEST_MS) {
      this.#line.send({ type: 'input_audio_buffer.clear' });
      this.exchange.unsettled = false;
      return this.#set(this.#line.way ? 'ready' : 'connecting');
    }
    await this.#line.settled();
    if (!this.#line.way) return void this.#keep(sentence);
    if (!this.#streamed) {
      // Into the queue: what was kept before goes first, and never into the middle of this.
      if (await this.#keep(sentence)) return void this.#sendKept();
      // Nothing can be kept here, so nothing else is being sent either.
      this.exchange.error = '';
      const way = await this.#line.forRecorded();
      if (!way) return void this.#keep(sentence);
      this.#set('thinking');
      this.#line.send({ type: 'input_audio_buffer.clear' });
      if (!(await way.speech(speech, () => !this.#pressed && this.#line.way === way))) return void this.#keep(sentence);
    }
    const way = this.#line.way;
    if (!way) return void this.#keep(sentence);
    this.#speech.sent(way, sentence);
    this.#commit(sentence.id);
    // What could not be sent because the button was pressed.
    if (this.kept) void this.#next('quiet', ANSWER_MS).then(() => this.#line.way && this.#sendKept());
  }

  /** Gives up what was being said: all is as it was before. */
  cancel() {
    if (!this.#pressed) return;
    this.#pressed = false;
    this.#recorded = [];
    if (!this.handsFree) sleep();
    this.#line.way?.listen(this.handsFree);
    this.#line.send({ type: 'input_audio_buffer.clear' });
    this.exchange = this.#before;
    this.#set(this.#line.way ? 'ready' : 'connecting');
  }

  /** @param {string} id Under which the house does the sentence once. */
  #commit(id) {
    this.#line.send({ type: 'input_audio_buffer.commit', vesta_request_id: id });
    this.#line.send({ type: 'response.create', event_id: ASK });
    this.#set('thinking');
    this.#await(ANSWER_MS, () => {
      this.exchange.error = 'no_answer_from_server';
      this.#set('ready');
    });
  }

  /**
   * @param {import('./kept.js').Sentence} sentence
   * @returns {Promise<boolean>} Whether it is kept.
   */
  async #keep(sentence) {
    const kept = await this.#speech.keep(sentence);
    if (!kept) this.exchange.error = 'not_kept';
    this.#set(this.#line.way ? 'ready' : 'offline', this.why || 'no_server');
    return kept;
  }

  /** What was said while there was no connection, the oldest first, each when the one before was answered. */
  async #sendKept() {
    await this.#speech.each(async ({ id, speech }, forget) => {
      if (this.#pressed) return false;
      const way = await this.#line.forRecorded();
      if (!way || this.#pressed) return false;
      this.exchange = Exchange.begin();
      // Not `ready`: WebRTC must not be taken while it is on its way.
      this.#set('thinking');
      this.#line.send({ type: 'input_audio_buffer.clear' });
      if (!(await way.speech(speech, () => !this.#pressed && this.#line.way === way))) {
        if (this.#line.way === way) this.#set('ready');
        return false;
      }
      const [over, quiet] = [this.#next('over', ANSWER_MS), this.#next('quiet', ANSWER_MS)];
      this.#commit(id);
      const answered = await over;
      const hopeless = !answered && this.#line.way === way && (this.#tries[id] = (this.#tries[id] ?? 0) + 1) >= MOST_SENT;
      if (answered || hopeless) await forget();
      this.#changed();
      if (answered) return await quiet, true;
      if (this.#line.way === way) this.#line.cut(way);
      return hopeless;
    });
  }

  /**
   * Whether this is told within so long, and before the connection is lost.
   * @param {string} name
   * @param {number} ms
   * @returns {Promise<boolean>}
   */
  #next(name, ms) {
    return new Promise((resolve) => {
      const done = (/** @type {Event | null} */ event) => {
        clearTimeout(timer);
        resolve(event?.type === name);
      };
      const timer = setTimeout(done, ms, null);
      this.addEventListener(name, done, { once: true });
      this.addEventListener('lost', done, { once: true });
    });
  }

  /** The house falls silent. */
  interrupt() {
    if (this.state !== 'speaking' && this.state !== 'thinking') return;
    this.#interrupt();
    this.#set(this.#line.way ? 'ready' : 'connecting');
  }

  #interrupt() {
    clearTimeout(this.#patience);
    if (this.exchange.response) this.#line.send({ type: 'response.cancel' });
    if (!this.#playing && !this.exchange.response) return;
    const heardMs = this.#line.way?.silence() ?? null;
    if (heardMs !== null && this.exchange.item) {
      this.#line.send({ type: 'conversation.item.truncate', item_id: this.exchange.item, content_index: 0, audio_end_ms: heardMs });
    }
    this.#playing = false;
    this.exchange.response = '';
  }

  /** @param {boolean} on */
  async setHandsFree(on) {
    if (on) {
      if (!this.microphone.open) this.#set('asking');
      try {
        const stream = await this.microphone.start();
        await this.#line.way?.attach(stream).catch(() => {});
      } catch (error) {
        return this.#block(error instanceof MicrophoneError ? error.code : 'unknown');
      }
      wake();
    } else sleep();
    this.handsFree = on;
    this.#configure();
    this.#line.way?.listen(on);
    if (!this.#line.way) void this.open();
    if (this.state === 'asking' || (!on && this.state === 'listening')) this.#set(this.#line.way ? 'ready' : 'connecting');
    this.#changed();
  }

  /** @param {boolean} playing */
  #sounds(playing) {
    this.#playing = playing;
    if (playing) this.#set('speaking');
    else {
      this.dispatchEvent(new Event('quiet'));
      if (this.state === 'speaking') this.#set('ready');
    }
  }

  /** @param {unknown} raw */
  #take(raw) {
    const event = readEvent(raw);
    // Cancelling what is already over is no error to anybody.
    if (!event || (event.kind === 'error' && event.code === 'response_cancel_not_active')) return;
    this.exchange.read(event);
    switch (event.kind) {
      case 'speech_started':
        if (this.#playing) this.#interrupt();
        this.exchange = Exchange.begin();
        this.#set('listening');
        break;
      case 'speech_stopped':
        if (!this.#pressed) this.#set('thinking');
        break;
      case 'response':
        if (!this.#pressed && this.state !== 'speaking') this.#set('thinking');
        break;
      case 'done':
        this.#over();
        this.#done(event);
        break;
      case 'error':
        if (this.state === 'thinking') this.#set('ready');
        if (event.about === ASK) this.#over();
        break;
      default:
    }
    this.#changed();
  }

  /** The house has done what was said, and answered it. */
  #over() {
    this.#speech.answered();
    this.dispatchEvent(new Event('over'));
  }

  /** @param {{ id: string, failed: string, silent: boolean }} event */
  #done(event) {
    if (event.id !== this.exchange.response) return;
    clearTimeout(this.#patience);
    this.exchange.response = '';
    this.exchange.unsettled = false;
    if (event.failed) this.exchange.error = event.failed;
    if (!this.#playing && event.silent) {
      this.dispatchEvent(new Event('quiet'));
      if (this.state === 'thinking') this.#set('ready');
    } else if (!this.#playing) {
      // Its sound is on the way; where none comes, the text has to do.
      this.#await(SOUND_MS, () => this.#set('ready'));
    }
  }

  /**
   * Does this where the house still thinks after so long.
   * @param {number} ms
   * @param {() => void} work
   */
  #await(ms, work) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.state === 'thinking' && work(), ms);
  }

  /** @param {string} why */
  #block(why) {
    sleep();
    this.handsFree = false;
    this.#pressed = false;
    this.#set('blocked', why);
  }

  /**
   * @param {State} state
   * @param {string} [why]
   */
  #set(state, why = '') {
    if (this.#pressed && (state === 'ready' || state === 'connecting' || state === 'offline')) {
      // Whoever speaks goes on: what is recorded is kept, whatever becomes of the connection.
      if (this.state === 'listening') return this.#changed();
      if (this.state !== 'asking') state = 'listening';
    }
    this.state = state;
    this.why = why;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

export const talk = new Talk();

addEventListener('online', () => talk.networkChanged());
addEventListener('offline', () => talk.networkChanged());
// A page that was left may be kept by the browser: it must not keep its call.
addEventListener('pagehide', () => talk.rest());
addEventListener('pageshow', () => talk.wake());
live.addEventListener('connection', () => live.connected && talk.houseIsBack());
// The browser tells of every new estimate; what matters is another kind of network.
let network = navigator.connection?.type;
navigator.connection?.addEventListener('change', () => {
  if (navigator.connection?.type === network) return;
  network = navigator.connection?.type;
  talk.networkChanged();
});
