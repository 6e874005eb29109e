// @ts-check
// Home: the rooms with their devices, live.
import { h, fill, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { number, t } from '../lib/i18n.js';
import { live } from '../lib/live.js';
import { card } from '../cards/card.js';
import { link } from '../lib/go.js';
import { may } from '../lib/session.js';
import { nameOf } from './lists.js';
import { timersSection } from './timers.js';

/** What people look at first. */
const ORDER = ['light', 'climate', 'cover', 'media_player', 'fan', 'switch', 'vacuum', 'lawn_mower', 'lock', 'humidifier', 'valve', 'scene', 'button', 'select', 'number', 'siren', 'sensor', 'binary_sensor'];
/** Parts of a loudspeaker are on its own card. */
const PARTS_OF_SPEAKER = ['button', 'select', 'number', 'switch', 'sensor'];

/** @returns {import('../main.js').View} */
export function homeView() {
  const filter = h('div', { class: 'filter', role: 'group', 'aria-label': t('home.rooms') });
  const rooms = h('div', { class: 'rooms-list' });
  const empty = h('p', { class: 'empty' });
  const timers = timersSection();
  const lists = h('div', { class: 'shortcuts' });
  /** @type {Map<string, ReturnType<typeof card>>} */
  let cards = new Map();
  /** @type {Map<string, { summary: HTMLElement, ids: string[] }>} */
  let summaries = new Map();
  /** What stands where. */
  let plan = '';
  let only = sessionStorage.getItem('vesta.room') ?? '';

  function build() {
    const shown = live.rooms().map(({ area, entities }) => ({ area, entities: arrange(entities) })).filter((room) => room.entities.length > 0);
    const now = JSON.stringify([only, live.known, shown.map(({ area, entities }) => [area, entities.map((entity) => entity.id)])]);
    if (now === plan) {
      // Nothing stands elsewhere: what has the focus keeps it.
      for (const { entities } of shown) for (const entity of entities) cards.get(entity.id)?.show(entity);
      return summarise();
    }
    plan = now;
    const before = cards;
    cards = new Map();
    summaries = new Map();
    if (only && !shown.some((room) => (room.area?.id ?? '-') === only)) only = '';
    const names = [{ id: '', name: t('home.all') }, ...shown.map(({ area }) => ({ id: area?.id ?? '-', name: area?.name ?? t('home.elsewhere') }))];
    fill(filter, ...names.map(({ id, name }) =>
      h('button', { type: 'button', class: 'chip', 'aria-pressed': String(id === only), onclick: () => choose(id) }, name)));
    fill(rooms, ...shown.filter(({ area }) => !only || (area?.id ?? '-') === only).map(({ area, entities }) => {
      const summary = h('p', { class: 'summary' });
      const heading = `room-${area?.id ?? 'none'}`;
      summaries.set(heading, { summary, ids: entities.map((entity) => entity.id) });
      return h('section', { class: 'room', 'aria-labelledby': heading },
        h('header', {}, h('h2', { id: heading }, area?.name ?? t('home.elsewhere')), summary),
        h('div', { class: 'grid' }, ...entities.map((entity) => {
          const element = before.get(entity.id) ?? card(entity);
          element.show(entity);
          cards.set(entity.id, element);
          return element;
        })));
    }));
    setText(empty, live.known ? t('home.empty') : t('state.connecting'));
    empty.hidden = shown.length > 0;
    summarise();
  }

  function summarise() {
    for (const { summary, ids } of summaries.values()) {
      const entities = ids.map((id) => live.entities.get(id)).filter((entity) => entity !== undefined);
      const lights = entities.filter((entity) => entity.domain === 'light' && entity.state === 'on').length;
      const warm = entities.find((entity) => entity.device_class === 'temperature' && entity.available && entity.state !== null);
      const open = entities.filter((entity) => entity.domain === 'binary_sensor' && ['window', 'door'].includes(entity.device_class ?? '') && entity.state === 'on').length;
      const facts = [
        warm ? h('span', {}, icon('temperature', 16), `${number(Number(warm.state))} ${warm.unit}`) : null,
        lights ? h('span', {}, icon('light', 16), t(lights === 1 ? 'home.light_on' : 'home.lights_on', { count: lights })) : null,
        open ? h('span', {}, icon('window', 16), t('home.open', { count: open })) : null,
      ];
      fill(summary, ...facts);
    }
  }

  function showLists() {
    const open = live.lists.map((list) => ({ list, count: list.items.filter((item) => !item.done).length })).filter(({ list, count }) => count > 0 || list.id === 'shopping');
    fill(lists, ...open.map(({ list, count }) =>
      link('/lists', { class: 'chip' }, icon('list', 18), h('span', {}, nameOf(list)), count ? h('span', { class: 'count' }, String(count)) : null)));
    lists.hidden = !may('keep_lists') || open.length === 0;
  }

  /** @param {string} id */
  function choose(id) {
    only = id;
    sessionStorage.setItem('vesta.room', id);
    build();
  }

  function changed(/** @type {Event} */ event) {
    const { detail: id } = /** @type {CustomEvent<string>} */ (event);
    const entity = live.entities.get(id);
    const element = cards.get(id);
    if (!entity || !element || entity.area !== element.entity?.area || entity.exposed !== element.entity?.exposed) return later();
    element.show(entity);
    summarise();
  }

  let waiting = false;
  /** Many devices announce themselves at once: the rooms are built when they have. */
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      build();
    });
  }

  live.addEventListener('entity', changed);
  live.addEventListener('house', later);
  live.addEventListener('lists', showLists);
  build();
  showLists();

  return {
    element: h('div', { class: 'home' }, h('h1', { class: 'hidden' }, t('view.home')), filter, lists, timers.element, empty, rooms),
    leave() {
      live.removeEventListener('entity', changed);
      live.removeEventListener('house', later);
      live.removeEventListener('lists', showLists);
      timers.leave();
    },
  };
}

/** @param {Entity[]} entities */
function arrange(entities) {
  const speakers = new Set(entities.filter((entity) => entity.domain === 'media_player').map((entity) => entity.device));
  const rank = (/** @type {Entity} */ entity) => (ORDER.indexOf(entity.domain) + 1 || 99);
  return entities
    .filter((entity) => !(PARTS_OF_SPEAKER.includes(entity.domain) && entity.device && speakers.has(entity.device)))
    .sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}
