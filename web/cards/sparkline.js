// @ts-check
// What a sensor measured over the last day, as a small plot.
import { h, svg } from '../lib/dom.js';
import { get } from '../lib/api.js';
import { number, t } from '../lib/i18n.js';

const WIDTH = 120;
const HEIGHT = 32;
const REFRESH_MS = 5 * 60_000;

class Sparkline extends HTMLElement {
  entity = '';
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #abort = new AbortController();
  #seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    this.#seen.disconnect();
    void this.#draw();
    this.#timer = setInterval(() => void this.#draw(), REFRESH_MS);
  });

  connectedCallback() {
    this.#abort = new AbortController();
    this.#seen.observe(this);
  }

  disconnectedCallback() {
    this.#seen.disconnect();
    this.#abort.abort();
    clearInterval(this.#timer);
  }

  async #draw() {
    const path = `/api/entities/${encodeURIComponent(this.entity)}/history?hours=24&points=60`;
    const history = await get(path, { signal: this.#abort.signal }).catch(() => null);
    /** @type {{ at_ms: number, value: number }[]} */
    const samples = history?.samples ?? [];
    if (samples.length < 2) return this.replaceChildren();
    const values = samples.map((sample) => sample.value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // A sensor that hardly moves is drawn as a calm line, not as its noise.
    const span = Math.max(high - low, Math.abs(high) * 0.02, 0.5);
    const middle = (low + high) / 2;
    const from = samples[0]?.at_ms ?? 0;
    const length = (samples.at(-1)?.at_ms ?? 1) - from || 1;
    const points = samples.map(({ at_ms, value }) => {
      const x = ((at_ms - from) / length) * WIDTH;
      const y = HEIGHT / 2 - ((value - middle) / span) * (HEIGHT - 6);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const unit = history?.unit ?? '';
    const label = t('home.plot', { low: `${number(low)} ${unit}`.trim(), high: `${number(high)} ${unit}`.trim() });
    this.replaceChildren(
      svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
        svg('path', { class: 'area', d: `M0,${HEIGHT} L${points.join(' L')} L${WIDTH},${HEIGHT} Z` }),
        svg('polyline', { class: 'line', points: points.join(' '), 'vector-effect': 'non-scaling-stroke' })),
    );
  }
}

customElements.define('vesta-sparkline', Sparkline);

/** @param {string} entity */
export function sparkline(entity) {
  const element = /** @type {Sparkline} */ (/** @type {unknown} */ (h(/** @type {'div'} */ ('vesta-sparkline'), { class: 'spark' })));
  element.entity = entity;
  return element;
}
