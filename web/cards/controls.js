// @ts-check
// The parts that cards are made of. Each has `set`, which never moves what somebody is just moving.
import { h, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { post } from '../lib/api.js';
import { show } from '../lib/announce.js';
import { t } from '../lib/i18n.js';
import { stateWord } from './words.js';
import { attempt } from '../lib/errors.js';

/** After a touch, what the device reports is left alone for so long: it may still be the old. */
const SETTLE_MS = 1_200;
/** While a slider is moved, the device is told this often. */
const THROTTLE_MS = 180;

/** What the same control takes back as easily: no word is made about it. */
const PLAIN = ['turn_on', 'turn_off', 'toggle', 'set_volume', 'mute', 'play', 'pause', 'next', 'previous', 'set_speed'];

/**
 * Does something to an entity; says what went wrong if it does, and offers the way back where it is not in sight.
 * @param {string} id
 * @param {{ action: string } & Record<string, unknown>} action
 */
export async function act(id, action) {
  const done = await attempt(() => post(`/api/entities/${encodeURIComponent(id)}/actions`, action));
  const [change] = done?.changed ?? [];
  if (!done?.undo || !change || PLAIN.includes(action.action) || action.brightness !== undefined) return;
  const state = change.after ? `: ${stateWord(id.split('.')[0] ?? '', change.after)}` : '';
  show(`${change.name}${state}`, { label: t('turn.undo'), act: () => void attempt(() => post(`/api/actions/${done.undo}/undo`)) });
}

/**
 * A slider.
 * @param {{ label: string, min: number, max: number, step?: number, unit?: string, class?: string, live?: boolean, set: (value: number) => void }} options
 */
export function slider(options) {
  const { label, min, max, step = 1, unit = ' %' } = options;
  let touched = -Infinity;
  let told = 0;
  const input = h('input', { type: 'range', class: `slider ${options.class ?? ''}`, min: String(min), max: String(max), step: String(step), 'aria-label': label });
  const fillTo = () => input.style.setProperty('--fill', `${((Number(input.value) - min) / (max - min || 1)) * 100}%`);
  const say = () => input.setAttribute('aria-valuetext', `${input.value}${unit}`);
  input.addEventListener('input', () => {
    touched = performance.now();
    fillTo();
    say();
    if (options.live !== false && touched - told > THROTTLE_MS) {
      told = touched;
      options.set(Number(input.value));
    }
  });
  input.addEventListener('change', () => {
    touched = performance.now();
    options.set(Number(input.value));
  });
  return {
    element: input,
    /** @param {number} value */
    set(value) {
      if (performance.now() - touched < SETTLE_MS) return;
      input.value = String(value);
      fillTo();
      say();
    },
  };
}

/**
 * A button with an icon.
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} onclick
 * @param {string} [kind]
 */
export function tool(symbol, label, onclick, kind = 'tool') {
  const button = h('button', { type: 'button', class: kind, 'aria-label': label, title: label, onclick }, icon(symbol, 22));
  return {
    element: button,
    /** @param {string} name @param {string} words */
    become(name, words) {
      if (button.title === words) return;
      button.title = words;
      button.setAttribute('aria-label', words);
      button.replaceChildren(icon(name, 22));
    },
  };
}

/**
 * A choice of one of several.
 * @param {string} label
 * @param {(value: string) => string} word
 * @param {(value: string) => void} choose
 */
export function choice(label, word, choose) {
  const select = h('select', { class: 'choice', 'aria-label': label, onchange: () => choose(select.value) });
  let known = '';
  return {
    element: select,
    /** @param {string[]} options @param {string | null | undefined} value */
    set(options, value) {
      if (known !== options.join('\n')) {
        known = options.join('\n');
        select.replaceChildren(...options.map((option) => h('option', { value: option }, word(option))));
      }
      if (document.activeElement !== select || select.value !== value) select.value = value ?? '';
    },
  };
}

/**
 * A value with a minus and a plus; the device is told when nobody has pressed for a moment.
 * @param {{ label: string, less: string, more: string, format: (value: number) => string, set: (value: number) => void }} options
 */
export function stepper(options) {
  let [value, min, max, step] = [NaN, -Infinity, Infinity, 1];
  let touched = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const shown = h('output', { class: 'target' });
  const move = (/** @type {number} */ by) => {
    if (!Number.isFinite(value)) return;
    touched = performance.now();
    value = Math.min(max, Math.max(min, Math.round((value + by * step) / step) * step));
    setText(shown, options.format(value));
    clearTimeout(timer);
    timer = setTimeout(() => options.set(value), 450);
  };
  const less = tool('minus', options.less, () => move(-1), 'round');
  const more = tool('plus', options.more, () => move(1), 'round');
  return {
    element: h('div', { class: 'stepper', role: 'group', 'aria-label': options.label }, less.element, shown, more.element),
    /** @param {number | null | undefined} now @param {number} low @param {number} high @param {number} by */
    set(now, low, high, by) {
      [min, max, step] = [low, high, by || 1];
      if (performance.now() - touched < SETTLE_MS) return;
      value = now ?? NaN;
      setText(shown, Number.isFinite(value) ? options.format(value) : '–');
    },
  };
}
