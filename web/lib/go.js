// @ts-check
import { h } from './dom.js';

/**
 * Shows another view.
 * @param {string} path
 */
export function go(path) {
  dispatchEvent(new CustomEvent('vesta-go', { detail: path }));
}

/** Begins anew: somebody signed in or out, or chose another language. */
export function restart() {
  dispatchEvent(new Event('vesta-restart'));
}

/**
 * A link to another view, which does not load the page again.
 * @param {string} path
 * @param {Record<string, unknown>} props
 * @param {...(Node | string | null)} children
 */
export function link(path, props, ...children) {
  return h('a', { ...props, href: path, onclick: follow }, ...children);
  /** @param {MouseEvent} event */
  function follow(event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(path);
  }
}
