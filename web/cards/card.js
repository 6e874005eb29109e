// @ts-check
// One entity as a card: what it is, how it is, and what can be done to it.
import { h, setText } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../lib/i18n.js';
import { live } from '../lib/live.js';
import { act } from './controls.js';
import { glow } from './colours.js';
import { KINDS } from './kinds.js';
import { iconOf, stateText } from './words.js';

class Card extends HTMLElement {
  /** @type {Entity | null} */
  entity = null;
  /** What the card was built for; another needs other parts. */
  #shape = '';
  /** @type {import('./kinds.js').Parts} */
  #parts = {};
  #name = h('h3', { class: 'name' });
  #state = h('p', { class: 'is' });
  /** @type {HTMLButtonElement | null} */
  #toggle = null;
  #wasGone = false;

  /** @param {Entity} entity */
  show(entity) {
    this.entity = entity;
    const shape = JSON.stringify([entity.id, entity.name, entity.features, entity.attributes.options, entity.attributes.source_list, entity.attributes.segments]);
    if (shape !== this.#shape) this.#build(entity, shape);
    this.#update(entity);
  }

  /** @param {Entity} entity @param {string} shape */
  #build(entity, shape) {
    this.#shape = shape;
    this.#parts = KINDS[entity.domain]?.(entity) ?? {};
    this.#name.textContent = shortName(entity);
    this.className = `card ${entity.domain}`;
    this.dataset.entity = entity.id;
    this.classList.toggle('wide', Boolean(this.#parts.wide));
    const symbol = icon(iconOf(entity));
    const text = h('div', { class: 'text' }, this.#name, this.#state);
    if (this.#parts.toggle) {
      this.#toggle = h('button', { type: 'button', class: 'head', onclick: () => void this.#flip() }, h('span', { class: 'badge' }, symbol), text);
      this.replaceChildren(this.#toggle, ...(this.#parts.elements ?? []));
    } else {
      this.replaceChildren(h('div', { class: 'head' }, h('span', { class: 'badge' }, symbol), text), ...(this.#parts.elements ?? []));
    }
  }

  async #flip() {
    const { entity } = this;
    const action = entity && this.#parts.toggle?.(entity);
    if (!entity || !action) return;
    this.classList.add('busy');
    await act(entity.id, action);
    this.classList.remove('busy');
  }

  /** @param {Entity} entity */
  #update(entity) {
    const on = entity.available && (this.#parts.isOn?.(entity) ?? false);
    this.classList.toggle('on', on);
    this.classList.toggle('gone', !entity.available);
    if (entity.domain === 'light') this.style.setProperty('--glow', on ? glow(entity) : 'transparent');
    setText(this.#state, stateText(entity));
    if (this.#toggle) {
      if (this.#parts.isOn) this.#toggle.setAttribute('aria-pressed', String(on));
      else this.#toggle.setAttribute('aria-label', `${shortName(entity)}: ${t('card.press')}`);
    }
    if (!entity.available) for (const control of this.querySelectorAll('input, select, button')) /** @type {HTMLInputElement} */ (control).disabled = true;
    else if (this.#wasGone) for (const control of this.querySelectorAll('input, select, button')) /** @type {HTMLInputElement} */ (control).disabled = false;
    this.#wasGone = !entity.available;
    this.#parts.update?.(entity);
  }
}

/**
 * The name as it is said in its room: there "Kitchen Light" is the light.
 * @param {Entity} entity
 */
function shortName(entity) {
  const area = live.areas.find((one) => one.id === entity.area)?.name;
  const rest = area && entity.name.toLowerCase().startsWith(`${area.toLowerCase()} `) ? entity.name.slice(area.length + 1) : '';
  return rest ? rest.charAt(0).toUpperCase() + rest.slice(1) : entity.name;
}

customElements.define('vesta-card', Card);

/** @param {Entity} entity */
export function card(entity) {
  const element = /** @type {Card} */ (/** @type {unknown} */ (document.createElement('vesta-card')));
  element.show(entity);
  return element;
}
