// @ts-check
// The home as it is now, kept up to date by the server's events. Views listen to `entity`, `house`, `timers`, `lists`,
// `turn` and `link`.
import { get, signedOut } from './api.js';

const LONGEST_PAUSE = 8_000;

class Live extends EventTarget {
  /** @type {Map<string, Entity>} */
  entities = new Map();
  /** @type {Area[]} */
  areas = [];
  /** @type {Floor[]} */
  floors = [];
  /** @type {Timer[]} */
  timers = [];
  /** Empty for those who may not see them. @type {List[]} */
  lists = [];
  /** Whether the home was read at least once. */
  known = false;
  /** Whether events arrive. */
  connected = false;
  /** Whether the last try to get them failed. */
  away = false;
  /** Why devices cannot be reached, if they cannot. @type {string | null} */
  linkDown = null;

  /** @type {EventSource | null} */
  #source = null;
  #last = '';
  #pause = 250;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #running = false;
  /** Requests for the whole home: how many there were, how many are under way, and the last whose answer is shown. */
  #reads = 0;
  #reading = 0;
  #shown = 0;
  /** What was told meanwhile, the last of each thing, with its place in the order. @type {Map<string, [number, () => void]>} */
  #meanwhile = new Map();
  #told = 0;

  start() {
    if (this.#running) return;
    this.#running = true;
    addEventListener('online', this.#now);
    addEventListener('offline', this.#lost);
    document.addEventListener('visibilitychange', this.#now);
    addEventListener('pagehide', this.#left);
    addEventListener('pageshow', this.#now);
    // At once, so that there is something to see; and again when events arrive, so that nothing in between is missed.
    void this.read();
    this.#connect();
  }

  /** Forgets all that was seen: the next who signs in here may be another. */
  stop() {
    this.#running = false;
    this.connected = false;
    this.away = false;
    this.known = false;
    this.#last = '';
    // What was asked for before shows nothing any more.
    this.#shown = this.#reads + 1;
    this.entities = new Map();
    [this.timers, this.lists] = [[], []];
    removeEventListener('online', this.#now);
    removeEventListener('offline', this.#lost);
    document.removeEventListener('visibilitychange', this.#now);
    removeEventListener('pagehide', this.#left);
    removeEventListener('pageshow', this.#now);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  /** Tries again at once: the network came back, or somebody looks again. */
  #now = () => {
    if (!this.#running || document.hidden || this.connected) return;
    this.#pause = 250;
    clearTimeout(this.#retry);
    this.#connect();
  };

  /** A page that was left may be kept by the browser, with its connection: six of them, and no other gets through. */
  #left = () => {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    this.connected = false;
  };

  #lost = () => {
    this.#source?.close();
    this.#broken();
  };

  #connect() {
    this.#source?.close();
    const query = this.#last ? `?last_event_id=${encodeURIComponent(this.#last)}` : '';
    const source = new EventSource(`/api/events${query}`);
    this.#source = source;
    /**
     * @param {string} name
     * @param {(data: any) => void} take
     */
    const on = (name, take) =>
      source.addEventListener(name, (event) => {
        if (source !== this.#source) return;
        const { data, lastEventId } = /** @type {MessageEvent<string>} */ (event);
        if (lastEventId) this.#last = lastEventId;
        take(JSON.parse(data));
      });
    on('hello', () => {
      this.#up();
      if (!query) void this.read();
    });
    on('resync', () => {
      this.#up();
      void this.read();
      this.dispatchEvent(new Event('turns'));
    });
    // What is told while the home is read anew is newer than what is read.
    const state = (/** @type {string} */ name, /** @type {(data: any) => void} */ take) =>
      on(name, (data) => {
        if (this.#reading > 0) this.#meanwhile.set(`${name} ${data.id ?? ''}`, [++this.#told, () => take(data)]);
        take(data);
      });
    state('entity', ({ id, entity }) => {
      if (entity) this.entities.set(id, entity);
      else this.entities.delete(id);
      this.dispatchEvent(new CustomEvent('entity', { detail: id }));
    });
    state('areas', ({ areas, floors }) => {
      this.areas = areas;
      this.floors = floors;
      this.dispatchEvent(new Event('house'));
    });
    state('timers', ({ timers }) => {
      this.timers = timers;
      this.dispatchEvent(new Event('timers'));
    });
    state('lists', ({ lists }) => this.takeLists(lists));
    on('turn', (turn) => this.dispatchEvent(new CustomEvent('turn', { detail: turn })));
    on('turn_deleted', ({ id }) => this.dispatchEvent(new CustomEvent('turn_deleted', { detail: id })));
    state('link', (link) => {
      this.linkDown = link.link === 'down' ? link.why : null;
      this.dispatchEvent(new Event('link'));
    });
    source.addEventListener('error', () => {
      if (source !== this.#source) return;
      source.close();
      this.#broken();
    });
  }

  /** The lists as an answer has them, before the event tells. @param {List[]} lists */
  takeLists(lists) {
    this.lists = lists;
    this.dispatchEvent(new Event('lists'));
  }

  #up() {
    this.#pause = 250;
    if (this.connected) return;
    this.connected = true;
    this.away = false;
    this.dispatchEvent(new Event('connection'));
  }

  #broken() {
    this.#source = null;
    const known = this.away;
    this.connected = false;
    this.away = true;
    if (!known) this.dispatchEvent(new Event('connection'));
    if (!this.#running) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    // An event source does not say why it failed: a request does.
    if (navigator.onLine) void get('/api/connection').catch(() => {});
  }

  /** Reads the whole home anew. */
  async read() {
    const [number, since] = [++this.#reads, this.#told];
    this.#reading += 1;
    try {
      const house = await get('/api/home');
      // Of two answers the later request's counts, whichever comes first.
      if (number < this.#shown) return;
      this.#shown = number;
      this.entities = new Map(Object.entries(house.entities));
      this.areas = house.areas;
      this.floors = house.floors;
      this.timers = house.timers ?? [];
      this.lists = house.lists ?? [];
      this.known = true;
      for (const name of ['house', 'timers', 'lists']) this.dispatchEvent(new Event(name));
      for (const [order, again] of this.#meanwhile.values()) if (order > since) again();
    } catch {
      // The next event, or the next connection, brings another try.
      if (number >= this.#shown) this.known = false;
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#meanwhile.clear();
    }
  }

  /**
   * What a person sees of the home: exposed entities by area, in the areas' order; those without an area last.
   * @returns {{ area: Area | null, entities: Entity[] }[]}
   */
  rooms() {
    const shown = [...this.entities.values()].filter((entity) => entity.exposed);
    const rooms = this.areas.map((area) => ({
      area: /** @type {Area | null} */ (area),
      entities: shown.filter((entity) => entity.area === area.id),
    }));
    rooms.push({ area: null, entities: shown.filter((entity) => !this.areas.some((area) => area.id === entity.area)) });
    return rooms.filter((room) => room.entities.length > 0);
  }
}

export const live = new Live();

signedOut.addEventListener('signed-out', () => live.stop());
