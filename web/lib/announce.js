// @ts-check
// Tells screen readers what others see, and shows short messages.
import { h, setText } from './dom.js';

const polite = h('p', { class: 'hidden', 'aria-live': 'polite' });
const toast = h('p', { class: 'toast', role: 'alert' });

/** To be placed once on the page. */
export const announcer = h('div', {}, polite, toast);

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function announce(text) {
  setText(polite, text);
}

/**
 * A message for a few seconds.
 * @param {string} text
 */
export function show(text) {
  setText(toast, text);
  toast.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.classList.remove('shown');
    setText(toast, '');
  }, 6_000);
}
