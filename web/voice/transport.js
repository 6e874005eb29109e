// @ts-check
// What carries a Realtime session: JSON events both ways, and audio. Two of them exist, `rtc.js` and `socket.js`.

/**
 * @typedef {object} Path How the server is reached, for people.
 * @property {'udp' | 'tcp' | 'turn' | 'websocket'} kind
 * @property {number | null} rttMs Round trip in milliseconds.
 * @property {string} [detail]
 */

/**
 * Tells `event` (a server event), `playing` (whether the reply is heard now) and `closed` (with a reason).
 */
export class Transport extends EventTarget {
  kind = /** @type {'webrtc' | 'websocket'} */ ('websocket');

  /** @param {AbortSignal} signal @returns {Promise<void>} */
  async connect(signal) {
    signal.throwIfAborted();
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    void event;
  }

  /**
   * Whether the microphone is heard. `pieces` is what it recorded since the button was pressed and nobody heard yet.
   * @param {boolean} on
   */
  listen(on) {
    void on;
  }

  /** The microphone was opened. @param {MediaStream} stream */
  async attach(stream) {
    void stream;
  }

  /**
   * Speech recorded elsewhere: sent as a whole, as fast as it leaves.
   * @param {Int16Array} pcm
   * @param {() => boolean} still Whether it is still to be sent.
   * @returns {Promise<boolean>} Whether all of it left.
   */
  async speech(pcm, still) {
    void pcm;
    void still;
    return false;
  }

  /** The reply is to be silent at once. Returns the milliseconds that were heard, if known. @returns {number | null} */
  silence() {
    return null;
  }

  /** @returns {Promise<Path>} */
  async path() {
    return { kind: 'websocket', rttMs: null };
  }

  /** The network changed. */
  async moved() {}

  close() {}

  /** @param {unknown} event */
  tellEvent(event) {
    this.dispatchEvent(new CustomEvent('event', { detail: event }));
  }

  /** @param {boolean} playing */
  tellPlaying(playing) {
    this.dispatchEvent(new CustomEvent('playing', { detail: playing }));
  }

  /** @param {string} reason */
  tellClosed(reason) {
    this.dispatchEvent(new CustomEvent('closed', { detail: reason }));
  }
}
