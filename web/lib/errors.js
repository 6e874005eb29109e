// @ts-check
// What went wrong, in the person's language.
import { ApiError } from './api.js';
import { show } from './announce.js';
import { t, word } from './i18n.js';

/** @param {unknown} error */
export function explain(error) {
  if (error instanceof ApiError) return word(`error.${error.code}`, error.message || t('error.internal'));
  return t('error.internal');
}

/**
 * Does something, and says what went wrong if it does.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    show(explain(error));
    return undefined;
  }
}
