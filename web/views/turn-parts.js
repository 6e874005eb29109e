// @ts-check
// What turns look like wherever they are shown.
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t, word } from '../lib/i18n.js';
import { attempt } from '../lib/errors.js';
import { announce } from '../lib/announce.js';
import { post } from '../lib/api.js';
import { may } from '../lib/session.js';
import { conversation } from '../lib/conversation.js';
import { stateWord } from '../cards/words.js';

/**
 * What was done, with the way back where there is one.
 * @param {Turn} turn
 * @param {(turn: Turn) => void} changed
 */
export function undoChip(turn, changed) {
  if (turn.changed.length === 0) return null;
  const names = turn.changed.slice(0, 3).map((change) => h('span', { class: 'change' }, icon(change.id.split('.')[0] ?? '', 18),
    ` ${change.name}`, change.after ? h('span', { class: 'quiet' }, ` ${stateWord(change.id.split('.')[0] ?? '', change.after)}`) : null));
  const more = turn.changed.length > 3 ? h('span', { class: 'quiet' }, t('turn.more', { count: turn.changed.length - 3 })) : null;
  const back = turn.undone
    ? h('span', { class: 'quiet' }, t('turn.undone'))
    : turn.undo && may('read_turns')
      ? h('button', { class: 'chip', type: 'button', onclick: () => void undo(turn, changed) }, icon('undo', 18), h('span', {}, t('turn.undo')))
      : null;
  return h('div', { class: 'deeds' }, h('div', { class: 'changes' }, ...names, more), back);
}

/**
 * @param {Turn} turn
 * @param {(turn: Turn) => void} changed
 */
async function undo(turn, changed) {
  const now = await attempt(() => post(`/api/turns/${turn.id}/undo`));
  if (!now) return;
  conversation.take(now);
  changed(now);
  announce(t('turn.undone'));
}

/** @param {Turn} turn */
export function outcome(turn) {
  const text = turn.error_code ? word(`error.${turn.error_code}`, t(`outcome.${turn.outcome}`)) : t(`outcome.${turn.outcome}`);
  return h('span', { class: `outcome ${turn.outcome}` }, text);
}
