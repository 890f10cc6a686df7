// The elements of index.html by their ids, and errors next to their fields. Text of users goes through textContent only.

/**
 * @template {Element} T
 * @param {string} id @param {{ new (): T }} kind @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} of the id ${id}.`);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {string} className @param {string} [text] @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Shows what is wrong with a field, or nothing for an empty text. @param {string} name @param {string} text */
export function tellError(name, text) {
  const line = element(`${name}-error`, HTMLParagraphElement);
  line.textContent = text;
  line.hidden = text === '';
  const field = document.getElementById(name);
  if (text === '') field?.removeAttribute('aria-invalid');
  else field?.setAttribute('aria-invalid', 'true');
}

/** Says something to those who listen to the page. @param {string} text */
export const announce = (text) => void (element('live', HTMLParagraphElement).textContent = text);

export const prefersStillness = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
