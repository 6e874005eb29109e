// @ts-check
// Who is signed in on this device.
import { get } from './api.js';

/** @type {Person | null} */
let person = null;
/** @type {Door} */
let door = { reached: false, owned: true, passkeys: { possible: false, why: null } };

/**
 * @typedef {object} Door How one may come in.
 * @property {boolean} reached Whether the house answered: otherwise nothing else is known.
 * @property {boolean} owned Whether the house has an owner.
 * @property {{ possible: boolean, why: null | 'address' | 'insecure' }} passkeys
 */

/** Who is signed in. */
export function me() {
  return person;
}

/** How one may come in. */
export function theDoor() {
  return door;
}

/** @param {string} action */
export function may(action) {
  return person?.may.includes(action) ?? false;
}

const KEPT = 'vesta.person';

/** A caller as the server tells it. @param {any} caller @returns {Person} */
function personOf(caller) {
  return { id: caller.person, name: caller.name, role: caller.role, language: caller.language, may: caller.may };
}

/**
 * Asks the server who is signed in. Without a connection it is whoever was here last: the page can then be read, and what is written
 * waits.
 * @returns {Promise<Person | null>}
 */
export async function whoAmI() {
  try {
    const answer = await get('/api/auth');
    door = { reached: true, owned: answer.owned, passkeys: answer.passkeys };
    signIn(answer.caller);
  } catch {
    door = { ...door, reached: false };
    person = JSON.parse(localStorage.getItem(KEPT) ?? 'null');
  }
  return person;
}

/** @param {any} caller What a sign-in answered; `null` for nobody. */
export function signIn(caller) {
  person = caller ? personOf(caller) : null;
  if (person) localStorage.setItem(KEPT, JSON.stringify(person));
  else localStorage.removeItem(KEPT);
}

export function forgetMe() {
  signIn(null);
}
