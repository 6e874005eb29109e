// @ts-check
// The audit log: who signed in, and what was changed about people, devices and tokens.
import { h, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { moment, t, word } from '../lib/i18n.js';
import { get } from '../lib/api.js';
import { attempt } from '../lib/errors.js';
import { group } from './setting-parts.js';

const PAGE = 30;
const SYMBOLS = /** @type {Record<string, string>} */ ({
  signed_in: 'device', signed_out: 'device', device_revoked: 'device', device_renamed: 'device', sign_in_failed: 'lock', code_made: 'link',
  invited: 'link', invite_revoked: 'link', passkey_added: 'key', passkey_removed: 'key', token_created: 'shield', token_revoked: 'shield',
});

export function auditSection() {
  const list = h('ol', { class: 'list audit' });
  const more = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => void load() }, t('history.more'));
  let last = 0;

  async function load() {
    /** @type {AuditEntry[] | undefined} */
    const lines = await attempt(() => get(`/api/audit?limit=${PAGE}${last ? `&before=${last}` : ''}`));
    if (!lines) return;
    list.append(...lines.map(entry));
    last = lines.at(-1)?.id ?? last;
    more.hidden = lines.length < PAGE;
  }

  const details = h('details', { class: 'more', id: 'audit' }, h('summary', {}, t('audit.show')), list, more);
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    last = 0;
    fill(list);
    void load();
  });
  return group('history', t('audit.title'), h('p', { class: 'quiet' }, t('audit.text')), details);
}

/** @param {AuditEntry} line */
function entry({ action, name, detail, at_ms, address }) {
  const about = [detail?.name, detail?.device, detail?.role && t(`role.${detail.role}`), detail?.host].filter((part) => part && part !== name);
  const bad = action === 'sign_in_failed';
  return h('li', {}, h('span', { class: bad ? 'warn' : '' }, icon(SYMBOLS[action] ?? 'person', 20)),
    h('div', {},
      h('p', { class: bad ? 'warn' : '' }, word(`audit.${action}`, action.replaceAll('_', ' ')), about.length ? `: ${about.join(', ')}` : ''),
      h('p', { class: 'quiet' }, [name || t('people.somebody'), moment(at_ms), address].filter(Boolean).join(' · '))));
}
