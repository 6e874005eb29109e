// @ts-check
// Colour and warmth of a light.
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { act, slider } from './controls.js';

/** Colours to touch, by hue; named so that a screen reader can tell them. */
const HUES = /** @type {const} */ ([['red', 0], ['orange', 28], ['yellow', 52], ['green', 125], ['cyan', 180], ['blue', 225], ['violet', 275], ['pink', 325]]);

/**
 * @param {number} hue Degrees.
 * @returns {[number, number, number]}
 */
export function rgbOfHue(hue) {
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue / 60) % 6;
    return Math.round(255 * (1 - Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/**
 * About the colour of white light of this warmth, as a screen shows it.
 * @param {number} kelvin
 */
export function cssOfKelvin(kelvin) {
  const warm = Math.max(0, Math.min(1, (6_500 - kelvin) / 4_500));
  return `rgb(255 ${Math.round(244 - warm * 70)} ${Math.round(236 - warm * 150)})`;
}

/**
 * Controls for what the light can show; `null` where it has neither colour nor warmth.
 * @param {Entity} entity
 */
export function lightColours(entity) {
  const colour = entity.features.includes('color');
  const warmth = entity.features.includes('color_temp');
  if (!colour && !warmth) return null;
  const { id, attributes } = entity;
  const [min, max] = [attributes.min_color_temp_kelvin ?? 2_000, attributes.max_color_temp_kelvin ?? 6_500];
  const white = warmth
    ? slider({ label: t('card.warmth', { name: entity.name }), min, max, step: 50, unit: ' K', class: 'warmth', live: false, set: (kelvin) => void act(id, { action: 'set_light', kelvin }) })
    : null;
  const swatches = HUES.map(([name, hue]) => {
    const button = h('button', { type: 'button', class: 'swatch', 'aria-label': t(`colour.${name}`), title: t(`colour.${name}`), onclick: () => void act(id, { action: 'set_light', color: rgbOfHue(hue) }) });
    button.style.setProperty('--colour', `hsl(${hue} 85% 58%)`);
    return button;
  });
  const body = h('div', { class: 'colours' });
  if (white) body.append(white.element);
  if (colour) body.append(h('div', { class: 'swatches', role: 'group', 'aria-label': t('card.colour') }, ...swatches));
  const details = h('details', { class: 'more' }, h('summary', {}, t(colour ? 'card.colour' : 'card.warmth_short')), body);
  return {
    element: details,
    /** @param {Entity} now */
    update(now) {
      white?.set(now.attributes.color_temp_kelvin ?? (min + max) / 2);
    },
  };
}

/** The colour in which a light's card glows. @param {Entity} entity */
export function glow(entity) {
  const { rgb_color: rgb, color_temp_kelvin: kelvin } = entity.attributes;
  if (Array.isArray(rgb)) return `rgb(${rgb.map(Number).join(' ')})`;
  return cssOfKelvin(typeof kelvin === 'number' ? kelvin : 2_900);
}
