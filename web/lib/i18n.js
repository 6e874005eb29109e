// @ts-check
// The app's words. Each language is one file in `i18n/`; English is what a missing word falls back to.

export const LANGUAGES = /** @type {const} */ ({ en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español' });

/** @typedef {keyof typeof LANGUAGES} Language */

const KEPT = 'vesta.language';

/** @type {Record<string, string>} */
let words = {};
/** @type {Record<string, string>} */
let fallback = {};
/** @type {Language} */
let current = 'en';

/** @param {string} name */
async function load(name) {
  const response = await fetch(new URL(`../i18n/${name}.json`, import.meta.url));
  return /** @type {Record<string, string>} */ (await response.json());
}

/**
 * The language to begin with: the one that was chosen, or the first of the browser's that there is.
 * @returns {Language}
 */
export function preferred() {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages];
  for (const tag of wanted) {
    const language = /** @type {Language} */ (tag?.slice(0, 2).toLowerCase());
    if (language && language in LANGUAGES) return language;
  }
  return 'en';
}

/** @param {Language} language */
export async function use(language) {
  const [chosen, english] = await Promise.all([load(language), language === 'en' ? null : load('en')]);
  words = chosen;
  fallback = english ?? chosen;
  current = language;
  document.documentElement.lang = language;
}

/** @param {Language} language */
export function remember(language) {
  localStorage.setItem(KEPT, language);
}

export function language() {
  return current;
}

/**
 * A word or sentence, with `{name}` filled in.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = words[key] ?? fallback[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * A word, if there is one.
 * @param {string} key
 * @param {string} otherwise
 */
export function word(key, otherwise) {
  return words[key] ?? fallback[key] ?? otherwise;
}

/**
 * @param {number} value
 * @param {number} [digits]
 */
export function number(value, digits = 1) {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

/**
 * A time of day; with the day where it was not today.
 * @param {number} ms Unix time.
 */
export function moment(ms) {
  const then = new Date(ms);
  const today = new Date().toDateString() === then.toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const form = today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat(current, form).format(then);
}

/**
 * A time of day alone, where the day is said elsewhere.
 * @param {number} ms Unix time.
 */
export function time(ms) {
  return new Intl.DateTimeFormat(current, { timeStyle: 'short' }).format(ms);
}

/**
 * A day as a heading: today, yesterday, or its date.
 * @param {number} ms Unix time.
 */
export function day(ms) {
  const then = new Date(ms);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days < 2) return new Intl.RelativeTimeFormat(current, { numeric: 'auto' }).format(-days, 'day');
  return new Intl.DateTimeFormat(current, { weekday: 'long', day: 'numeric', month: 'long' }).format(then);
}
