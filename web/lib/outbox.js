// @ts-check
// What was said or written while there was no connection, kept on this device until the server has it. Each thing has an id, under
// which the server does it once however often it is sent, and is its person's: nobody else who signs in here sends it.
import { me } from './session.js';

const NAME = 'vesta';
const STORE = 'outbox';

/** @typedef {{ id: string, at_ms: number, kind: 'text', text: string } | { id: string, at_ms: number, kind: 'speech', pcm: ArrayBuffer }} Waiting */

/** @type {Promise<IDBDatabase> | undefined} */
let opened;

/** @returns {Promise<IDBDatabase>} */
function open() {
  opened ??= new Promise((resolve, reject) => {
    const asking = indexedDB.open(NAME, 1);
    asking.onupgradeneeded = () => asking.result.createObjectStore(STORE, { keyPath: 'id' });
    asking.onsuccess = () => resolve(asking.result);
    asking.onerror = () => reject(asking.error);
  });
  return opened;
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>}
 */
async function run(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode, { durability: 'strict' });
    const asking = work(transaction.objectStore(STORE));
    // A write is kept when its transaction is, not before.
    transaction.oncomplete = () => resolve(asking.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {Waiting} waiting */
export async function keep(waiting) {
  const kept = { ...waiting, person: me()?.id };
  await run('readwrite', (store) => store.put(kept));
}

/** @param {string} id */
export async function forget(id) {
  await run('readwrite', (store) => store.delete(id));
}

/**
 * Everything of whoever is signed in that waits, the oldest first.
 * @returns {Promise<Waiting[]>}
 */
export async function waiting() {
  const all = /** @type {(Waiting & { person?: string })[]} */ (await run('readonly', (store) => store.getAll()));
  return all.filter((one) => one.person === me()?.id).sort((one, other) => one.at_ms - other.at_ms);
}

/**
 * Runs alone of its kind among all of this app's windows, so that two of them never send the same thing at once: the others wait.
 * @param {Waiting['kind']} kind
 * @param {() => Promise<void>} work
 */
export async function alone(kind, work) {
  if (navigator.locks) await navigator.locks.request(`vesta-outbox-${kind}`, work);
  else await work();
}
