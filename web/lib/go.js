// @ts-check

/**
 * Shows another view.
 * @param {string} path
 */
export function go(path) {
  dispatchEvent(new CustomEvent('vesta-go', { detail: path }));
}

/** Begins anew: somebody signed in or out, or chose another language. */
export function restart() {
  dispatchEvent(new Event('vesta-restart'));
}
