// @ts-check
// Welcome: the first owner, an invited person, a further device, or signing in again.
import { h, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { LANGUAGES, language, remember, t, use } from '../lib/i18n.js';
import { post } from '../lib/api.js';
import { explain } from '../lib/errors.js';
import { restart } from '../lib/go.js';
import { me, signIn, theDoor } from '../lib/session.js';
import { makePasskey, signInWithPasskey, supported, wasCancelled } from '../lib/passkeys.js';

/** A house that does not answer is asked again this often. */
const AGAIN_MS = 3_000;

/** @returns {import('../main.js').View} */
export function welcomeView() {
  const card = h('div', { class: 'welcome-card' });
  const element = h('div', { class: 'welcome' }, h('div', { class: 'flame', 'aria-hidden': 'true' }), card, languages());
  const secret = location.hash.slice(1);
  if (secret) void useLink(secret, card);
  else if (me()) leave();
  else if (theDoor().reached) signInForms(card);
  else return { element, leave: awaitHouse(card) };
  return { element };
}

/**
 * The house does not answer: says so, and tries again by itself.
 * @param {HTMLElement} card
 */
function awaitHouse(card) {
  fill(card, h('h1', {}, t('state.offline')), h('p', { role: 'status' }, t(navigator.onLine ? 'offline.no_server' : 'offline.no_network')),
    h('button', { type: 'button', class: 'button', onclick: restart }, t('again')));
  const timer = setTimeout(restart, AGAIN_MS);
  addEventListener('online', restart);
  return () => {
    clearTimeout(timer);
    removeEventListener('online', restart);
  };
}

/** The link's secret must not stay in the address bar, nor in the history. */
function leave() {
  history.replaceState(null, '', '/');
  restart();
}

function languages() {
  const select = h('select', { 'aria-label': t('settings.language'), onchange: () => void choose() },
    ...Object.entries(LANGUAGES).map(([tag, name]) => h('option', { value: tag, selected: tag === language() }, name)));
  async function choose() {
    const chosen = /** @type {import('../lib/i18n.js').Language} */ (select.value);
    remember(chosen);
    await use(chosen);
    restart();
  }
  return h('label', { class: 'pick-language' }, icon('globe', 20), select);
}

/**
 * @param {string} secret
 * @param {HTMLElement} card
 */
async function useLink(secret, card) {
  fill(card, h('p', { class: 'quiet' }, t('state.connecting')));
  /** @type {any} */
  let link;
  try {
    link = await post('/api/auth/link', { secret });
  } catch (error) {
    fill(card, h('h1', {}, t('welcome.no_link')), h('p', {}, explain(error)),
      h('button', { type: 'button', class: 'button primary', onclick: () => (history.replaceState(null, '', '/welcome'), signInForms(card)) }, t('welcome.sign_in')));
    return;
  }
  const asksName = link.kind === 'owner' || (link.kind === 'invite' && !link.name);
  const name = h('input', { id: 'name', type: 'text', autocomplete: 'name', maxLength: 100, required: true });
  const problem = h('p', { class: 'warn', role: 'alert' });
  const form = h('form', { onsubmit: accept },
    asksName ? h('label', { for: 'name' }, t('welcome.your_name')) : null, asksName ? name : null,
    h('button', { type: 'submit', class: 'button primary' }, t(link.kind === 'device' ? 'welcome.use_device' : 'welcome.come_in')), problem);
  fill(card,
    h('h1', {}, t(`welcome.${link.kind}`, { name: link.name ?? '' })),
    h('p', {}, t(`welcome.${link.kind}_text`, { role: link.role ? t(`role.${link.role}`) : '' })),
    form);
  if (asksName) name.focus();

  async function accept(/** @type {Event} */ event) {
    event.preventDefault();
    problem.textContent = '';
    try {
      const body = { secret, ...(asksName ? { name: name.value.trim() } : {}), ...(link.kind === 'device' ? {} : { language: language() }) };
      signIn(await post('/api/auth/accept', body));
      history.replaceState(null, '', '/');
      offerPasskey(card);
    } catch (error) {
      problem.textContent = explain(error);
    }
  }
}

/** @param {HTMLElement} card */
function offerPasskey(card) {
  if (!supported() || !theDoor().passkeys.possible) return leave();
  const problem = h('p', { class: 'warn', role: 'alert' });
  fill(card,
    h('h1', {}, t('welcome.hello', { name: me()?.name ?? '' })),
    h('p', {}, t('welcome.passkey_text')),
    h('button', { type: 'button', class: 'button primary', onclick: () => void make() }, icon('key', 20), t('welcome.make_passkey')),
    h('button', { type: 'button', class: 'button', onclick: leave }, t('welcome.later')),
    problem);
  async function make() {
    try {
      await makePasskey(t('welcome.this_device'));
      leave();
    } catch (error) {
      if (!wasCancelled(error)) problem.textContent = explain(error);
    }
  }
}

/** @param {HTMLElement} card */
function signInForms(card) {
  const { owned, passkeys } = theDoor();
  const problem = h('p', { class: 'warn', role: 'alert' });
  const code = h('input', { id: 'code', type: 'text', autocomplete: 'one-time-code', autocapitalize: 'characters', spellcheck: false, maxLength: 20, required: true, placeholder: 'K7Q-9M2-XPB' });
  const usable = supported() && passkeys.possible;
  const why = usable ? '' : passkeys.why ? t(`welcome.no_passkey_${passkeys.why}`) : t('welcome.no_passkey_browser');

  /** @param {() => Promise<any>} how */
  async function enter(how) {
    problem.textContent = '';
    try {
      signIn(await how());
      leave();
    } catch (error) {
      if (!wasCancelled(error)) problem.textContent = explain(error);
    }
  }

  fill(card,
    h('h1', {}, t('welcome.title')),
    h('p', {}, t(owned ? 'welcome.text' : 'welcome.not_owned')),
    usable ? h('button', { type: 'button', class: 'button primary', onclick: () => void enter(signInWithPasskey) }, icon('key', 20), t('welcome.with_passkey')) : null,
    h('form', { onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), void enter(() => post('/api/auth/code', { code: code.value.trim() }))) },
      h('label', { for: 'code' }, t('welcome.code')), code,
      h('p', { class: 'quiet' }, t('welcome.code_text')),
      h('button', { type: 'submit', class: usable ? 'button' : 'button primary' }, t('welcome.sign_in'))),
    why ? h('p', { class: 'quiet' }, why) : null,
    problem);
}
