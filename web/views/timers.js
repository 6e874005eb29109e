// @ts-check
// Timers that run, with what is left of them.
import { h, fill, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { moment, t } from '../lib/i18n.js';
import { live } from '../lib/live.js';
import { post } from '../lib/api.js';
import { attempt } from '../lib/errors.js';
import { show } from '../lib/announce.js';

/**
 * Hours, minutes and seconds.
 * @param {number} ms
 */
export function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, '0') : String(part))).join(':');
}

/** @param {Timer} timer */
function called(timer) {
  return timer.name || timer.command || t(timer.by_clock ? 'home.alarm' : 'home.timer');
}

/** @param {Timer} timer */
function left(timer) {
  return timer.ends_at_ms === null ? timer.left_ms : timer.ends_at_ms - Date.now();
}

export function timersSection() {
  const list = h('div', { class: 'grid' });
  const name = h('input', { type: 'text', id: 'timer-name', maxLength: 60, autocomplete: 'off' });
  const minutes = h('input', { type: 'number', id: 'timer-minutes', min: '1', max: '10080', value: '5', inputMode: 'numeric', required: true });
  const form = h('form', { class: 'form inline', onsubmit: start },
    h('div', {}, h('label', { for: 'timer-minutes' }, t('home.minutes')), minutes),
    h('div', {}, h('label', { for: 'timer-name' }, t('home.timer_name')), name),
    h('button', { type: 'submit', class: 'button' }, icon('play', 20), t('card.start')));
  const fresh = h('details', { class: 'more' }, h('summary', {}, icon('timer', 18), t('home.new_timer')), form);
  const heading = h('header', {}, h('h2', { id: 'timers' }, t('home.timers')));
  const section = h('section', { class: 'room timers', 'aria-label': t('home.timers') }, heading, list, fresh);

  async function start(/** @type {Event} */ event) {
    event.preventDefault();
    const body = { seconds: Math.round(Number(minutes.value) * 60), ...(name.value.trim() ? { name: name.value.trim() } : {}) };
    if (!(await attempt(() => post('/api/timers', body)))) return;
    name.value = '';
    fresh.open = false;
  }

  /** @type {Map<string, { timer: Timer, shown: HTMLElement, card: HTMLElement }>} */
  let shown = new Map();

  function build() {
    shown = new Map();
    fill(list, ...live.timers.map((timer) => {
      const time = h('p', { class: 'reading', role: 'timer' });
      const name = called(timer);
      const running = timer.ends_at_ms !== null && !timer.ringing;
      const element = h('article', { class: 'card timer' },
        h('div', { class: 'head' }, h('span', { class: 'badge' }, icon('timer')), h('div', { class: 'text' }, h('h3', { class: 'name' }, name), time)),
        h('div', { class: 'tools' },
          timer.ringing || timer.by_clock ? null : h('button', { type: 'button', class: 'tool', 'aria-label': t(running ? 'card.pause' : 'card.start'), onclick: () => void tell(timer, running ? 'pause' : 'resume') }, icon(running ? 'pause' : 'play', 22)),
          h('button', { type: 'button', class: 'tool', 'aria-label': t(timer.ringing ? 'card.stop' : 'home.cancel_timer', { name }), onclick: () => void tell(timer, 'cancel') }, icon('close', 22))));
      shown.set(timer.id, { timer, shown: time, card: element });
      return element;
    }));
    heading.hidden = live.timers.length === 0;
    list.hidden = live.timers.length === 0;
    tick();
  }

  function tick() {
    for (const { timer, shown: time, card } of shown.values()) {
      const ms = left(timer);
      const shows = timer.by_clock && timer.ends_at_ms !== null ? moment(timer.ends_at_ms) : clock(ms);
      setText(time, timer.ringing ? t('home.timer_over') : shows);
      card.classList.toggle('on', timer.ringing || (timer.ends_at_ms !== null && ms > 0));
      card.style.setProperty('--left', String(Math.max(0, Math.min(1, ms / (timer.length_ms || 1)))));
    }
  }

  const ticking = setInterval(tick, 250);
  live.addEventListener('timers', build);
  build();
  return {
    element: section,
    leave() {
      clearInterval(ticking);
      live.removeEventListener('timers', build);
    },
  };
}

/** @param {Timer} timer @param {'pause' | 'resume' | 'cancel'} what */
async function tell(timer, what) {
  const over = timer.ringing;
  const seconds = Math.round(left(timer) / 1_000);
  const done = await attempt(() => post(`/api/timers/${encodeURIComponent(timer.id)}/${what}`));
  // A command for later cannot be given by touch.
  if (!done || what !== 'cancel' || over || seconds < 1 || timer.command) return;
  const { name, area } = timer;
  const when = timer.by_clock ? { at_ms: timer.ends_at_ms } : { seconds };
  const again = () => attempt(() => post('/api/timers', { ...when, ...(name ? { name } : {}), ...(area ? { area } : {}) }));
  show(t('home.timer_ended', { name: called(timer) }), { label: t('turn.undo'), act: () => void again() });
}
