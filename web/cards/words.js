// @ts-check
// A state in words.
import { number, t, word } from '../lib/i18n.js';

/**
 * @param {string} domain
 * @param {string} state
 */
export function stateWord(domain, state) {
  return word(`state.${domain}.${state}`, word(`state.${state}`, state));
}

/** @param {Entity} entity */
export function stateText(entity) {
  const { domain, attributes } = entity;
  if (!entity.available) return t('state.unavailable');
  if (entity.state === null) return t('state.unknown');
  if (domain === 'sensor' || domain === 'number') {
    const value = Number(entity.state);
    const text = entity.state.trim() !== '' && Number.isFinite(value) ? number(value, Math.abs(value) >= 100 ? 0 : 1) : stateWord(domain, entity.state);
    return entity.unit ? `${text} ${entity.unit}` : text;
  }
  if (domain === 'binary_sensor') return word(`state.${entity.device_class}.${entity.state}`, stateWord(domain, entity.state));
  const state = stateWord(domain, entity.state);
  if (domain === 'light' && entity.state === 'on' && attributes.brightness !== undefined) return `${state} · ${Math.round(attributes.brightness / 2.55)} %`;
  if (domain === 'fan' && entity.state === 'on' && attributes.percentage != null) return `${state} · ${Math.round(attributes.percentage)} %`;
  if ((domain === 'cover' || domain === 'valve') && entity.state === 'open' && attributes.current_position != null && attributes.current_position < 100) {
    return `${state} · ${Math.round(attributes.current_position)} %`;
  }
  if (domain === 'media_player' && attributes.media_title && entity.state === 'playing') return String(attributes.media_title);
  if (domain === 'button' || domain === 'scene') return '';
  return state;
}

/** The icon that fits an entity best. @param {Entity} entity */
export function iconOf(entity) {
  const byClass = { temperature: 'temperature', humidity: 'humidity', window: 'window', door: 'door', motion: 'motion', power: 'power', energy: 'power', garage: 'door' };
  const name = /** @type {Record<string, string>} */ (byClass)[entity.device_class ?? ''];
  if (name && (entity.domain === 'sensor' || entity.domain === 'binary_sensor')) return name;
  return entity.domain === 'binary_sensor' ? 'sensor' : entity.domain;
}
