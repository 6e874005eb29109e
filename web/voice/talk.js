// @ts-check
// Speaking with the house: which way is taken to the server, who listens, who speaks. Views show `state` and call the verbs.
import { newId } from '../lib/api.js';
import * as outbox from '../lib/outbox.js';
import { Microphone, MicrophoneError, RATE, join } from './microphone.js';
import { RtcTransport } from './rtc.js';
import { SocketTransport } from './socket.js';
import { readEvent } from './reading.js';
import { hold as wake, letGo as sleep } from './awake.js';

/**
 * @typedef {'resting' | 'connecting' | 'ready' | 'listening' | 'thinking' | 'speaking' | 'offline' | 'blocked'} State
 * @typedef {import('./transport.js').Transport} Transport
 */

/** WebRTC has this long before the WebSocket is taken. */
const RTC_MS = 1_600;
const SOCKET_MS = 6_000;
/** While the WebSocket is used, WebRTC is tried again this often. */
const RETURN_MS = 30_000;
/** What is still on its way when the button is released. */
const TAIL_MS = 80;
/** Shorter than this nobody said anything. */
const SHORTEST_MS = 150;
/** An answer that does not begin within this time does not come. */
const ANSWER_MS = 20_000;
/** A sentence that left and is not taken within this time went nowhere. */
const TAKEN_MS = 15_000;
const LONGEST_PAUSE = 8_000;
/** Without a network for this long there is no connection. */
const GONE_MS = 2_000;

class Talk extends EventTarget {
  /** @type {State} */
  state = 'resting';
  /** Why it is offline or blocked: a code. */
  why = '';
  /** What was understood so far. */
  heard = '';
  /** Whether `heard` may still change. */
  unsettled = false;
  /** What the house says. */
  answer = '';
  /** What went wrong with the last sentence: a code. */
  error = '';
  /** Whether what was said waits for the connection. */
  kept = 0;
  handsFree = false;
  /** When the current sentence began (Unix time, milliseconds); 0 before the first. */
  since = 0;
  microphone = new Microphone();

  /** @type {Transport | null} */
  #transport = null;
  #wanted = false;
  #rested = false;
  #pressed = false;
  /** Whether what is recorded reached the server as it was spoken. */
  #streamed = false;
  #playing = false;
  /** @type {Int16Array[]} */
  #recorded = [];
  #response = '';
  #item = '';
  /** @type {Promise<void> | null} */
  #connecting = null;
  #pause = 300;
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  #timers = {};

