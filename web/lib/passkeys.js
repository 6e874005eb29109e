// @ts-check
// Passkeys (Web Authentication): making one, and signing in with one.
import { post } from './api.js';

/** A browser whose passkeys speak JSON. */
export function supported() {
  return 'PublicKeyCredential' in globalThis && 'parseRequestOptionsFromJSON' in PublicKeyCredential;
}

/** @param {unknown} error Whether somebody merely changed their mind. */
export function wasCancelled(error) {
  return error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError');
}

/**
 * Signs in; answers the caller.
 * @returns {Promise<any>}
 */
export async function signInWithPasskey() {
  const { ceremony, options } = await post('/api/auth/passkey/options', {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
  const credential = /** @type {PublicKeyCredential | null} */ (await navigator.credentials.get({ publicKey }));
  if (!credential) throw new DOMException('none was chosen', 'NotAllowedError');
  return post('/api/auth/passkey', { ceremony, credential: credential.toJSON() });
}

/**
 * Makes a passkey for whoever is signed in.
 * @param {string} name
 */
export async function makePasskey(name) {
  const { ceremony, options } = await post('/api/passkeys/options', {});
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
  const credential = /** @type {PublicKeyCredential | null} */ (await navigator.credentials.create({ publicKey }));
  if (!credential) throw new DOMException('none was made', 'NotAllowedError');
  return post('/api/passkeys', { ceremony, credential: credential.toJSON(), name });
}
