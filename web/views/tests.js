// @ts-check
// Does the microphone hear, and how is the server reached? With what to do where it does not.
import { h, fill, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { number, t } from '../lib/i18n.js';
import { get } from '../lib/api.js';
import { Microphone, MicrophoneError } from '../voice/microphone.js';
import { RtcTransport } from '../voice/rtc.js';
import { SocketTransport } from '../voice/socket.js';
import { line } from './setting-parts.js';

const LISTEN_MS = 4_000;

export function microphoneTest() {
  const microphone = new Microphone();
  const meter = h('div', { class: 'level', role: 'meter', 'aria-label': t('mic.level'), 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-valuenow': '0' }, h('span', {}));
  const verdict = h('p', { role: 'status', class: 'verdict' });
  const devices = h('select', { class: 'choice', id: 'microphone', onchange: () => localStorage.setItem('vesta.microphone', devices.value) },
    h('option', { value: '' }, t('mic.default')));
  const start = h('button', { type: 'button', class: 'button', onclick: () => void test() }, icon('mic', 20), t('mic.test'));
  /** @type {number[]} */
  let levels = [];
  let clipped = 0;
  let pieces = 0;

  microphone.addEventListener('level', (event) => {
    const level = /** @type {CustomEvent<number>} */ (event).detail;
    levels.push(level);
    meter.style.setProperty('--level', level.toFixed(3));
    meter.setAttribute('aria-valuenow', String(Math.round(level * 100)));
  });
  microphone.addEventListener('pcm', (event) => {
    pieces += 1;
    if (/** @type {CustomEvent<Int16Array>} */ (event).detail.some((sample) => sample >= 32_700 || sample <= -32_700)) clipped += 1;
  });

  async function list() {
    const found = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []) ?? [];
    const inputs = found.filter((device) => device.kind === 'audioinput' && device.deviceId && device.deviceId !== 'default');
    fill(devices, h('option', { value: '' }, t('mic.default')), ...inputs.map((device) => h('option', { value: device.deviceId }, device.label || t('mic.unnamed'))));
    devices.value = localStorage.getItem('vesta.microphone') ?? '';
  }

  async function test() {
    [levels, clipped, pieces] = [[], 0, 0];
    start.disabled = true;
    try {
      await microphone.start();
      setText(verdict, t('mic.speak'));
      await list();
      await new Promise((resolve) => setTimeout(resolve, LISTEN_MS));
      setText(verdict, t(`mic.${diagnose()}`));
    } catch (error) {
      setText(verdict, t(`blocked.${error instanceof MicrophoneError ? error.code : 'unknown'}`));
    } finally {
      microphone.stop();
      meter.style.setProperty('--level', '0');
      meter.setAttribute('aria-valuenow', '0');
      start.disabled = false;
    }
  }

  /** @returns {'no_data' | 'silent' | 'clipping' | 'quiet' | 'noisy' | 'good'} */
  function diagnose() {
    if (pieces < 10) return 'no_data';
    const sorted = [...levels].sort((one, other) => one - other);
    const at = (/** @type {number} */ share) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
    if (at(1) < 0.05) return 'silent';
    if (clipped > pieces / 20) return 'clipping';
    if (at(0.95) < 0.3) return 'quiet';
    // Speech has pauses: where even the quietest moments are loud, something hums.
    if (at(0.1) > 0.55) return 'noisy';
    return 'good';
  }

  void list();
  return {
    element: h('div', { class: 'test' }, line('microphone', t('mic.which'), devices), h('div', { class: 'row' }, start, meter), verdict),
    leave: () => microphone.stop(),
  };
}

export function connectionTest() {
  const result = h('dl', { class: 'result' });
  const start = h('button', { type: 'button', class: 'button', onclick: () => void test() }, icon('wave', 20), t('connection.test'));
  const region = h('div', { role: 'status' }, result);

  /** @param {string} name @param {string} value @param {boolean} [good] */
  const row = (name, value, good = true) => [h('dt', {}, name), h('dd', { class: good ? 'good' : 'poor' }, value)];

  async function test() {
    start.disabled = true;
    fill(result, h('dt', {}, t('connection.running')), h('dd', {}));
    const rows = [];
    const began = performance.now();
    const reached = await get('/api/connection').then(() => performance.now() - began, () => null);
    rows.push(row(t('connection.server'), reached === null ? t('connection.unreachable') : `${number(reached, 0)} ms`, reached !== null));
    rows.push(row(t('connection.secure'), t(isSecureContext ? 'connection.yes' : 'connection.no'), isSecureContext));
    rows.push(row(t('connection.webrtc'), ...(await measure(() => new RtcTransport()))));
    rows.push(row(t('connection.websocket'), ...(await measure(() => new SocketTransport(new Microphone())))));
    fill(result, ...rows.flat());
    start.disabled = false;
  }

  /**
   * @param {() => import('../voice/transport.js').Transport} make
   * @returns {Promise<[string, boolean]>}
   */
  async function measure(make) {
    const transport = make();
    const began = performance.now();
    try {
      await transport.connect(AbortSignal.timeout(4_000));
      const took = performance.now() - began;
      // The first round trip is measured by the connection's own checks.
      await new Promise((resolve) => setTimeout(resolve, 600));
      const path = await transport.path();
      const rtt = path.rttMs === null ? '' : ` · ${t('connection.rtt', { ms: number(path.rttMs, 0) })}`;
      return [`${t(`path.${path.kind}`)}${rtt} · ${t('connection.took', { ms: number(took, 0) })}`, true];
    } catch {
      return [t('connection.blocked'), false];
    } finally {
      transport.close();
    }
  }

  return h('div', { class: 'test' }, h('p', { class: 'quiet' }, t('connection.text')), start, region);
}