  constructor() {
    super();
    this.microphone.addEventListener('pcm', (event) => {
      if (this.#pressed) this.#recorded.push(/** @type {CustomEvent<Int16Array>} */ (event).detail);
    });
    this.microphone.addEventListener('ended', () => this.#block('ended'));
  }

  /** What carries the session now. */
  get way() {
    return this.#transport?.kind ?? null;
  }

  async path() {
    return (await this.#transport?.path()) ?? null;
  }

  /** Connects, and stays connected until `close`. */
  async open() {
    this.#wanted = true;
    this.kept = (await outbox.waiting().catch(() => [])).filter((one) => one.kind === 'speech').length;
    if (this.#transport) return;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    await this.#connecting;
  }

  close() {
    this.#wanted = false;
    this.handsFree = false;
    this.#pressed = false;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#drop();
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
    if (!this.#wanted) return;
    const transport = this.#transport;
    if (!navigator.onLine) {
      // Between two networks there may be none for a moment. WebRTC notices itself when it was too long; a WebSocket does not.
      this.#later('gone', GONE_MS, () => !navigator.onLine && transport && this.#cut(transport));
    } else if (!transport) {
      this.#pause = 300;
      void this.open();
    } else if (transport.kind === 'webrtc') void transport.moved();
    else if (this.state === 'ready') this.#cut(transport);
    this.#lookForRtc(1_000);
  }

  /** A connection that leads nowhere. @param {Transport} transport */
  #cut(transport) {
    transport.close();
    this.#lost(transport);
  }

  async #connect() {
    if (this.state !== 'listening') this.#set('connecting');
    if (!navigator.onLine) return this.#offline('no_network');
    const transport = (await this.#reach(() => new RtcTransport(), RTC_MS)) ?? (await this.#reach(() => new SocketTransport(this.microphone), SOCKET_MS));
    if (!this.#wanted) return transport?.close();
    if (!transport) return this.#offline('no_server');
    this.#pause = 300;
    await this.#use(transport);
    // Lost meanwhile: whoever opened again waits for this very attempt.
    if (this.#wanted && !this.#transport) return this.#offline('no_server');
    if (this.#transport?.kind === 'websocket') this.#lookForRtc(RETURN_MS);
    if (!this.#pressed) void this.#sendKept().catch(() => {});
  }

  /**
   * A connected transport, or nothing after so long.
   * @param {() => Transport} make
   * @param {number} ms
   * @returns {Promise<Transport | null>}
   */
  async #reach(make, ms) {
    const transport = make();
    const late = AbortSignal.timeout(ms);
    try {
      // Whatever a browser makes of a way that leads nowhere: the time is kept.
      const over = new Promise((_, reject) => late.addEventListener('abort', () => reject(late.reason)));
      await Promise.race([transport.connect(late), over]);
      return transport;
    } catch {
      transport.close();
      return null;
    }
  }

  /** @param {Transport} transport */
  async #use(transport) {
    const before = this.#transport;
    this.#transport = transport;
    before?.close();
    transport.addEventListener('event', (event) => this.#take(/** @type {CustomEvent} */ (event).detail));
    transport.addEventListener('playing', (event) => this.#sounds(/** @type {CustomEvent<boolean>} */ (event).detail));
    transport.addEventListener('closed', () => this.#lost(transport));
    // A way that was closed takes no microphone any more.
    if (this.microphone.stream) await transport.attach(this.microphone.stream).catch(() => {});
    if (transport !== this.#transport) return;
    this.#configure();
    if (this.handsFree) transport.listen(true);
    if (!this.#pressed) this.#set('ready');
  }

  /**
   * A way for speech that was recorded: over WebRTC there is none, so a WebSocket is opened, until WebRTC is taken again.
   * @returns {Promise<Transport | null>}
   */
  async #wayForRecorded() {
    if (this.#transport?.kind === 'webrtc') {
      const socket = await this.#reach(() => new SocketTransport(this.microphone), SOCKET_MS);
      // Somebody speaks over the other one, or nobody wants any.
      if (!this.#wanted || this.#pressed) socket?.close();
      else if (socket) await this.#use(socket);
      this.#lookForRtc(3_000);
    }
    return this.#transport?.kind === 'websocket' ? this.#transport : null;
  }

  /** Who decides where a sentence ends: the button, or the house. */
  #configure() {
    const detection = this.handsFree ? { type: 'semantic_vad', create_response: true, interrupt_response: true } : null;
    this.#send({
      type: 'session.update',
      session: {
        type: 'realtime',
        output_modalities: ['audio'],
        audio: { input: { turn_detection: detection, transcription: { model: 'vesta' } } },
      },
    });
  }

  /** @param {Record<string, unknown>} event */
  #send(event) {
    this.#transport?.send(event);
  }

  #drop() {
    const transport = this.#transport;
    this.#transport = null;
    transport?.close();
    this.#playing = false;
  }

  /** @param {Transport} transport */
  #lost(transport) {
    if (transport !== this.#transport) return;
    this.#transport = null;
    this.#playing = false;
    this.#streamed = false;
    if (!this.#wanted) return;
    void this.open();
  }

  /** @param {string} why */
  #offline(why) {
    this.#set('offline', why);
    this.#later('retry', this.#pause, () => void this.open());
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  /** WebRTC is better where it gets through: it is taken as soon as it does and nobody speaks. @param {number} ms */
  #lookForRtc(ms) {
    this.#later('rtc', ms, async () => {
      if (!this.#wanted || this.#transport?.kind !== 'websocket') return;
      const quiet = this.state === 'ready' && !this.handsFree;
      const found = quiet ? await this.#reach(() => new RtcTransport(), RTC_MS) : null;
      if (found && this.#wanted && this.state === 'ready') await this.#use(found);
      else {
        found?.close();
        this.#lookForRtc(RETURN_MS);
      }
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
    this.#streamed = false;
    this.since = Date.now();
    Object.assign(this, { heard: '', answer: '', error: '', unsettled: true });
    this.#interrupt();
    const fresh = !this.microphone.open;
    try {
      const stream = await this.microphone.start();
      if (fresh) await this.#transport?.attach(stream);
    } catch (error) {
      this.#pressed = false;
      this.#block(error instanceof MicrophoneError ? error.code : 'unknown');
      return false;
    }
    wake();
    if (!this.#pressed) {
      this.#set('ready');
      return true;
    }
    if (this.#transport) {
      this.#send({ type: 'input_audio_buffer.clear' });
      this.#transport.listen(true);
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
    this.#transport?.listen(this.handsFree);
    const speech = join(this.#recorded);
    this.#recorded = [];
    if ((speech.length / RATE) * 1_000 < SHORTEST_MS) {
      this.#send({ type: 'input_audio_buffer.clear' });
      this.unsettled = false;
      return this.#set(this.#transport ? 'ready' : 'connecting');
    }
    if (this.#connecting && !this.#transport) await this.#connecting;
    if (!this.#transport) return this.#keep(speech);
    if (!this.#streamed) {
      // Into the queue: what was kept before goes first, and never into the middle of this.
      if (await this.#keep(speech)) return void this.#sendKept().catch(() => {});
      // Nothing can be kept here, so nothing else is being sent either.
      this.error = '';
      const way = await this.#wayForRecorded();
      if (!way) return this.#keep(speech);
      this.#set('thinking');
      this.#send({ type: 'input_audio_buffer.clear' });
      if (!(await way.speech(speech, () => !this.#pressed && this.#transport === way))) return this.#keep(speech);
    }
    this.#commit();
    const transport = this.#transport;
    if (!transport) return this.#keep(speech);
    // Lost before it was taken: said again over the next connection.
    const again = () => void this.#keep(speech).then(() => this.#transport && this.#sendKept());
    transport.addEventListener('closed', again, { once: true });
    this.addEventListener('taken', () => transport.removeEventListener('closed', again), { once: true });
    // What could not be sent because the button was pressed.
    if (this.kept) void this.#next('answered', ANSWER_MS).then(() => this.#transport && this.#sendKept()).catch(() => {});
  }

  /** Gives up what was being said. */
  cancel() {
    if (!this.#pressed) return;
    this.#pressed = false;
    this.#recorded = [];
    this.#transport?.listen(this.handsFree);
    this.#send({ type: 'input_audio_buffer.clear' });
    this.unsettled = false;
    this.#set(this.#transport ? 'ready' : 'connecting');
  }

  #commit() {
    this.#send({ type: 'input_audio_buffer.commit' });
    this.#send({ type: 'response.create' });
    this.#set('thinking');
    this.#later('answer', ANSWER_MS, () => {
      if (this.state !== 'thinking') return;
      this.error = 'no_answer_from_server';
      this.#set('ready');
    });
  }

  /**
   * @param {Int16Array<ArrayBuffer>} speech
   * @returns {Promise<boolean>} Whether it is kept.
   */
  async #keep(speech) {
    const one = { id: newId(), at_ms: Date.now(), kind: /** @type {const} */ ('speech'), pcm: speech.buffer };
    const done = await outbox.keep(one).then(
      () => true,
      () => false,
    );
    if (done) this.kept += 1;
    else this.error = 'not_kept';
    this.#set(this.#transport ? 'ready' : 'offline', this.why || 'no_server');
    return done;
  }

  /** What was said while there was no connection, the oldest first, each when the one before was answered. */
  async #sendKept() {
    await outbox.alone('speech', async () => {
      for (const one of await outbox.waiting().catch(() => [])) {
        if (one.kind !== 'speech' || this.#pressed) continue;
        const way = await this.#wayForRecorded();
        if (!way || this.#pressed) return;
        this.since = Date.now();
        // Not `ready`: WebRTC must not be taken while it is on its way.
        this.#set('thinking');
        this.#send({ type: 'input_audio_buffer.clear' });
        if (!(await way.speech(new Int16Array(one.pcm), () => !this.#pressed && this.#transport === way))) {
          if (this.#transport === way) this.#set('ready');
          return;
        }
        const taken = this.#next('taken', TAKEN_MS);
        const answered = this.#next('answered', ANSWER_MS);
        this.#commit();
        // Not over this way: it must not be taken later, when it was said again.
        if (!(await taken) || this.#transport !== way) return this.#cut(way);
        await outbox.forget(one.id);
        this.kept = Math.max(0, this.kept - 1);
        this.#changed();
        await answered;
      }
    });
  }

  /**
   * Whether this is told within so long.
   * @param {string} name
   * @param {number} ms
   * @returns {Promise<boolean>}
   */
  #next(name, ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.addEventListener(name, () => (clearTimeout(timer), resolve(true)), { once: true });
    });
  }

  /** The house falls silent. */
  interrupt() {
    if (this.state !== 'speaking' && this.state !== 'thinking') return;
    this.#interrupt();
    this.#set(this.#transport ? 'ready' : 'connecting');
  }

  #interrupt() {
    clearTimeout(this.#timers.answer);
    if (this.#response) this.#send({ type: 'response.cancel' });
    if (!this.#playing && !this.#response) return;
    const heardMs = this.#transport?.silence() ?? null;
    if (heardMs !== null && this.#item) {
      this.#send({ type: 'conversation.item.truncate', item_id: this.#item, content_index: 0, audio_end_ms: heardMs });
    }
    this.#playing = false;
    this.#response = '';
  }

  /** @param {boolean} on */
  async setHandsFree(on) {
    if (on) {
      try {
        const stream = await this.microphone.start();
        await this.#transport?.attach(stream);
      } catch (error) {
        return this.#block(error instanceof MicrophoneError ? error.code : 'unknown');
      }
      wake();
    } else sleep();
    this.handsFree = on;
    this.#configure();
    this.#transport?.listen(on);
    if (!this.#transport) void this.open();
    this.#changed();
  }

  /** @param {boolean} playing */
  #sounds(playing) {
    this.#playing = playing;
    if (playing) this.#set('speaking');
    else {
      this.dispatchEvent(new Event('answered'));
      if (this.state === 'speaking') this.#set('ready');
    }
  }

  /** @param {unknown} raw */
  #take(raw) {
    const event = readEvent(raw);
    switch (event?.kind) {
      case 'taken':
        this.dispatchEvent(new Event('taken'));
        break;
      case 'speech_started':
        this.since = Date.now();
        if (this.#playing) this.#interrupt();
        Object.assign(this, { heard: '', answer: '', error: '', unsettled: true });
        this.#set('listening');
        break;
      case 'speech_stopped':
        if (!this.#pressed) this.#set('thinking');
        break;
      case 'partial':
        this.heard = event.whole ? event.text : this.heard + event.text;
        this.unsettled = true;
        this.#changed();
        break;
      case 'transcript':
        this.heard = event.text;
        this.unsettled = false;
        this.#changed();
        break;
      case 'response':
        this.#response = event.id;
        this.answer = '';
        if (!this.#pressed && this.state !== 'speaking') this.#set('thinking');
        break;
      case 'says':
        this.#item = event.item;
        this.answer = event.whole ? event.text : this.answer + event.text;
        this.#changed();
        break;
      case 'done':
        this.#done(event);
        break;
      case 'error':
        // Cancelling what is already over is no error to anybody.
        if (event.code === 'response_cancel_not_active') break;
        this.error = event.code === 'input_audio_buffer_commit_empty' ? 'nothing_heard' : event.code;
        if (this.state === 'thinking') this.#set('ready');
        this.dispatchEvent(new Event('taken'));
        break;
      default:
    }
  }

  /** @param {{ id: string, failed: string, silent: boolean }} event */
  #done(event) {
    if (event.id !== this.#response) return;
    clearTimeout(this.#timers.answer);
    this.#response = '';
    this.unsettled = false;
    if (event.failed) this.error = event.failed;
    if (!this.#playing && event.silent) {
      this.dispatchEvent(new Event('answered'));
      if (this.state === 'thinking') this.#set('ready');
    } else if (!this.#playing) {
      // Its sound is on the way; where none comes, the text has to do.
      this.#later('answer', 3_000, () => this.state === 'thinking' && this.#set('ready'));
    }
    this.#changed();
  }

  /** @param {string} why */
  #block(why) {
    sleep();
    this.handsFree = false;
    this.#set('blocked', why);
  }

  /**
   * @param {string} name
   * @param {number} ms
   * @param {() => unknown} work
   */
  #later(name, ms, work) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(work, ms);
  }

  /**
   * @param {State} state
   * @param {string} [why]
   */
  #set(state, why = '') {
    if (this.#pressed && (state === 'ready' || state === 'connecting')) state = 'listening';
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
// The browser tells of every new estimate; what matters is another kind of network.
let network = navigator.connection?.type;
navigator.connection?.addEventListener('change', () => {
  if (navigator.connection?.type === network) return;
  network = navigator.connection?.type;
  talk.networkChanged();
});
