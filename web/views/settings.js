// @ts-check
// Settings: the person, devices, language, voice, tests, privacy.
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { LANGUAGES, language, remember, t, use } from '../lib/i18n.js';
import { get, put, request } from '../lib/api.js';
import { live } from '../lib/live.js';
import { attempt } from '../lib/errors.js';
import { announce, show } from '../lib/announce.js';
import { link, restart } from '../lib/go.js';
import { forgetMe, may, me } from '../lib/session.js';
import { choose, waits } from '../voice/headset.js';
import { connectionTest, microphoneTest } from './tests.js';
import { devicesSection, passkeysSection, tokensSection } from './devices.js';
import { group, line } from './setting-parts.js';

/** @returns {import('../main.js').View} */
export function settingsView() {
  /** @type {(() => void)[]} */
  const leaving = [];
  const person = me();
  const microphone = microphoneTest();
  leaving.push(microphone.leave);
  const element = h('div', { class: 'settings' },
    h('h1', {}, t('view.settings')),
    h('div', { class: 'me' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, (person?.name ?? '?').slice(0, 1).toUpperCase()),
      h('div', {}, h('p', { class: 'name' }, person?.name ?? ''), h('p', { class: 'quiet' }, person ? t(`role.${person.role}`) : '')),
      h('button', { type: 'button', class: 'chip', onclick: () => void signOut() }, t('settings.sign_out'))),
    may('manage_people')
      ? h('nav', { class: 'group', 'aria-label': t('view.people') }, link('/people', { class: 'next' }, icon('people', 22),
        h('span', {}, h('strong', {}, t('view.people')), h('span', { class: 'quiet' }, t('people.text'))), icon('chevron', 20)))
      : null,
    group('globe', t('settings.language_voice'), nameLine(), languageLine(), ...voiceLines(leaving)),
    group('mic', t('settings.microphone'), microphone.element, headsetLine()),
    group('wave', t('settings.connection'), connectionTest()),
    devicesSection(),
    passkeysSection(),
    may('manage_tokens') ? tokensSection() : null,
    group('info', t('settings.about'), about()),
  );
  return { element, leave: () => leaving.forEach((leave) => leave()) };
}

async function signOut() {
  await attempt(() => request('POST', '/api/auth/sign-out'));
  forgetMe();
  restart();
}

/** What the house calls the person. */
function nameLine() {
  const person = me();
  const name = h('input', { type: 'text', id: 'own-name', maxLength: 100, autocomplete: 'name', value: person?.name ?? '', onchange: () => void save() });
  name.defaultValue = name.value;
  async function save() {
    const wanted = name.value.trim();
    if (!person || !wanted || wanted === person.name) return void (name.value = person?.name ?? '');
    const saved = await attempt(() => request('PATCH', `/api/people/${person.id}`, { name: wanted }));
    if (!saved) return void (name.value = person.name);
    announce(t('saved'));
    restart();
  }
  return line('own-name', t('settings.name'), name);
}

function languageLine() {
  const select = h('select', { class: 'choice', id: 'language', onchange: () => void speak() },
    ...Object.entries(LANGUAGES).map(([tag, name]) => h('option', { value: tag, selected: tag === language() }, name)));
  async function speak() {
    const chosen = /** @type {import('../lib/i18n.js').Language} */ (select.value);
    remember(chosen);
    await use(chosen);
    const person = me();
    if (person) await attempt(() => request('PATCH', `/api/people/${person.id}`, { language: chosen }));
    restart();
  }
  return line('language', t('settings.language'), select);
}

