// @ts-check
// Tells screen readers what others see, and shows short messages.
import { h, fill, setText } from './dom.js';

const polite = h('p', { class: 'hidden', 'aria-live': 'polite' });
const toast = h('div', { class: 'toast', role: 'alert' });

const SHOWN_MS = 6_000;
/** Where there is something to press, there is time to get there. */
const ANSWERABLE_MS = 12_000;

/** To be placed once on the page. */
export const announcer = h('div', {}, polite, toast);

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function announce(text) {
  setText(polite, text);
}

/**
 * A message for a few seconds, with something that may be done about it.
 * @param {string} text
 * @param {{ label: string, act: () => void }} [action]
 */
export function show(text, action) {
  const button = action
    ? h('button', { type: 'button', class: 'chip', onclick: () => (hide(), action.act()) }, action.label)
    : null;
  fill(toast, h('span', {}, text), button);
  toast.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(hide, action ? ANSWERABLE_MS : SHOWN_MS);
}

function hide() {
  clearTimeout(timer);
  toast.classList.remove('shown');
  fill(toast);
}
