// @ts-check
// The button of a headset. Browsers hand it to the page that plays something; a page that only waits has to play silence for it, and music
// of other apps then stops. So that is done only where somebody chose it.

const KEPT = 'vesta.headset';
const SECONDS = 10;
const RATE = 8_000;
/** Buttons of keyboards and headsets that reach the page as keys. */
const KEYS = ['MediaPlayPause', 'MediaPlay', 'MicrophoneToggle', 'HeadsetHook'];

/** @type {HTMLAudioElement | null} */
let silence = null;

/** Whether the page waits for the button while nothing is played. */
export function waits() {
  return localStorage.getItem(KEPT) === 'on';
}

/** @param {boolean} on */
export function choose(on) {
  if (on) localStorage.setItem(KEPT, 'on');
  else localStorage.removeItem(KEPT);
}

/** Silence as a WAV file: 8 bits, where 128 is nothing. */
function quiet() {
  const bytes = new Uint8Array(44 + SECONDS * RATE).fill(128, 44);
  const view = new DataView(bytes.buffer);
  const text = (/** @type {number} */ at, /** @type {string} */ what) => bytes.set(new TextEncoder().encode(what), at);
  text(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  text(36, 'data');
  view.setUint32(40, bytes.length - 44, true);
  return new Blob([bytes], { type: 'audio/wav' });
}

/**
 * Listens for the button until what is returned is called.
 * @param {() => void} pressed
 * @returns {() => void}
 */
export function listen(pressed) {
  const session = navigator.mediaSession;
  const actions = /** @type {MediaSessionAction[]} */ (['play', 'pause', 'stop', 'togglemicrophone']);
  /** @param {(() => void) | null} handler */
  const handle = (handler) => {
    for (const action of session ? actions : []) {
      try {
        session.setActionHandler(action, handler);
      } catch {
        // This browser does not know the action.
      }
    }
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (!KEYS.includes(event.key) || event.repeat) return;
    event.preventDefault();
    pressed();
  };
  // Sound may begin only after a touch or a key.
  const begin = () => {
    if (!waits()) return;
    silence ??= Object.assign(new Audio(URL.createObjectURL(quiet())), { loop: true });
    void silence.play().catch(() => {});
  };
  if (session) session.metadata = new MediaMetadata({ title: 'Vesta' });
  handle(() => {
    // The browser believes that it has paused what is played: it goes on.
    begin();
    pressed();
  });
  addEventListener('keydown', key);
  addEventListener('pointerup', begin);
  begin();
  return () => {
    handle(null);
    removeEventListener('keydown', key);
    removeEventListener('pointerup', begin);
    silence?.pause();
  };
}
