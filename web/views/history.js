// @ts-check
// History: what was said and done, with how it came about.
import { h, fill, fromServer } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { day, number, t, time } from '../lib/i18n.js';
import { get, post, put, remove } from '../lib/api.js';
import { live } from '../lib/live.js';
import { may, me } from '../lib/session.js';
import { attempt } from '../lib/errors.js';
import { announce } from '../lib/announce.js';
import { sure } from './list-parts.js';
import { outcome, undoChip } from './turn-parts.js';

const PAGE = 50;

/** @returns {import('../main.js').View} */
export function historyView() {
  /** @type {Turn[]} */
  let turns = [];
  let done = false;
  let query = '';
  let wrong = false;
  let asked = 0;
  /** What is shown of each turn: made once, so that what is open stays open. @type {Map<string, { element: HTMLElement, show: (turn: Turn) => void }>} */
  const entries = new Map();
  /** Names of the others, for whoever sees their turns. @type {Map<string, string>} */
  const names = new Map();

  const list = h('div', { class: 'days' });
  const empty = h('p', { class: 'empty' }, t('history.empty'));
  const more = h('button', { type: 'button', class: 'button', onclick: () => void load(false) }, t('history.more'));
  const search = h('input', { type: 'search', placeholder: t('history.search'), 'aria-label': t('history.search'), maxLength: 200 });
  const flagged = h('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', onclick: () => flip() }, icon('flag', 18), h('span', {}, t('history.went_wrong')));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  search.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      query = search.value.trim();
      void load(true);
    }, 250);
  });

  function flip() {
    wrong = !wrong;
    flagged.setAttribute('aria-pressed', String(wrong));
    void load(true);
  }

  /** @param {boolean} anew */
  async function load(anew) {
    asked += 1;
    const mine = asked;
    const params = new URLSearchParams({ limit: String(PAGE) });
    if (query) params.set('text', query);
    if (wrong) params.set('went_wrong', 'true');
    const last = turns.at(-1);
    if (!anew && last) params.set('before_ms', String(last.at_ms));
    const found = await attempt(() => get(`/api/turns?${params}`));
    if (!found || mine !== asked) return;
    turns = anew ? found : [...turns, ...found];
    done = found.length < PAGE;
    paint();
  }

  function paint() {
    /** @type {Map<string, Turn[]>} */
    const days = new Map();
    for (const turn of turns) {
      const name = day(turn.at_ms);
      days.set(name, [...(days.get(name) ?? []), turn]);
    }
    fill(list, ...[...days].map(([name, ones]) => h('section', {}, h('h2', {}, name), h('ol', { class: 'turns' }, ...ones.map((turn) => shown(turn).element)))));
    empty.textContent = t(query || wrong ? 'history.none_found' : 'history.empty');
    empty.hidden = turns.length > 0 || asked === 0;
    more.hidden = done;
  }

  /** @param {Turn} turn */
  function shown(turn) {
    const one = entries.get(turn.id) ?? entry(turn);
    entries.set(turn.id, one);
    one.show(turn);
    return one;
  }

  /** @param {Turn} first */
  function entry(first) {
    let turn = first;
    let key = '';
    const body = h('div', { class: 'detail' });
    const summary = h('summary', {});
    const details = h('details', { 'data-turn': turn.id }, summary, body);
    details.addEventListener('toggle', () => {
      if (details.open && body.childElementCount === 0) void open(turn, body);
    });
    return {
      element: h('li', {}, details),
      /** @param {Turn} now */
      show(now) {
        turn = now;
        const who = turn.person && turn.person !== me()?.id ? names.get(turn.person) : undefined;
        if (key === (key = JSON.stringify([turn, who]))) return;
        fill(summary,
          h('span', { class: `mode ${turn.outcome}`, 'aria-hidden': 'true' }, icon(turn.mode === 'text' ? 'type' : 'mic', 18)),
          h('span', { class: 'said' }, h('span', { class: 'question' }, turn.transcript || t('history.nothing_heard')), h('span', { class: 'reply' }, turn.spoken ?? '')),
          h('span', { class: 'meta' }, turn.went_wrong === null ? null : h('span', { class: 'flagged', role: 'img', 'aria-label': t('history.went_wrong') }, icon('flag', 16)),
            who ? h('span', { class: 'who' }, who) : null, h('time', { dateTime: new Date(turn.at_ms).toISOString() }, time(turn.at_ms))));
      },
    };
  }

  /** @param {Turn} turn @param {HTMLElement} body */
  async function open(turn, body) {
    const full = await attempt(() => get(`/api/turns/${turn.id}`));
    if (!full) return;
    const path = `/api/turns/${turn.id}`;
    const result = h('div', { class: 'replayed', role: 'status' });
    const note = h('form', { class: 'note', hidden: full.went_wrong === null, onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), void flag(field.value)) });
    const field = h('input', { type: 'text', maxLength: 500, value: full.went_wrong ?? '', placeholder: t('history.note'), 'aria-label': t('history.note') });
    note.append(field, h('button', { class: 'chip', type: 'submit' }, t('save')));
    const flagButton = h('button', { type: 'button', class: 'chip', 'aria-pressed': String(full.went_wrong !== null), onclick: () => void toggle() }, icon('flag', 18), h('span', {}, t('history.flag')));

    async function toggle() {
      const on = note.hidden;
      if ((await attempt(() => (on ? put(`${path}/went-wrong`, { note: '' }) : remove(`${path}/went-wrong`)).then(() => true))) !== true) return;
      note.hidden = !on;
      flagButton.setAttribute('aria-pressed', String(on));
      if (on) field.focus();
    }

    async function flag(/** @type {string} */ text) {
      if ((await attempt(() => put(`${path}/went-wrong`, { note: text }).then(() => true))) === true) announce(t('saved'));
    }

    async function replay() {
      fill(result, t('history.replaying'));
      const now = await attempt(() => post(`${path}/replay`));
      if (!now) return fill(result);
      fill(result, h('p', {}, t(now.same ? 'history.same' : 'history.differs')),
        now.same ? null : h('p', { class: 'prose' }, `“${now.transcript ?? ''}” `, h('code', {}, now.error_code ?? now.intents.map((/** @type {any} */ one) => one.intent).join(', '))));
    }

    const erase = sure(t('delete'), turn.transcript ?? '', () => void drop());
    async function drop() {
      if ((await attempt(() => remove(path).then(() => true))) !== true) return;
      turns = turns.filter((other) => other.id !== turn.id);
      paint();
      announce(t('history.deleted'));
      search.focus();
    }

    const intents = full.intents.map((/** @type {any} */ one) => h('code', {}, `${one.intent} ${slots(one.slots)}`));
    const waterfall = h('img', { class: 'waterfall', src: `${path}/waterfall`, alt: timing(full), loading: 'lazy' });
    fill(body,
      h('div', { class: 'facts' }, outcome(turn), h('span', { class: 'quiet' }, [full.source, full.language].join(' · ')), ...intents),
      full.html ? h('blockquote', {}, fromServer(full.html)) : null,
      undoChip(turn, (now) => {
        Object.assign(turn, now);
        body.replaceChildren();
        void open(turn, body);
      }),
      full.heard_s === null ? null : player(t('history.heard'), `${path}/audio/heard`),
      full.reply_s === null ? null : player(t('history.reply'), `${path}/audio/reply`),
      h('figure', { class: 'plot', tabIndex: 0, role: 'group', 'aria-label': t('history.waterfall') }, waterfall),
      h('div', { class: 'tools-row' },
        full.heard_s !== null || full.mode === 'text' ? h('button', { type: 'button', class: 'chip', onclick: () => void replay() }, icon('play', 18), h('span', {}, t('history.replay'))) : null,
        flagButton, erase),
      note, result);
  }

  function told(/** @type {Event} */ event) {
    const turn = /** @type {CustomEvent<Turn>} */ (event).detail;
    const at = turns.findIndex((known) => known.id === turn.id);
    if (at >= 0) {
      turns[at] = turn;
      shown(turn);
      return;
    }
    if (query || wrong || turn.outcome === 'nothing') return;
    turns.unshift(turn);
    paint();
  }

  function gone(/** @type {Event} */ event) {
    const id = /** @type {CustomEvent<string>} */ (event).detail;
    if (!turns.some((turn) => turn.id === id)) return;
    turns = turns.filter((turn) => turn.id !== id);
    paint();
  }

  async function meetOthers() {
    const people = await get('/api/people').catch(() => []);
    for (const { id, name } of people) names.set(id, name);
    paint();
  }

  live.addEventListener('turn', told);
  live.addEventListener('turn_deleted', gone);
  if (may('read_all_turns') && may('manage_people')) void meetOthers();
  if (may('read_turns')) void load(true);
  else {
    more.hidden = true;
    empty.textContent = t('history.not_allowed');
  }

  return {
    element: h('div', { class: 'history' },
      h('h1', {}, t('view.history')),
      h('div', { class: 'bar', role: 'search' }, search, flagged), empty, list, more),
    leave() {
      live.removeEventListener('turn', told);
      live.removeEventListener('turn_deleted', gone);
    },
  };
}

/** @param {string} label @param {string} src */
function player(label, src) {
  return h('figure', { class: 'player' }, h('figcaption', {}, label), h('audio', { controls: true, preload: 'none', src, 'aria-label': label }));
}

/** @param {Record<string, unknown>} slots */
function slots(slots) {
  return Object.entries(slots ?? {}).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
}

/** The plot in words. @param {any} turn */
function timing(turn) {
  return turn.stages.map((/** @type {any} */ stage) => `${stage.name} ${number(stage.end_ms - stage.start_ms, 0)} ms`).join(', ') || t('history.waterfall');
}
