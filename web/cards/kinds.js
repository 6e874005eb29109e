// @ts-check
// What each kind of entity can be told. A kind is a function that makes the parts of a card and says how to bring them up to date.
import { h } from '../lib/dom.js';
import { number, t } from '../lib/i18n.js';
import { live } from '../lib/live.js';
import { may } from '../lib/session.js';
import { act, choice, slider, stepper, tool } from './controls.js';
import { lightColours } from './colours.js';
import { sparkline } from './sparkline.js';
import { stateWord } from './words.js';

/**
 * @typedef {object} Parts
 * @property {HTMLElement[]} [elements] Below the card's head.
 * @property {(entity: Entity) => void} [update]
 * @property {(entity: Entity) => { action: string } | null} [toggle] What a touch of the icon does.
 * @property {(entity: Entity) => boolean} [isOn]
 * @property {boolean} [wide]
 */

/** @param {Entity} entity @param {string} feature */
const can = (entity, feature) => entity.features.includes(feature);
const onOff = {
  toggle: (/** @type {Entity} */ entity) => ({ action: entity.state === 'on' ? 'turn_off' : 'turn_on' }),
  isOn: (/** @type {Entity} */ entity) => entity.state === 'on',
};

/** @type {Record<string, (entity: Entity) => Parts>} */
export const KINDS = {
  light(entity) {
    const { id } = entity;
    const elements = [];
    const bright = can(entity, 'brightness')
      ? slider({ label: t('card.brightness', { name: entity.name }), min: 1, max: 100, class: 'glow', set: (value) => void act(id, { action: 'set_light', brightness: value }) })
      : null;
    const colours = lightColours(entity);
    if (bright) elements.push(bright.element);
    if (colours) elements.push(colours.element);
    return {
      ...onOff,
      elements,
      update(now) {
        bright?.set(now.state === 'on' ? Math.max(1, Math.round((now.attributes.brightness ?? 255) / 2.55)) : 1);
        bright?.element.classList.toggle('dim', now.state !== 'on');
        colours?.update(now);
      },
    };
  },

  switch: () => onOff,
  siren: () => onOff,

  fan(entity) {
    const speed = can(entity, 'percentage')
      ? slider({ label: t('card.speed', { name: entity.name }), min: 0, max: 100, step: entity.attributes.percentage_step ?? 1, set: (percentage) => void act(entity.id, percentage > 0 ? { action: 'set_speed', percentage } : { action: 'turn_off' }) })
      : null;
    return { ...onOff, elements: speed ? [speed.element] : [], update: (now) => speed?.set(now.state === 'on' ? (now.attributes.percentage ?? 100) : 0) };
  },

  humidifier(entity) {
    const { min_humidity: min = 0, max_humidity: max = 100 } = entity.attributes;
    const target = slider({ label: t('card.humidity', { name: entity.name }), min, max, live: false, set: (humidity) => void act(entity.id, { action: 'set_humidity', humidity }) });
    const mode = choice(t('card.mode', { name: entity.name }), (one) => stateWord('humidifier', one), (one) => void act(entity.id, { action: 'set_mode', mode: one }));
    const modes = entity.attributes.available_modes ?? [];
    return {
      ...onOff,
      elements: modes.length ? [target.element, mode.element] : [target.element],
      update(now) {
        target.set(now.attributes.humidity ?? min);
        mode.set(modes, now.attributes.mode);
      },
    };
  },

  cover: (entity) => moving(entity),
  valve: (entity) => moving(entity),

  climate(entity) {
    const { id } = entity;
    const unit = entity.attributes.temperature_unit === 'F' ? '°F' : '°C';
    const target = stepper({
      label: t('card.target', { name: entity.name }), less: t('card.cooler'), more: t('card.warmer'),
      format: (value) => `${number(value)} ${unit}`,
      set: (temperature) => void act(id, { action: 'set_temperature', temperature }),
    });
    const mode = choice(t('card.mode', { name: entity.name }), (one) => stateWord('climate', one), (one) => void act(id, { action: 'set_hvac_mode', mode: one }));
    const fan = choice(t('card.fan_mode', { name: entity.name }), (one) => stateWord('fan', one), (one) => void act(id, { action: 'set_fan_mode', mode: one }));
    const current = h('p', { class: 'reading' });
    const elements = [h('div', { class: 'row' }, current, sparkline(id))];
    if (can(entity, 'temperature')) elements.push(target.element);
    const row = h('div', { class: 'row' }, mode.element);
    if (can(entity, 'fan_mode')) row.append(fan.element);
    elements.push(row);
    return {
      wide: true,
      elements,
      isOn: (now) => now.state !== 'off' && now.state !== null,
      toggle: (now) => ({ action: now.state === 'off' ? 'turn_on' : 'turn_off' }),
      update(now) {
        const { attributes } = now;
        current.textContent = attributes.current_temperature == null ? '' : `${number(attributes.current_temperature)} ${unit}`;
        target.set(attributes.temperature, attributes.min_temp ?? 5, attributes.max_temp ?? 35, attributes.target_temp_step ?? 0.5);
        mode.set(attributes.hvac_modes ?? [], now.state);
        fan.set(attributes.fan_modes ?? [], attributes.fan_mode);
      },
    };
  },

  lock(entity) {
    const button = h('button', { type: 'button', class: 'wide' });
    let sure = false;
    let now = entity;
    const label = () => {
      const locked = now.state === 'locked';
      button.textContent = locked ? t(sure ? 'card.unlock_sure' : 'card.unlock') : t('card.lock');
      button.classList.toggle('danger', sure);
      button.disabled = locked && !may('unlock_doors');
    };
    button.addEventListener('click', () => {
      if (now.state === 'locked' && !sure) {
        sure = true;
        setTimeout(() => ((sure = false), label()), 4_000);
      } else {
        sure = false;
        void act(entity.id, { action: now.state === 'locked' ? 'unlock' : 'lock' });
      }
      label();
    });
    return { elements: [button], isOn: (one) => one.state === 'unlocked', update: (one) => ((now = one), label()) };
  },

  vacuum(entity) {
    const { id } = entity;
    const start = tool('play', t('card.start'), () => void act(id, { action: start.element.dataset.now === 'cleaning' ? 'pause_cleaning' : 'start_cleaning' }));
    const dock = tool('dock', t('card.dock'), () => void act(id, { action: 'return_to_base' }));
    const find = tool('locate', t('card.locate'), () => void act(id, { action: 'locate' }));
    const rooms = h('div', { class: 'rooms', role: 'group', 'aria-label': t('card.rooms') });
    if (can(entity, 'clean_area')) {
      rooms.append(...live.areas.filter((area) => knows(entity, area)).map((area) =>
        h('button', { type: 'button', class: 'chip', onclick: () => void act(id, { action: 'clean_area', area: area.id }) }, area.name)));
    }
    const tools = h('div', { class: 'tools' }, start.element, dock.element);
    if (can(entity, 'locate')) tools.append(find.element);
    return {
      wide: rooms.childElementCount > 0,
      elements: rooms.childElementCount ? [tools, rooms] : [tools],
      isOn: (now) => now.state === 'cleaning',
      update(now) {
        start.element.dataset.now = now.state ?? '';
        if (now.state === 'cleaning') start.become('pause', t('card.pause'));
        else start.become('play', t('card.start'));
      },
    };
  },

  lawn_mower(entity) {
    const start = tool('play', t('card.start'), () => void act(entity.id, { action: 'start_mowing' }));
    const dock = tool('dock', t('card.dock'), () => void act(entity.id, { action: 'return_to_base' }));
    return { elements: [h('div', { class: 'tools' }, start.element, dock.element)], isOn: (now) => now.state === 'mowing' };
  },

  media_player(entity) {
    const { id } = entity;
    const play = tool('play', t('card.play'), () => void act(id, { action: play.element.dataset.now === 'playing' ? 'pause' : 'play' }), 'tool primary');
    const tools = h('div', { class: 'tools' });
    if (can(entity, 'previous')) tools.append(tool('previous', t('card.previous'), () => void act(id, { action: 'previous' })).element);
    if (can(entity, 'play')) tools.append(play.element);
    if (can(entity, 'next')) tools.append(tool('next', t('card.next'), () => void act(id, { action: 'next' })).element);
    const mute = tool('volume', t('card.mute'), () => void act(id, { action: 'mute', muted: mute.element.dataset.now !== 'muted' }));
    const volume = slider({ label: t('card.volume', { name: entity.name }), min: 0, max: 100, set: (value) => void act(id, { action: 'set_volume', volume: value }) });
    const source = choice(t('card.source', { name: entity.name }), (one) => one, (one) => void act(id, { action: 'play_source', source: one }));
    const elements = [tools];
    if (can(entity, 'volume')) elements.push(h('div', { class: 'row' }, ...(can(entity, 'mute') ? [mute.element] : []), volume.element));
    if (can(entity, 'source')) elements.push(h('div', { class: 'row' }, source.element));
    return {
      wide: true,
      elements,
      isOn: (now) => now.state === 'playing',
      update(now) {
        const { attributes } = now;
        play.element.dataset.now = now.state ?? '';
        if (now.state === 'playing') play.become('pause', t('card.pause'));
        else play.become('play', t('card.play'));
        mute.element.dataset.now = attributes.is_volume_muted ? 'muted' : '';
        if (attributes.is_volume_muted) mute.become('muted', t('card.unmute'));
        else mute.become('volume', t('card.mute'));
        volume.set(Math.round((attributes.volume_level ?? 0) * 100));
        source.set(attributes.source_list ?? [], attributes.source);
      },
    };
  },

  number(entity) {
    const { min = 0, max = 100, step = 1 } = entity.attributes;
    const value = slider({ label: entity.name, min, max, step, unit: entity.unit ? ` ${entity.unit}` : '', live: false, set: (now) => void act(entity.id, { action: 'set_value', value: now }) });
    return { elements: [value.element], update: (now) => value.set(Number(now.state ?? min)) };
  },

  select(entity) {
    const select = choice(entity.name, (one) => one, (option) => void act(entity.id, { action: 'select_option', option }));
    return { elements: [select.element], update: (now) => select.set(now.attributes.options ?? [], now.state) };
  },

  button: () => ({ toggle: () => ({ action: 'press' }) }),
  scene: () => ({ toggle: () => ({ action: 'press' }) }),

  sensor(entity) {
    return { elements: entity.unit ? [sparkline(entity.id)] : [] };
  },

  binary_sensor: () => ({ isOn: (entity) => entity.state === 'on' }),
};

