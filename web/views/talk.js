// @ts-check
// Talk: one large button.
import { h, fill, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t, word } from '../lib/i18n.js';
import { announce } from '../lib/announce.js';
import { live } from '../lib/live.js';
import { me } from '../lib/session.js';
import { talk } from '../voice/talk.js';
import { listen as listenForHeadset } from '../voice/headset.js';
import { undoChip } from './turn-parts.js';

/** A press that is shorter is a tap: the button then stays down until the next one. */
const TAP_MS = 350;
/** An answer of more characters is written smaller. */
const LONG = 110;

/** @returns {import('../main.js').View} */
export function talkView() {
  let pressedAt = 0;
  let tapped = false;
  /** Whether the press cut the house short: a mere tap then meant no more than that. */
  let silenced = false;
  /** @type {Turn | null} */
  let turn = null;
  /** What is shown again where the press is given up. @type {Turn | null} */
  let before = null;

  const heard = h('p', { class: 'heard' });
  const answer = h('p', { class: 'answer' });
  const deed = h('div', { class: 'deed' });
  const greeting = h('div', { class: 'greeting' }, h('p', {}, greet()), h('ul', {}, ...[1, 2, 3].map((at) => h('li', {}, t(`talk.example_${at}`)))));
  const status = h('p', { class: 'state', role: 'status' });
  const why = h('p', { class: 'why' });
  const orb = h('button', { class: 'orb', type: 'button', 'aria-describedby': 'talk-hint' },
    h('span', { class: 'halo', 'aria-hidden': 'true' }), h('span', { class: 'core', 'aria-hidden': 'true' }, icon('mic', 56), icon('stop', 56)));
  const meter = h('span', { class: 'meter', 'aria-hidden': 'true' });
  const hands = h('button', { class: 'chip toggle', type: 'button', 'aria-pressed': 'false', onclick: () => void toggleHands() },
    icon('wave', 20), h('span', {}, t('talk.hands_free')));
  const way = h('span', { class: 'way' });

  async function down() {
    if (talk.handsFree) return talk.interrupt();
    if (tapped) return;
    silenced = talk.state === 'speaking';
    pressedAt = performance.now();
    [before, turn] = [turn, null];
    navigator.vibrate?.(12);
    await talk.press();
  }

  function up() {
    if (talk.handsFree || pressedAt === 0) return;
    const held = performance.now() - pressedAt;
    if (tapped || held >= TAP_MS) return finish();
    if (silenced) return giveUp();
    tapped = talk.pressed;
  }

  /** Begins, and the next one ends: for everything that is pressed and not held. */
  async function tap() {
    if (talk.handsFree || talk.state === 'speaking') return talk.interrupt();
    if (talk.pressed) return finish();
    await down();
    tapped = talk.pressed;
  }

  function giveUp() {
    tapped = false;
    pressedAt = 0;
    if (!talk.pressed) return;
    turn = before;
    talk.cancel();
  }

  function finish() {
    tapped = false;
    pressedAt = 0;
    navigator.vibrate?.(8);
    void talk.release();
  }

  async function toggleHands() {
    await talk.setHandsFree(!talk.handsFree);
    announce(t(talk.handsFree ? 'talk.hands_free_on' : 'talk.hands_free_off'));
  }

  orb.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    if (tapped) return finish();
    orb.setPointerCapture(event.pointerId);
    void down();
  });
  orb.addEventListener('pointerup', up);
  orb.addEventListener('pointercancel', giveUp);
  orb.addEventListener('contextmenu', (event) => event.preventDefault());
  // A click without a pointer comes from a screen reader or from Enter: it begins, and the next one ends.
  orb.addEventListener('click', (event) => {
    if (event.detail === 0 && !spaceDown) void tap();
  });

  let spaceDown = false;
  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === 'Escape' && event.type === 'keydown') {
      giveUp();
      talk.interrupt();
    }
    if (event.code !== 'Space' || (target !== orb && target.closest('button, a, input, textarea, select, [role=slider]'))) return;
    event.preventDefault();
    if (event.type === 'keyup') {
      spaceDown = false;
      up();
    } else if (!event.repeat && !spaceDown) {
      spaceDown = true;
      if (tapped) finish();
      else void down();
    }
  }

  function paint() {
    const { state, exchange } = talk;
    // The sentence may have been ended by its length: the next tap begins one.
    if (!talk.pressed) tapped = false;
    element.dataset.state = state;
    orb.setAttribute('aria-label', t(state === 'listening' ? 'talk.button_end' : state === 'speaking' ? 'talk.button_stop' : 'talk.button'));
    orb.setAttribute('aria-pressed', String(state === 'listening'));
    hands.setAttribute('aria-pressed', String(talk.handsFree));
    setText(status, t(state === 'ready' && talk.handsFree ? 'state.ready_hands_free' : `state.${state}`));
    const reason = state === 'blocked' ? `blocked.${talk.why}` : state === 'offline' ? `offline.${talk.why}` : '';
    const kept = talk.kept > 0 ? t(talk.kept === 1 ? 'talk.kept_one' : 'talk.kept', { count: talk.kept }) : '';
    const failed = exchange.error ? word(`error.${exchange.error}`, exchange.answer ? '' : t('error.internal')) : '';
    setText(why, [reason && t(reason), kept, failed].filter(Boolean).join(' ') || hint());
    why.classList.toggle('warn', Boolean(reason || kept || failed));
    setText(heard, exchange.heard);
    greeting.hidden = Boolean(turn || exchange.heard || exchange.answer || exchange.error);
    heard.classList.toggle('unsettled', exchange.unsettled);
    const said = exchange.answer || (turn?.spoken ?? '');
    setText(answer, said);
    answer.classList.toggle('long', said.length > LONG);
    setText(way, talk.way ? t(`way.${talk.way}`) : '');
    if (turn && !exchange.heard) setText(heard, turn.transcript ?? '');
    fill(deed, turn && undoChip(turn, (now) => ((turn = now), paint())));
    trust.hidden = !(state === 'blocked' && talk.why === 'insecure');
  }

  function level(/** @type {Event} */ event) {
    const now = /** @type {CustomEvent<number>} */ (event).detail;
    element.style.setProperty('--level', now.toFixed(3));
  }

  function found(/** @type {Event} */ event) {
    const now = /** @type {CustomEvent<Turn>} */ (event).detail;
    if (now.id !== turn?.id) {
      const mine = !now.person || now.person === me()?.id;
      // Clocks differ between devices: what was heard tells whose sentence it is, not when.
      const { since, heard: said, unsettled } = talk.exchange;
      if (since === 0 || !mine || now.mode === 'text' || (said && !unsettled && now.transcript !== said)) return;
    }
    turn = now;
    paint();
  }

  function hidden() {
    if (document.hidden) giveUp();
  }

  /** What to do, or what is being waited for. */
  function hint() {
    if (talk.handsFree && (talk.state === 'ready' || talk.state === 'listening')) return t('talk.hint_hands_free');
    if (talk.state === 'listening') return t(tapped ? 'talk.hint_tapped' : 'talk.hint_held');
    return word(`talk.hint_${talk.state}`, '');
  }

  const trust = h('a', { class: 'button', href: '/trust', hidden: true }, t('talk.make_secure'));
  const element = h('div', { class: 'talk' },
    h('h1', { class: 'hidden' }, t('view.talk')),
    h('div', { class: 'words', 'aria-live': 'polite' }, greeting, heard, answer, deed),
    h('div', { class: 'press' }, orb, status, why, trust),
    h('div', { class: 'foot' }, hands, meter, way),
    h('p', { class: 'hidden', id: 'talk-hint' }, t('talk.keys')),
  );

  talk.addEventListener('change', paint);
  talk.microphone.addEventListener('level', level);
  live.addEventListener('turn', found);
  document.addEventListener('keydown', key);
  document.addEventListener('keyup', key);
  document.addEventListener('visibilitychange', hidden);
  const stopListening = listenForHeadset(() => void tap());
  void talk.open();
  paint();

  return {
    element,
    leave() {
      talk.removeEventListener('change', paint);
      talk.microphone.removeEventListener('level', level);
      live.removeEventListener('turn', found);
      document.removeEventListener('keydown', key);
      document.removeEventListener('keyup', key);
      document.removeEventListener('visibilitychange', hidden);
      stopListening();
      talk.close();
    },
  };
}

function greet() {
  const hour = new Date().getHours();
  const part = hour < 5 ? 'night' : hour < 11 ? 'morning' : hour < 18 ? 'day' : hour < 22 ? 'evening' : 'night';
  return t(`talk.good_${part}`, { name: me()?.name ?? '' });
}
