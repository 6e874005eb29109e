// @ts-check
// The line to the house: which way is taken, what is done when it breaks, and when a better one is looked for.
import { RtcTransport } from './rtc.js';
import { SocketTransport } from './socket.js';

/** @typedef {import('./transport.js').Transport} Transport */

/** WebRTC has this long before the WebSocket is taken. */
const RTC_MS = 1_600;
const SOCKET_MS = 6_000;
/** While the WebSocket is used, WebRTC is tried again this often. */
const RETURN_MS = 30_000;
/** After a change of the network, its first moments are left to the network. */
const SETTLED_MS = 1_000;
/** Recorded speech took the WebSocket: WebRTC is looked for again after this. */
const AFTER_SPEECH_MS = 3_000;
const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 8_000;
/** Without a network for this long there is no connection. */
const GONE_MS = 2_000;

/**
 * Tells `connecting`, `offline` (why), `up` (a way is used), `connected` (after `up`, where there was none before), `down` (the way
 * that was lost), and what the way tells: `event` and `playing`.
 */
export class Line extends EventTarget {
  /** Whether another way may be taken now: nobody speaks, nobody is spoken to. */
  calm = () => true;
  /** Whether somebody speaks over the way there is. */
  busy = () => false;

  /** @type {Transport | null} */
  #transport = null;
  /** @type {Promise<void> | null} */
  #connecting = null;
  #wanted = false;
  #pause = FIRST_PAUSE;
  /** @type {import('./microphone.js').Microphone} */
  #microphone;
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  #timers = {};

  /** @param {import('./microphone.js').Microphone} microphone */
  constructor(microphone) {
    super();
    this.#microphone = microphone;
  }

  /** The way that is used now. */
  get way() {
    return this.#transport;
  }

  /** Connects, and stays connected until `close`. */
  async open() {
    this.#wanted = true;
    if (this.#transport) return;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    await this.#connecting;
  }

  /** Waits for a connection that is being made. */
  async settled() {
    if (!this.#transport) await this.#connecting;
  }

  close() {
    this.#wanted = false;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    const transport = this.#transport;
    this.#transport = null;
    transport?.close();
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    this.#transport?.send(event);
  }

  /** The network changed: another one, or none. */
  networkChanged() {
    if (!this.#wanted) return;
    const transport = this.#transport;
    if (!navigator.onLine) {
      // Between two networks there may be none for a moment. WebRTC notices itself when it was too long; a WebSocket does not.
      this.#later('gone', GONE_MS, () => !navigator.onLine && transport && this.cut(transport));
    } else if (!transport) {
      this.#pause = FIRST_PAUSE;
      void this.open();
    } else if (transport.kind === 'webrtc') void transport.moved();
    else if (this.calm()) this.cut(transport);
    this.#lookForRtc(SETTLED_MS);
  }

  /** The house was away and is back: a call may have ended with it, and would notice only in seconds. */
  check() {
    if (this.#transport?.kind === 'webrtc') void this.#transport.moved();
    else if (!this.#transport) this.networkChanged();
  }

  /** A way that leads nowhere. @param {Transport} transport */
  cut(transport) {
    transport.close();
    this.#lost(transport);
  }

  /**
   * A way for speech that was recorded: over WebRTC there is none, so a WebSocket is opened, until WebRTC is taken again.
   * @returns {Promise<Transport | null>}
   */
  async forRecorded() {
    if (this.#transport?.kind === 'webrtc') {
      const socket = await this.#reach(() => new SocketTransport(this.#microphone), SOCKET_MS);
      // Somebody speaks over the other one, or nobody wants any.
      if (!this.#wanted || this.busy()) socket?.close();
      else if (socket) await this.#use(socket);
      this.#lookForRtc(AFTER_SPEECH_MS);
    }
    return this.#transport?.kind === 'websocket' ? this.#transport : null;
  }

  async #connect() {
    this.dispatchEvent(new Event('connecting'));
    // Tried even where the browser sees no network: the house may be this very machine.
    const transport = (await this.#reach(() => new RtcTransport(), RTC_MS)) ?? (await this.#reach(() => new SocketTransport(this.#microphone), SOCKET_MS));
    if (!this.#wanted) return transport?.close();
    if (!transport) return this.#offline(navigator.onLine ? 'no_server' : 'no_network');
    this.#pause = FIRST_PAUSE;
    await this.#use(transport);
    // Lost meanwhile: whoever opened again waits for this very attempt.
    if (this.#wanted && !this.#transport) return this.#offline('no_server');
    if (this.#transport?.kind === 'websocket') this.#lookForRtc(RETURN_MS);
    this.dispatchEvent(new Event('connected'));
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
    for (const name of ['event', 'playing']) {
      transport.addEventListener(name, (event) => {
        if (transport !== this.#transport) return;
        this.dispatchEvent(new CustomEvent(name, { detail: /** @type {CustomEvent} */ (event).detail }));
      });
    }
    transport.addEventListener('closed', () => this.#lost(transport));
    // A way that was closed takes no microphone any more.
    if (this.#microphone.stream) await transport.attach(this.#microphone.stream).catch(() => {});
    if (transport === this.#transport) this.dispatchEvent(new Event('up'));
  }

  /** @param {Transport} transport */
  #lost(transport) {
    if (transport !== this.#transport) return;
    this.#transport = null;
    this.dispatchEvent(new CustomEvent('down', { detail: transport }));
    if (this.#wanted) void this.open();
  }

  /** @param {'no_network' | 'no_server'} why */
  #offline(why) {
    this.dispatchEvent(new CustomEvent('offline', { detail: why }));
    this.#later('retry', this.#pause, () => void this.open());
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  /** WebRTC is better where it gets through: it is taken as soon as it does and nobody speaks. @param {number} ms */
  #lookForRtc(ms) {
    this.#later('rtc', ms, async () => {
      if (!this.#wanted || this.#transport?.kind !== 'websocket') return;
      const found = this.calm() ? await this.#reach(() => new RtcTransport(), RTC_MS) : null;
      if (found && this.#wanted && this.calm()) await this.#use(found);
      else {
        found?.close();
        this.#lookForRtc(RETURN_MS);
      }
    });
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
}