/**
 * Blinds, curtains, doors, valves.
 * @param {Entity} entity
 * @returns {Parts}
 */
function moving(entity) {
  const { id } = entity;
  const up = tool('open', t('card.open'), () => void act(id, { action: 'open' }));
  const stop = tool('stop', t('card.stop'), () => void act(id, { action: 'stop' }));
  const down = tool('down', t('card.close'), () => void act(id, { action: 'close' }));
  const position = can(entity, 'position')
    ? slider({ label: t('card.position', { name: entity.name }), min: 0, max: 100, live: false, set: (value) => void act(id, { action: 'set_position', position: value }) })
    : null;
  const tools = h('div', { class: 'tools' }, up.element, stop.element, down.element);
  return {
    elements: position ? [tools, position.element] : [tools],
    isOn: (now) => now.state === 'open' || now.state === 'opening',
    update(now) {
      up.element.disabled = now.state === 'open' && (now.attributes.current_position ?? 100) >= 100;
      down.element.disabled = now.state === 'closed';
      position?.set(now.attributes.current_position ?? (now.state === 'open' ? 100 : 0));
    },
  };
}

/**
 * Whether a room is on the robot's map.
 * @param {Entity} entity
 * @param {Area} area
 */
function knows(entity, area) {
  const map = JSON.stringify(entity.attributes.segments ?? entity.attributes.rooms ?? {}).toLowerCase();
  return map.includes(`"${area.name.toLowerCase()}"`);
}
