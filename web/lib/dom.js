// @ts-check
// Makes elements. Text is always text: nothing here reads HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element with properties, attributes and children. `on…` properties are listeners, `class` and `aria-…`, `data-…`, `for`, `role`
 * are attributes, everything else is a property of the element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child | Child[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === 'class' || name === 'role' || name === 'for' || name.includes('-') || !(name in element)) {
      element.setAttribute(name, value === true ? '' : String(value));
    } else {
      /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (element))[name] = value;
    }
  }
  append(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {(Child | Child[])[]} children
 */
function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Puts these children in place of what is there.
 * @param {Element} element
 * @param {...Child | Child[]} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Text that changes only where it differs, so that a screen reader is not told the same again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * HTML that the server rendered and cleaned.
 * @param {string} html
 */
export function fromServer(html) {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  const holder = h('div', { class: 'prose' });
  holder.append(...parsed.body.childNodes);
  for (const link of holder.querySelectorAll('a')) link.target = '_blank';
  return holder;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...SVGElement} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
