// @ts-check
// One's own devices, passkeys and tokens.
import { h, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { moment, t } from '../lib/i18n.js';
import { post } from '../lib/api.js';
import { attempt, explain } from '../lib/errors.js';
import { show } from '../lib/announce.js';
import { me, theDoor } from '../lib/session.js';
import { makePasskey, supported, wasCancelled } from '../lib/passkeys.js';
import { group } from './setting-parts.js';
import { copy, handOver, line, listOf } from './list-parts.js';

/**
 * Somebody's devices, each of which can be signed out.
 * @param {string} [person] Another one's, for whoever manages people.
 */
export function deviceList(person) {
  const path = person ? `/api/devices?person=${encodeURIComponent(person)}` : '/api/devices';
  return listOf(path, (/** @type {Device} */ device, again) =>
    line({
      symbol: 'device',
      title: device.name,
      text: `${device.current ? t('devices.this') : t('devices.seen', { when: moment(device.seen_at_ms) })}${device.address ? ` · ${device.address}` : ''}`,
      action: t('devices.revoke'),
      path: device.current ? undefined : `/api/devices/${device.id}`,
      again,
    }), t('devices.none'));
}

/**
 * A button that makes a way in for a further device, and where it is shown.
 * @param {string} [person] Another one's.
 */
export function addDevice(person) {
  const shown = h('div', { class: 'shown', role: 'status' });
  async function pair() {
    const made = await attempt(() => post('/api/auth/pair', person ? { person } : {}));
    if (!made) return;
    fill(shown, ...(await handOver(t('devices.pair_text'), made.path,
      h('p', { class: 'code' }, made.code), h('p', { class: 'quiet' }, t('devices.expires', { when: moment(made.expires_at_ms) })))));
  }
  return [h('button', { type: 'button', class: 'button', onclick: () => void pair() }, icon('plus', 20), t('devices.add')), shown];
}

export function devicesSection() {
  return group('device', t('settings.devices'), deviceList().element, ...addDevice());
}

export function passkeysSection() {
  const { element, read } = listOf('/api/passkeys', (/** @type {any} */ key, again) =>
    line({ symbol: 'key', title: key.name, text: `${key.host} · ${moment(key.created_at_ms)}`, action: t('delete'), path: `/api/passkeys/${key.id}`, again }));
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

/** What a program that speaks with the house needs. */
const USUAL = ['talk', 'read_home', 'control_home'];
const DAY_S = 86_400;

export function tokensSection() {
  const tokens = listOf('/api/tokens', (/** @type {Token} */ token, again) =>
    line({
      symbol: 'key',
      title: token.name,
      text: [
        token.scopes.map((scope) => t(`scope.${scope}`)).join(', '),
        token.expires_at_ms === null ? t('tokens.never') : t('devices.expires', { when: moment(token.expires_at_ms) }),
        token.seen_at_ms === null ? t('tokens.unused') : t('devices.seen', { when: moment(token.seen_at_ms) }),
      ].join(' · '),
      action: t('devices.revoke'),
      path: `/api/tokens/${token.id}`,
      again,
    }));
  const name = h('input', { type: 'text', id: 'token-name', maxLength: 100, required: true, autocomplete: 'off' });
  const lasts = h('select', { class: 'choice', id: 'token-lasts' },
    ...[7, 90, 365].map((days) => h('option', { value: String(days), selected: days === 90 }, t('tokens.days', { count: days }))),
    h('option', { value: '' }, t('tokens.never')));
  const scopes = (me()?.may ?? []).map((scope) =>
    h('label', { class: 'scope' }, h('input', { type: 'checkbox', value: scope, checked: USUAL.includes(scope) }), t(`scope.${scope}`)));
  const shown = h('div', { class: 'shown', role: 'status' });
  async function make(/** @type {Event} */ event) {
    event.preventDefault();
    const chosen = scopes.map((label) => /** @type {HTMLInputElement} */ (label.firstChild)).filter((box) => box.checked).map((box) => box.value);
    const body = { name: name.value.trim(), scopes: chosen, expires_in_s: lasts.value ? Number(lasts.value) * DAY_S : null };
    const made = await attempt(() => post('/api/tokens', body));
    if (!made) return;
    fill(shown, h('p', {}, t('tokens.once')), h('p', { class: 'link' }, made.secret), h('div', { class: 'row' },
      h('button', { type: 'button', class: 'chip', onclick: () => void copy(made.secret) }, t('copy'))));
    name.value = '';
    tokens.read();
  }
  return group('shield', t('settings.tokens'), h('p', { class: 'quiet' }, t('tokens.text')), tokens.element,
    h('details', { class: 'more', id: 'new-token' }, h('summary', {}, t('tokens.make')),
      h('form', { class: 'form', onsubmit: make }, h('div', {}, h('label', { for: 'token-name' }, t('tokens.name')), name),
        h('div', {}, h('label', { for: 'token-lasts' }, t('tokens.lasts')), lasts),
        h('fieldset', {}, h('legend', {}, t('tokens.scopes')), ...scopes), h('button', { type: 'submit', class: 'button' }, t('tokens.make')))),
    shown);
}
