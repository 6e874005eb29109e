// @ts-check
// People: who may come in, as what, with which devices; invitations; and what was changed by whom. For owners.
import { h, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { LANGUAGES, language, moment, t } from '../lib/i18n.js';
import { post, remove, request } from '../lib/api.js';
import { attempt } from '../lib/errors.js';
import { announce } from '../lib/announce.js';
import { may, me } from '../lib/session.js';
import { auditSection } from './audit.js';
import { addDevice, deviceList } from './devices.js';
import { back, group } from './setting-parts.js';
import { handOver, line, listOf, sure } from './list-parts.js';

/** The harmless first: what stands there when nobody chooses. */
const ROLES = /** @type {const} */ (['adult', 'child', 'guest', 'owner']);

/** @returns {import('../main.js').View} */
export function peopleView() {
  if (!may('manage_people')) return { element: h('div', { class: 'settings' }, h('h1', {}, t('view.people')), h('p', { class: 'empty' }, t('people.not_allowed'))) };
  return {
    element: h('div', { class: 'settings' },
      back('/settings', 'settings'),
      h('h1', {}, t('view.people')),
      group('people', t('people.household'), members()),
      group('plus', t('people.invitations'), ...invitations()),
      auditSection()),
  };
}

function members() {
  const people = listOf('/api/people', (/** @type {Member} */ person, again) => member(person, again));
  return people.element;
}

/**
 * @param {Member} person
 * @param {() => void} again
 */
function member(person, again) {
  const own = person.id === me()?.id;
  const devices = h('div', { class: 'lines' });
  const role = h('select', { class: 'choice', 'aria-label': t('people.role_of', { name: person.name }), onchange: () => void change() },
    ...ROLES.map((one) => h('option', { value: one, selected: one === person.role }, t(`role.${one}`))));
  const says = h('p', { class: 'quiet' }, t(`role.${person.role}_may`));
  async function change() {
    const changed = await attempt(() => request('PATCH', `/api/people/${person.id}`, { role: role.value }).then(() => true));
    if (changed) announce(t('saved'));
    else role.value = person.role;
    if (changed) again();
  }
  async function away() {
    if (await attempt(() => remove(`/api/people/${person.id}`).then(() => true))) again();
  }
  const details = h('details', { class: 'more', 'data-person': person.id }, h('summary', { 'aria-label': `${t('people.devices', { count: person.devices })}: ${person.name}` },
    t('people.devices', { count: person.devices })), devices);
  details.addEventListener('toggle', () => {
    if (!details.open || devices.childElementCount > 0) return;
    fill(devices, deviceList(person.id).element, ...addDevice(person.id), own ? null : sure(t('people.remove', { name: person.name }), person.name, () => void away()));
  });
  return h('li', { class: 'member' },
    h('span', { class: 'avatar small', 'aria-hidden': 'true' }, person.name.slice(0, 1).toUpperCase()),
    h('div', {}, h('p', { class: 'name' }, person.name, own ? h('span', { class: 'quiet' }, ` (${t('people.you')})`) : null), says),
    role, details);
}

function invitations() {
  const open = listOf('/api/invites', (/** @type {Invite} */ invite, again) =>
    line({
      symbol: 'link',
      title: invite.name ?? t('people.somebody'),
      text: `${t(`role.${invite.role}`)} · ${t('devices.expires', { when: moment(invite.expires_at_ms) })}`,
      action: t('people.withdraw'),
      path: `/api/invites/${invite.id}`,
      again,
    }));
  const name = h('input', { type: 'text', id: 'invite-name', maxLength: 100, autocomplete: 'off' });
  const role = h('select', { class: 'choice', id: 'invite-role', onchange: () => explain() }, ...ROLES.map((one) => h('option', { value: one }, t(`role.${one}`))));
  const says = h('p', { class: 'quiet', id: 'invite-may' });
  const tongue = h('select', { class: 'choice', id: 'invite-language' }, ...Object.entries(LANGUAGES).map(([tag, words]) => h('option', { value: tag, selected: tag === language() }, words)));
  const shown = h('div', { class: 'shown', role: 'status' });
  role.setAttribute('aria-describedby', 'invite-may');
  function explain() {
    says.textContent = t(`role.${role.value}_may`);
  }
  explain();

  async function invite(/** @type {Event} */ event) {
    event.preventDefault();
    const body = { role: role.value, language: tongue.value, ...(name.value.trim() ? { name: name.value.trim() } : {}) };
    const made = await attempt(() => post('/api/invites', body));
    if (!made) return;
    fill(shown, ...(await handOver(t('people.invite_text'), made.path)));
    name.value = '';
    open.read();
    shown.scrollIntoView({ block: 'nearest' });
  }

  return [open.element,
    h('form', { class: 'form', onsubmit: invite },
      h('div', {}, h('label', { for: 'invite-name' }, t('people.name')), name),
      h('div', {}, h('label', { for: 'invite-role' }, t('people.role')), role, says),
      h('div', {}, h('label', { for: 'invite-language' }, t('settings.language')), tongue),
      h('button', { type: 'submit', class: 'button primary' }, icon('plus', 20), t('people.invite'))),
    shown];
}
