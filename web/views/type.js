// @ts-check
// Type: the same conversation, in writing.
import { h, fill, fromServer } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { moment, t, word } from '../lib/i18n.js';
import { announce } from '../lib/announce.js';
import { conversation } from '../lib/conversation.js';
import { undoChip } from './turn-parts.js';

/** @returns {import('../main.js').View} */
export function typeView() {
  const list = h('ol', { class: 'messages', 'aria-label': t('type.conversation') });
  const empty = h('p', { class: 'empty' }, t('type.empty'));
  const scroll = h('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('type.conversation') }, empty, list);
  const field = h('textarea', { id: 'message', rows: 1, maxLength: 5_000, placeholder: t('type.placeholder'), autocomplete: 'off', enterKeyHint: 'send' });
  const send = h('button', { class: 'round primary', type: 'submit', 'aria-label': t('type.send') }, icon('send'));
  const form = h('form', { class: 'writer', onsubmit: submit }, h('label', { class: 'hidden', for: 'message' }, t('type.placeholder')), field, send);

  /** Elements that are shown, by what they show. @type {Map<string, { key: string, element: HTMLElement }>} */
  const shown = new Map();

  function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = '';
    grow();
    void conversation.write(text);
  }

  function grow() {
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight, 160)}px`;
  }

  field.addEventListener('input', grow);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
  });

  function paint() {
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    const items = [
      ...conversation.turns.map((turn) => ({ id: turn.id, at: turn.at_ms, key: JSON.stringify(turn), make: () => exchange(turn) })),
      ...conversation.pending.map((one) => ({ id: one.id, at: one.at_ms, key: `${one.state} ${one.kept}`, make: () => waiting(one) })),
    ].sort((one, other) => one.at - other.at);
    const elements = items.map(({ id, key, make }) => {
      const before = shown.get(id);
      if (before?.key === key) return before.element;
      const element = make();
      shown.set(id, { key, element });
      return element;
    });
    if (elements.length !== list.children.length || elements.some((element, at) => list.children[at] !== element)) fill(list, ...elements);
    empty.hidden = items.length > 0;
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    const last = conversation.turns.at(-1);
    if (last && last.id !== newest) {
      if (newest !== undefined && last.spoken) announce(last.spoken);
      newest = last.id;
    }
    newest ??= '';
  }
  /** @type {string | undefined} */
  let newest;

  conversation.addEventListener('change', paint);
  requestAnimationFrame(() => {
    paint();
    scroll.scrollTop = scroll.scrollHeight;
    if (matchMedia('(hover: hover)').matches) field.focus({ preventScroll: true });
  });

  return {
    element: h('div', { class: 'type' }, h('h1', { class: 'hidden' }, t('view.type')), scroll, form),
    leave: () => conversation.removeEventListener('change', paint),
  };
}

/** @param {Turn} turn */
function exchange(turn) {
  return h('li', { class: 'exchange', 'data-turn': turn.id },
    h('div', { class: 'bubble mine' }, h('span', { class: 'hidden' }, `${t('type.you')}: `),
      turn.mode === 'text' ? null : icon('mic', 16), turn.transcript || t('history.nothing_heard')),
    turn.html || turn.spoken
      ? h('div', { class: 'bubble theirs' }, h('span', { class: 'hidden' }, 'Vesta: '), turn.html ? fromServer(turn.html) : turn.spoken)
      : null,
    undoChip(turn, () => {}),
    h('time', { class: 'quiet', dateTime: new Date(turn.at_ms).toISOString() }, moment(turn.at_ms)));
}

/** @param {import('../lib/conversation.js').Pending} message */
function waiting(message) {
  const state = message.state === 'waiting' && !message.kept ? 'waiting_unkept' : message.state;
  const text = state === 'failed' ? word(`error.${message.code}`, t('type.failed')) : t(`type.${state}`);
  return h('li', { class: `exchange ${message.state}` },
    h('div', { class: 'bubble mine' }, message.text),
    h('p', { class: 'quiet', role: 'status' }, text,
      message.state === 'failed' ? h('button', { class: 'chip', type: 'button', onclick: () => conversation.dismiss(message.id) }, t('dismiss')) : null));
}
