// @ts-check
// The shell: who is signed in, which view is shown, and what is always there.
import './lib/theme.js';
import { h, fill, setText } from './lib/dom.js';
import { icon } from './lib/icons.js';
import { preferred, t, use } from './lib/i18n.js';
import { signedOut } from './lib/api.js';
import { live } from './lib/live.js';
import { conversation } from './lib/conversation.js';
import { forgetMe, me, whoAmI } from './lib/session.js';
import { announce, announcer } from './lib/announce.js';
import { talkView } from './views/talk.js';
import { typeView } from './views/type.js';
import { homeView } from './views/home.js';
import { historyView } from './views/history.js';
import { settingsView } from './views/settings.js';
import { welcomeView } from './views/welcome.js';

/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {() => void} [leave] Called when another view is shown.
 */

/** @type {{ path: string, name: string, icon: string, make: () => View }[]} */
const VIEWS = [
  { path: '/', name: 'talk', icon: 'mic', make: talkView },
  { path: '/type', name: 'type', icon: 'type', make: typeView },
  { path: '/home', name: 'home', icon: 'home', make: homeView },
  { path: '/history', name: 'history', icon: 'history', make: historyView },
  { path: '/settings', name: 'settings', icon: 'settings', make: settingsView },
];

class VestaApp extends HTMLElement {
  /** @type {View | null} */
  #view = null;
  #main = h('main', { id: 'main', tabIndex: -1 });
  #notice = h('p', { class: 'notice', role: 'status', hidden: true });

  async connectedCallback() {
    await use(preferred());
    addEventListener('popstate', () => this.#show(false));
    addEventListener('vesta-go', (event) => this.#go(/** @type {CustomEvent<string>} */ (event).detail));
    addEventListener('vesta-restart', () => void this.#begin());
    live.addEventListener('connection', () => this.#tellConnection());
    live.addEventListener('link', () => this.#tellConnection());
    signedOut.addEventListener('signed-out', () => {
      if (!me()) return;
      forgetMe();
      void this.#begin();
    });
    await this.#begin();
    if ('serviceWorker' in navigator && isSecureContext) void navigator.serviceWorker.register('/sw.js').catch(() => {});
  }

  async #begin() {
    const person = await whoAmI();
    live.stop();
    if (person) {
      live.start();
      void conversation.begin();
      this.#build();
    } else {
      fill(this, this.#main, announcer);
    }
    this.#show(false);
  }

  #build() {
    const links = VIEWS.map(({ path, name, icon: symbol }) =>
      h('a', { href: path, 'data-view': name, onclick: (/** @type {MouseEvent} */ event) => this.#follow(event, path) },
        icon(symbol), h('span', {}, t(`view.${name}`))));
    fill(
      this,
      h('a', { class: 'skip', href: '#main', onclick: (/** @type {Event} */ event) => (event.preventDefault(), this.#main.focus()) }, t('skip')),
      h('nav', { class: 'rail', 'aria-label': t('nav') }, h('span', { class: 'brand', 'aria-hidden': 'true' }, 'Vesta'), ...links),
      h('div', { class: 'stage' }, this.#notice, this.#main),
      announcer,
    );
    this.#tellConnection();
  }

  /**
   * @param {MouseEvent} event
   * @param {string} path
   */
  #follow(event, path) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.#go(path);
  }

  /** @param {string} path */
  #go(path) {
    if (path !== location.pathname + location.search) history.pushState(null, '', path);
    this.#show(true);
  }

  /** @param {boolean} moved Whether somebody went there, rather than the page being opened. */
  #show(moved) {
    this.#view?.leave?.();
    const wanted = VIEWS.find((view) => view.path === location.pathname) ?? VIEWS[0];
    const special = !me() || location.pathname === '/welcome' ? welcomeView : null;
    this.#view = special ? special() : (wanted?.make() ?? null);
    this.toggleAttribute('bare', special !== null);
    const title = special ? 'Vesta' : t(`view.${wanted?.name}`);
    document.title = special ? 'Vesta' : `${title} · Vesta`;
    for (const link of this.querySelectorAll('nav a')) {
      if (!special && link.getAttribute('data-view') === wanted?.name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    fill(this.#main, this.#view?.element);
    this.#main.className = special ? 'special' : `view-${wanted?.name}`;
    if (moved) {
      this.#main.focus({ preventScroll: true });
      this.#main.scrollTop = 0;
      announce(title);
    }
  }

  #tellConnection() {
    const text = !navigator.onLine ? t('offline.no_network')
      : !live.connected && live.known ? t('offline.no_server')
        : live.linkDown ? t('offline.no_devices') : '';
    setText(this.#notice, text);
    this.#notice.hidden = !text;
  }
}

customElements.define('vesta-app', VestaApp);
