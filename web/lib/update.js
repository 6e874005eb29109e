// @ts-check
// The service worker, and what happens when the house has a new version of the app while a page of the old one is open.
import { live } from './live.js';

/** At most so often the house is asked for a new version. */
const ASK_MS = 60_000;

/** Tells `there` once this page is of an old version. */
export const update = new EventTarget();

/** Begins to keep the app on this device. */
export async function keepApp() {
  if (!('serviceWorker' in navigator) || !isSecureContext) return;
  let before = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    // The first one takes over a page that is as new as itself.
    if (before) update.dispatchEvent(new Event('there'));
    before = navigator.serviceWorker.controller;
  });
  const registration = await navigator.serviceWorker.register('/sw.js').catch(() => null);
  let asked = performance.now();
  // A page at the wall is never opened anew: a house that was away may have come back as another.
  live.addEventListener('connection', () => {
    if (!live.connected || performance.now() - asked < ASK_MS) return;
    asked = performance.now();
    void registration?.update().catch(() => {});
  });
}
