// @ts-check
// Settings that have to do with people: devices, passkeys, invitations, tokens.
import { h, fill, svg } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { LANGUAGES, language, moment, t } from '../lib/i18n.js';
import { get, post, remove, request } from '../lib/api.js';
import { attempt, explain } from '../lib/errors.js';
import { announce, show } from '../lib/announce.js';
import { me, theDoor } from '../lib/session.js';
import { makePasskey, supported, wasCancelled } from '../lib/passkeys.js';
import { group } from './setting-parts.js';

const ROLES = /** @type {const} */ (['adult', 'child', 'guest', 'owner']);

/**
 * A list that reads itself.
 * @template T
 * @param {string} path
 * @param {(one: T, again: () => void) => HTMLElement} item
 */
function listOf(path, item) {
  const list = h('ul', { class: 'list' });
  const read = async () => {
    const found = await attempt(() => get(path));
    if (found) fill(list, ...found.map((/** @type {T} */ one) => item(one, () => void read())));
  };
  void read();
  return { element: list, read: () => void read() };
}

/**
 * A line with a button that takes it away; asked twice.
 * @param {{ symbol: string, title: string, text: string, action: string, path?: string | undefined, again: () => void }} options
 */
function item({ symbol, title, text, action, path, again }) {
  let sure = false;
  const button = h('button', { type: 'button', class: 'chip', 'aria-label': `${action}: ${title}`, onclick: () => void press() }, action);
  async function press() {
    if (!sure) {
      sure = true;
      button.classList.add('danger');
      button.textContent = t('delete_sure');
      return;
    }
    if ((await attempt(() => remove(path ?? '').then(() => true))) === true) again();
  }
  return h('li', {}, icon(symbol, 22), h('div', {}, h('p', {}, title), h('p', { class: 'quiet' }, text)), path ? button : null);
}

export function devicesSection() {
  const { element, read } = listOf('/api/devices', (/** @type {any} */ device, again) =>
    item({
      symbol: 'device',
      title: device.name,
      text: `${device.current ? t('devices.this') : t('devices.seen', { when: moment(device.seen_at_ms) })}${device.address ? ` · ${device.address}` : ''}`,
      action: t('devices.revoke'),
      path: device.current ? undefined : `/api/devices/${device.id}`,
      again,
    }));
  const shown = h('div', { class: 'shown', role: 'status' });
  async function pair() {
    const made = await attempt(() => post('/api/auth/pair', {}));
    if (!made) return;
    fill(shown, h('p', {}, t('devices.pair_text')), await qr(made.path), h('p', { class: 'code' }, made.code), h('p', { class: 'quiet' }, t('devices.expires', { when: moment(made.expires_at_ms) })));
    read();
  }
  return group('device', t('settings.devices'), element,
    h('button', { type: 'button', class: 'button', onclick: () => void pair() }, icon('plus', 20), t('devices.add')), shown);
}

export function passkeysSection() {
  const { element, read } = listOf('/api/passkeys', (/** @type {any} */ key, again) =>
    item({ symbol: 'key', title: key.name, text: `${key.host} · ${moment(key.created_at_ms)}`, action: t('delete'), path: `/api/passkeys/${key.id}`, again }));
  const { passkeys } = theDoor();
  const possible = supported() && passkeys.possible;
  async function add() {
    try {
      await makePasskey(t('welcome.this_device'));
      read();
    } catch (error) {
      if (!wasCancelled(error)) show(explain(error));
    }
  }
  return group('key', t('settings.passkeys'), element,
    possible ? h('button', { type: 'button', class: 'button', onclick: () => void add() }, icon('plus', 20), t('welcome.make_passkey'))
      : h('p', { class: 'quiet' }, t(passkeys.why ? `welcome.no_passkey_${passkeys.why}` : 'welcome.no_passkey_browser')));
}

