// @ts-check
// Lists of things that belong to people, as settings show them.
import { h, fill, svg } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../lib/i18n.js';
import { get, remove, request } from '../lib/api.js';
import { attempt } from '../lib/errors.js';
import { announce, show } from '../lib/announce.js';

/**
 * A list that reads itself.
 * @template T
 * @param {string} path
 * @param {(one: T, again: () => void) => HTMLElement} item
 * @param {string} [empty] What is said where nothing is there.
 */
export function listOf(path, item, empty) {
  const list = h('ul', { class: 'list' });
  const read = async () => {
    /** @type {T[] | undefined} */
    const found = await attempt(() => get(path));
    if (!found) return;
    fill(list, ...found.map((one) => item(one, () => void read())), found.length === 0 && empty ? h('li', { class: 'quiet' }, empty) : null);
  };
  void read();
  return { element: list, read: () => void read() };
}

/**
 * A button that asks once more before it does what cannot be taken back.
 * @param {string} action
 * @param {string} title What it is done to.
 * @param {() => void} act
 */
export function sure(action, title, act) {
  let asked = false;
  const button = h('button', { type: 'button', class: 'chip', 'aria-label': `${action}: ${title}`, onclick: press }, action);
  const calm = () => {
    asked = false;
    button.classList.remove('danger');
    button.textContent = action;
    button.setAttribute('aria-label', `${action}: ${title}`);
  };
  function press() {
    if (asked) {
      calm();
      return act();
    }
    asked = true;
    button.classList.add('danger');
    button.textContent = t('delete_sure');
    button.setAttribute('aria-label', `${t('delete_sure')} ${action}: ${title}`);
  }
  button.addEventListener('blur', calm);
  return button;
}

/**
 * A line with a button that takes it away; asked twice.
 * @param {{ symbol: string, title: string, text: string, action: string, path?: string | undefined, again: () => void }} options
 */
export function line({ symbol, title, text, action, path, again }) {
  const away = async () => (await attempt(() => remove(path ?? '').then(() => true))) === true && again();
  return h('li', {}, icon(symbol, 22), h('div', {}, h('p', {}, title), h('p', { class: 'quiet' }, text)),
    path ? sure(action, title, () => void away()) : null);
}

/** @param {string} text */
export async function copy(text) {
  await navigator.clipboard?.writeText(text).then(() => announce(t('copied')), () => show(t('not_copied')));
}

/**
 * A link to this house: as a QR code, as text, to copy and to hand on.
 * @param {string} words What it is for.
 * @param {string} path
 * @param {...(Node | null)} more
 */
export async function handOver(words, path, ...more) {
  const link = new URL(path, location.origin).href;
  const share = () => void navigator.share({ title: 'Vesta', url: link }).catch(() => {});
  return [h('p', {}, words), await qr(link), ...more, h('p', { class: 'link' }, link), h('div', { class: 'row' },
    h('button', { type: 'button', class: 'chip', onclick: () => void copy(link) }, t('copy')),
    'share' in navigator ? h('button', { type: 'button', class: 'chip', onclick: share }, t('share')) : null)];
}

/** @param {string} link */
async function qr(link) {
  const made = await attempt(async () => (await request('POST', '/api/qr', { text: link })).json());
  if (!made) return null;
  /** @type {string[]} */
  const rows = made.rows;
  const size = rows.length;
  const dark = rows.flatMap((row, y) => [...row].flatMap((cell, x) => (cell === '1' ? [`M${x},${y}h1v1h-1z`] : []))).join('');
  return svg('svg', { class: 'qr', viewBox: `-3 -3 ${size + 6} ${size + 6}`, role: 'img', 'aria-label': t('people.qr'), 'shape-rendering': 'crispEdges' },
    svg('rect', { x: -3, y: -3, width: size + 6, height: size + 6, class: 'paper' }), svg('path', { d: dark, class: 'ink' }));
}
