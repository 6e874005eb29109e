// @ts-check
// Lists: what is to be bought, packed, not forgotten. Shared by the household, spoken to as well as touched.
import { h, fill, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t, word } from '../lib/i18n.js';
import { back } from './setting-parts.js';
import { live } from '../lib/live.js';
import { may } from '../lib/session.js';
import { post } from '../lib/api.js';
import { attempt } from '../lib/errors.js';
import { announce, show } from '../lib/announce.js';

/** @param {List} list */
export const nameOf = (list) => word(`list.${list.id}`, list.name);

/**
 * @param {string} list Its id.
 * @param {'add' | 'complete' | 'remove'} action
 * @param {string} item
 */
async function change(list, action, item) {
  const now = await attempt(() => post(`/api/lists/${encodeURIComponent(list)}/${action}`, { item }));
  if (now) live.takeLists(now);
  return now !== undefined;
}

/** @returns {import('../main.js').View} */
export function listsView() {
  if (!may('keep_lists')) {
    return { element: h('div', { class: 'lists' }, back('/home', 'home'), h('h1', {}, t('view.lists')), h('p', { class: 'empty' }, t('lists.not_allowed'))) };
  }
  /** @type {Map<string, ReturnType<typeof section>>} */
  const sections = new Map();
  const all = h('div', { class: 'all' });
  const name = h('input', { type: 'text', id: 'list-name', maxLength: 100, required: true, autocomplete: 'off' });
  const first = h('input', { type: 'text', id: 'list-first', maxLength: 200, required: true, autocomplete: 'off' });
  const fresh = h('details', { class: 'more' }, h('summary', {}, icon('plus', 18), t('lists.new')),
    h('form', { class: 'form inline', onsubmit: begin },
      h('div', {}, h('label', { for: 'list-name' }, t('lists.name')), name),
      h('div', {}, h('label', { for: 'list-first' }, t('lists.first')), first),
      h('button', { type: 'submit', class: 'button' }, t('lists.begin'))));

  async function begin(/** @type {Event} */ event) {
    event.preventDefault();
    if (!(await change(name.value.trim(), 'add', first.value.trim()))) return;
    name.value = '';
    first.value = '';
    fresh.open = false;
  }

  function paint() {
    const shown = live.lists.map((list) => {
      const one = sections.get(list.id) ?? section(list);
      sections.set(list.id, one);
      one.show(list);
      return one.element;
    });
    // What stands where it stood is left alone: somebody may be writing there.
    if (shown.length !== all.children.length || shown.some((element, at) => all.children[at] !== element)) fill(all, ...shown);
  }

  live.addEventListener('lists', paint);
  paint();
  return {
    element: h('div', { class: 'lists' }, back('/home', 'home'), h('h1', {}, t('view.lists')), all, fresh),
    leave: () => live.removeEventListener('lists', paint),
  };
}

/** @param {List} list */
function section({ id }) {
  const heading = h('h2', { id: `list-${id}`, tabIndex: -1 });
  const count = h('span', { class: 'quiet' });
  const items = h('ul', { class: 'items' });
  const done = h('ul', { class: 'items' });
  const clear = h('button', { type: 'button', class: 'chip', onclick: () => void clearDone() }, t('lists.clear'));
  const ticked = h('details', { class: 'more' }, h('summary', {}, t('lists.done')), done, clear);
  const field = h('input', { type: 'text', id: `add-${id}`, maxLength: 200, autocomplete: 'off', enterKeyHint: 'done', placeholder: t('lists.placeholder') });
  const form = h('form', { class: 'add', onsubmit: add }, h('label', { class: 'hidden', for: `add-${id}` }, t('lists.placeholder')), field,
    h('button', { class: 'round primary', type: 'submit', 'aria-label': t('lists.add') }, icon('plus')));
  /** @type {List} */
  let now = { id, name: '', items: [] };

  async function add(/** @type {Event} */ event) {
    event.preventDefault();
    const text = field.value.trim();
    if (text && (await change(id, 'add', text))) field.value = '';
    field.focus();
  }

  async function clearDone() {
    const gone = now.items.filter((item) => item.done).map((item) => item.text);
    for (const text of gone) if (!(await change(id, 'remove', text))) return;
    announce(t('lists.cleared'));
  }

  /** @param {string} text @param {boolean} was Whether it was ticked off. */
  async function away(text, was) {
    if (!(await change(id, 'remove', text))) return;
    const back = async () => (await change(id, 'add', text)) && was && change(id, 'complete', text);
    show(t('lists.removed', { item: text }), { label: t('turn.undo'), act: () => void back() });
  }

  /** @param {{ text: string, done: boolean }} item */
  function row(item) {
    const box = h('input', { type: 'checkbox', checked: item.done, onchange: () => void tick() });
    async function tick() {
      if (!(await change(id, box.checked ? 'complete' : 'add', item.text))) box.checked = item.done;
    }
    return h('li', {}, h('label', {}, box, h('span', {}, item.text)),
      h('button', { type: 'button', class: 'tool plain', 'aria-label': t('lists.remove', { item: item.text }), onclick: () => void away(item.text, item.done) }, icon('close', 18)));
  }

  return {
    element: h('section', { class: 'list-card', 'aria-labelledby': `list-${id}`, 'data-list': id }, h('header', {}, heading, count), items, form, ticked),
    /** @param {List} list */
    show(list) {
      if (JSON.stringify(list) === JSON.stringify(now)) return;
      now = list;
      const open = list.items.filter((item) => !item.done);
      const over = list.items.filter((item) => item.done);
      const stood = standing();
      setText(heading, nameOf(list));
      setText(count, open.length ? String(open.length) : '');
      fill(items, ...open.map(row), open.length ? null : h('li', { class: 'quiet' }, t('lists.empty')));
      fill(done, ...over.map(row));
      setText(/** @type {Element} */ (ticked.firstElementChild), `${t('lists.done')} (${over.length})`);
      ticked.hidden = over.length === 0;
      if (stood) (stood.list.children[stood.at]?.querySelector('input') ?? heading).focus({ preventScroll: true });
    },
  };

  /** Where the focus is, if it is in one of the lists: what is there is made anew. */
  function standing() {
    for (const list of [items, done]) {
      const at = [...list.children].findIndex((child) => child.contains(document.activeElement));
      if (at >= 0) return { list, at };
    }
    return clear === document.activeElement ? { list: items, at: -1 } : null;
  }
}