export function peopleSection() {
  const people = listOf('/api/people', (/** @type {any} */ person, again) =>
    item({ symbol: 'person', title: person.name, text: `${t(`role.${person.role}`)} · ${t('people.devices', { count: person.devices })}`, action: t('delete'), path: person.id === me()?.id ? undefined : `/api/people/${person.id}`, again }));
  const invites = listOf('/api/invites', (/** @type {any} */ invite, again) =>
    item({ symbol: 'plus', title: invite.name ?? t('people.somebody'), text: `${t(`role.${invite.role}`)} · ${t('devices.expires', { when: moment(invite.expires_at_ms) })}`, action: t('people.withdraw'), path: `/api/invites/${invite.id}`, again }));
  const name = h('input', { type: 'text', id: 'invite-name', maxLength: 100, autocomplete: 'off' });
  const role = h('select', { class: 'choice', id: 'invite-role' }, ...ROLES.map((one) => h('option', { value: one }, t(`role.${one}`))));
  const tongue = h('select', { class: 'choice', id: 'invite-language' }, ...Object.entries(LANGUAGES).map(([tag, words]) => h('option', { value: tag, selected: tag === language() }, words)));
  const shown = h('div', { class: 'shown', role: 'status' });

  async function invite(/** @type {Event} */ event) {
    event.preventDefault();
    const body = { role: role.value, language: tongue.value, ...(name.value.trim() ? { name: name.value.trim() } : {}) };
    const made = await attempt(() => post('/api/invites', body));
    if (!made) return;
    const link = new URL(made.path, location.origin).href;
    fill(shown, h('p', {}, t('people.invite_text')), await qr(made.path), h('p', { class: 'link' }, link), h('div', { class: 'row' },
      h('button', { type: 'button', class: 'chip', onclick: () => void copy(link) }, t('copy')),
      'share' in navigator ? h('button', { type: 'button', class: 'chip', onclick: () => void navigator.share({ title: 'Vesta', url: link }).catch(() => {}) }, t('share')) : null));
    name.value = '';
    invites.read();
  }

  return group('person', t('settings.people'), people.element, invites.element,
    h('form', { class: 'form', onsubmit: invite },
      h('div', {}, h('label', { for: 'invite-name' }, t('people.name')), name),
      h('div', {}, h('label', { for: 'invite-role' }, t('people.role')), role),
      h('div', {}, h('label', { for: 'invite-language' }, t('settings.language')), tongue),
      h('button', { type: 'submit', class: 'button' }, icon('plus', 20), t('people.invite'))),
    shown);
}

export function tokensSection() {
  const tokens = listOf('/api/tokens', (/** @type {any} */ token, again) =>
    item({ symbol: 'key', title: token.name, text: token.scopes.join(', '), action: t('devices.revoke'), path: `/api/tokens/${token.id}`, again }));
  const name = h('input', { type: 'text', id: 'token-name', maxLength: 100, required: true, autocomplete: 'off' });
  const scopes = (me()?.may ?? []).map((scope) =>
    h('label', { class: 'scope' }, h('input', { type: 'checkbox', value: scope, checked: scope === 'talk' || scope === 'read_home' || scope === 'control_home' }), scope));
  const shown = h('div', { class: 'shown', role: 'status' });
  async function make(/** @type {Event} */ event) {
    event.preventDefault();
    const chosen = scopes.map((label) => /** @type {HTMLInputElement} */ (label.firstChild)).filter((box) => box.checked).map((box) => box.value);
    const made = await attempt(() => post('/api/tokens', { name: name.value.trim(), scopes: chosen }));
    if (!made) return;
    fill(shown, h('p', {}, t('tokens.once')), h('p', { class: 'link' }, made.secret), h('button', { type: 'button', class: 'chip', onclick: () => void copy(made.secret) }, t('copy')));
    name.value = '';
    tokens.read();
  }
  return group('shield', t('settings.tokens'), h('p', { class: 'quiet' }, t('tokens.text')), tokens.element,
    h('details', { class: 'more' }, h('summary', {}, t('tokens.make')),
      h('form', { class: 'form', onsubmit: make }, h('div', {}, h('label', { for: 'token-name' }, t('tokens.name')), name),
        h('fieldset', {}, h('legend', {}, t('tokens.scopes')), ...scopes), h('button', { type: 'submit', class: 'button' }, t('tokens.make')))),
    shown);
}

/** @param {string} text */
async function copy(text) {
  await navigator.clipboard?.writeText(text).then(() => announce(t('copied')), () => show(t('not_copied')));
}

/**
 * A link to this house as a QR code.
 * @param {string} path
 */
async function qr(path) {
  const link = new URL(path, location.origin).href;
  const made = await attempt(async () => (await request('POST', '/api/qr', { text: link })).json());
  if (!made) return h('p', { class: 'link' }, link);
  /** @type {string[]} */
  const rows = made.rows;
  const size = rows.length;
  const dark = rows.flatMap((row, y) => [...row].flatMap((cell, x) => (cell === '1' ? [`M${x},${y}h1v1h-1z`] : []))).join('');
  const drawing = svg('svg', { class: 'qr', viewBox: `-3 -3 ${size + 6} ${size + 6}`, role: 'img', 'aria-label': t('people.qr'), 'shape-rendering': 'crispEdges' },
    svg('rect', { x: -3, y: -3, width: size + 6, height: size + 6, class: 'paper' }), svg('path', { d: dark, class: 'ink' }));
  const holder = h('div', {});
  holder.append(drawing);
  return holder;
}