/** Voice, room and privacy: what the server keeps for the person. */
function voiceLines(/** @type {(() => void)[]} */ leaving) {
  const voice = h('select', { class: 'choice', id: 'voice' });
  const area = h('select', { class: 'choice', id: 'area' });
  const audio = h('input', { type: 'checkbox', class: 'switch', id: 'keep-audio', role: 'switch' });
  const listen = h('button', { type: 'button', class: 'chip', onclick: () => void hear() }, icon('play', 18), h('span', {}, t('settings.hear')));
  const theme = h('select', { class: 'choice', id: 'theme', onchange: () => dress(theme.value) },
    ...['auto', 'light', 'dark'].map((name) => h('option', { value: name, selected: name === (localStorage.getItem('vesta.theme') ?? 'auto') }, t(`theme.${name}`))));

  async function load() {
    const [house, own] = await Promise.all([attempt(() => get('/api/house')), attempt(() => get('/api/settings'))]);
    if (!house || !own) return;
    const name = (/** @type {any} */ one) => one.description || one.name;
    // A voice that speaks the person's or the household's language, and the one that was chosen; eSpeak NG alone has more than a hundred.
    const spoken = [language(), house.language];
    const fits = (/** @type {any} */ one) => one.name === own.voice || one.languages.some((/** @type {string} */ tag) => spoken.includes(tag.slice(0, 2).toLowerCase()));
    voice.replaceChildren(h('option', { value: '' }, t('settings.house_voice')),
      ...house.voices.filter(fits).map((/** @type {any} */ one) => h('option', { value: one.name }, `${name(one)} (${one.languages.slice(0, 2).join(', ')})`)));
    voice.value = own.voice ?? '';
    // The rooms may come later than what was chosen.
    const rooms = () => {
      area.replaceChildren(h('option', { value: '' }, t('settings.on_the_move')), ...live.areas.map((one) => h('option', { value: one.id }, one.name)));
      area.value = own.area ?? '';
    };
    rooms();
    live.addEventListener('house', rooms);
    leaving.push(() => live.removeEventListener('house', rooms));
    audio.checked = own.keep_audio ?? house.keep_audio;
    const save = async () => {
      own.area = area.value || null;
      const saved = await attempt(() => put('/api/settings', { voice: voice.value || null, area: area.value || null, keep_audio: audio.checked }));
      if (saved) announce(t('saved'));
    };
    for (const control of [voice, area, audio]) control.addEventListener('change', () => void save());
  }

  async function hear() {
    const response = await attempt(() => request('POST', '/api/say', { text: t('settings.sample'), ...(voice.value ? { voice: voice.value } : {}) }));
    if (!response) return;
    const url = URL.createObjectURL(await response.blob());
    const sound = new Audio(url);
    sound.onended = () => URL.revokeObjectURL(url);
    await sound.play().catch(() => show(t('settings.no_sound')));
  }

  void load();
  return [
    line('voice', t('settings.voice'), h('div', { class: 'row' }, voice, listen)),
    line('area', t('settings.room'), area, t('settings.room_text')),
    line('theme', t('settings.theme'), theme),
    line('keep-audio', t('settings.keep_audio'), audio, t('settings.keep_audio_text')),
  ];
}

/** @param {string} theme */
export function dress(theme) {
  if (theme === 'auto') localStorage.removeItem('vesta.theme');
  else localStorage.setItem('vesta.theme', theme);
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Whether the button of a headset is waited for while nothing is played. */
function headsetLine() {
  const box = h('input', { type: 'checkbox', class: 'switch', id: 'headset', role: 'switch', checked: waits(), onchange: () => choose(box.checked) });
  return line('headset', t('settings.headset'), box, t('settings.headset_text'));
}

function about() {
  const version = h('span', {});
  const engines = h('span', { class: 'quiet' });
  void get('/api/house').then((house) => {
    version.textContent = `Vesta ${house.version}`;
    engines.textContent = Object.entries(house.engines).map(([name, state]) => `${name}: ${state}`).join(' · ');
  }, () => {});
  return h('div', { class: 'about' }, version, engines, h('p', { class: 'quiet' }, t('settings.about_text')),
    h('a', { href: '/api/openapi.json', target: '_blank', rel: 'noopener' }, t('settings.api')));
}

