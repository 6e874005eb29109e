// @ts-check
// The shell: who is signed in, which view is shown, and what is always there.
import './lib/theme.js';
import { h, fill, setText } from './lib/dom.js';
import { icon } from './lib/icons.js';
import { preferred, t, use, word } from './lib/i18n.js';
import { signedOut } from './lib/api.js';
import { live } from './lib/live.js';
import { conversation } from './lib/conversation.js';
import { forgetMe, may, me, whoAmI } from './lib/session.js';
import { announce, announcer } from './lib/announce.js';
import { link } from './lib/go.js';
import { keepApp, update } from './lib/update.js';
import { talk } from './voice/talk.js';
import { talkView } from './views/talk.js';
import { typeView } from './views/type.js';
import { homeView } from './views/home.js';
import { listsView } from './views/lists.js';
import { historyView } from './views/history.js';
import { peopleView } from './views/people.js';
import { settingsView } from './views/settings.js';
import { welcomeView } from './views/welcome.js';

/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {() => void} [leave] Called when another view is shown.
 */

/**
 * @typedef {object} Place
 * @property {string} path
 * @property {string} name
 * @property {string} [icon] For the bar; one without is reached from another view.
 * @property {() => View} make
 * @property {string} [under] The view that it belongs to.
 * @property {boolean} [wide] Only where the bar has room for it.
 */

/** @type {Place[]} */
const VIEWS = [
  { path: '/', name: 'talk', icon: 'mic', make: talkView },
  { path: '/type', name: 'type', icon: 'type', make: typeView },
  { path: '/home', name: 'home', icon: 'home', make: homeView },
  { path: '/lists', name: 'lists', icon: 'list', make: listsView, under: 'home', wide: true },
  { path: '/history', name: 'history', icon: 'history', make: historyView },
  { path: '/settings', name: 'settings', icon: 'settings', make: settingsView },
  { path: '/people', name: 'people', make: peopleView, under: 'settings' },
];

class VestaApp extends HTMLElement {
  /** @type {View | null} */
  #view = null;
  #main = h('main', { id: 'main', tabIndex: -1 });
  #notice = h('p', { class: 'notice', role: 'status', hidden: true });
  #renew = h('p', { class: 'notice', role: 'status', hidden: true });

  async connectedCallback() {
    // Who is here, and in which words: neither has to wait for the other.
    const asked = whoAmI();
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
    update.addEventListener('there', () => this.#outdated());
    await this.#begin(asked);
    void keepApp();
  }

  /** The house has a new version of the app; files of this one are gone. */
  #outdated() {
    const busy = talk.pressed || talk.handsFree || talk.state === 'speaking' || [...this.querySelectorAll('input, textarea')].some(isBeingWritten);
    if (!busy) return location.reload();
    fill(this.#renew, `${t('update.there')} `, h('button', { type: 'button', class: 'chip', onclick: () => location.reload() }, t('update.load')));
    this.#renew.hidden = false;
  }

  async #begin(asked = whoAmI()) {
    const person = await asked;
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
    const links = VIEWS.filter((view) => view.icon && (view.name !== 'lists' || may('keep_lists'))).map(({ path, name, icon: symbol, wide }) =>
      link(path, { 'data-view': name, class: wide ? 'wide-only' : null }, icon(symbol ?? ''), h('span', {}, word(`bar.${name}`, t(`view.${name}`)))));
    fill(
      this,
      h('a', { class: 'skip', href: '#main', onclick: (/** @type {Event} */ event) => (event.preventDefault(), this.#main.focus()) }, t('skip')),
      h('nav', { class: 'rail', 'aria-label': t('nav') }, h('span', { class: 'brand', 'aria-hidden': 'true' }, 'Vesta'), ...links),
      h('div', { class: 'stage' }, this.#notice, this.#renew, this.#main),
      announcer,
    );
    this.#tellConnection();
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
    const links = [...this.querySelectorAll('nav a')];
    const stands = (/** @type {Element} */ one, /** @type {string | undefined} */ name) => !special && one.getAttribute('data-view') === name;
    for (const one of links) {
      if (stands(one, wanted?.name)) one.setAttribute('aria-current', 'page');
      // A view that the bar has no room for is within another one.
      else if (stands(one, wanted?.under)) one.setAttribute('aria-current', 'true');
      else one.removeAttribute('aria-current');
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
    const text = live.away ? t(navigator.onLine ? 'offline.no_server' : 'offline.no_network') : live.linkDown ? t('offline.no_devices') : '';
    setText(this.#notice, text);
    this.#notice.hidden = !text;
  }
}

/** Whether somebody has written something that is not sent yet. @param {Element} field */
function isBeingWritten(field) {
  if (field instanceof HTMLTextAreaElement) return field.value !== '';
  return field instanceof HTMLInputElement && field.type === 'text' && field.value !== field.defaultValue;
}

customElements.define('vesta-app', VestaApp);
