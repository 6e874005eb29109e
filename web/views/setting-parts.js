// @ts-check
// What settings are made of.
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../lib/i18n.js';
import { link } from '../lib/go.js';

/**
 * The way back from a view that belongs to another one.
 * @param {string} path
 * @param {string} name
 */
export function back(path, name) {
  return link(path, { class: 'back' }, icon('chevron', 18), t(`view.${name}`));
}

/**
 * Settings that belong together.
 * @param {string} symbol
 * @param {string} title
 * @param {...(Node | null)} children
 */
export function group(symbol, title, ...children) {
  return h('section', { class: 'group' }, h('h2', {}, icon(symbol, 20), title), h('div', { class: 'lines' }, ...children));
}

/**
 * One setting with its label.
 * @param {string} id Of the control.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [text] More about it.
 */
export function line(id, label, control, text) {
  return h('div', { class: 'line' }, h('div', {}, h('label', { for: id }, label), text ? h('p', { class: 'quiet' }, text) : null), control);
}
