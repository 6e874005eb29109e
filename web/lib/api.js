// @ts-check
// The server's JSON API.

/** What the server said is wrong (RFC 9457), or that it could not be reached. */
export class ApiError extends Error {
  /**
   * @param {string} code Stable code; `offline` where there was no answer.
   * @param {string} detail
   * @param {number} status
   */
  constructor(code, detail, status) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

/** Told when a request finds that nobody is signed in. */
export const signedOut = new EventTarget();

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ signal?: AbortSignal, keepalive?: boolean }} [options]
 */
export async function request(method, path, body, options = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      ...options,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('offline', 'the server cannot be reached', 0);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) signedOut.dispatchEvent(new Event('signed-out'));
  const error = problem.error ?? problem;
  throw new ApiError(error.code ?? `http_${response.status}`, error.detail ?? error.message ?? response.statusText, response.status);
}

/**
 * @template [T=any]
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function get(path, options) {
  return (await request('GET', path, undefined, options)).json();
}

/**
 * @template [T=any]
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function post(path, body, options) {
  const response = await request('POST', path, body, options);
  return /** @type {T} */ (response.status === 204 ? undefined : await response.json());
}

/**
 * @template [T=any]
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<T>}
 */
export async function put(path, body) {
  const response = await request('PUT', path, body);
  return /** @type {T} */ (response.status === 204 ? undefined : await response.json());
}

/** @param {string} path */
export async function remove(path) {
  await request('DELETE', path);
}

/** An id for something that must happen once. Works without a secure context as well. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
