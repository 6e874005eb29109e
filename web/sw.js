// @ts-check
/// <reference lib="webworker" />
// The service worker: keeps the files of one version, and the page for when there is no network. What the house says and does is
// never kept here.

const VERSION = '__VERSION__';
const CACHE = `vesta-${VERSION}`;
const PAGE = '/';

/** @type {string[]} */
const FILES = JSON.parse('__FILES__');

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener('install', (event) => {
  // What is asked of the house goes there at once, without waiting until this worker has been started, where the browser can do that.
  const { addRoutes } = /** @type {any} */ (event);
  const direct = (/** @type {string} */ pathname) => ({ condition: { urlPattern: { pathname } }, source: 'network' });
  void addRoutes?.call(event, [direct('/api/*'), direct('/v1/*')])?.catch(() => {});
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll([...FILES, PAGE]))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith('vesta-') && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (url.pathname.startsWith('/app/')) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  } else if (request.mode === 'navigate' && !url.pathname.startsWith('/api/')) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(PAGE)) ?? Response.error()));
  }
});
