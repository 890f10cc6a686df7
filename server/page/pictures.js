// The pictures of the form: one that the clip begins with, one that it ends with, one whose thing it shows. Each is seen beside its field and can
// be taken away again.
import { element, make } from './dom.js';

/** Fields of the form, and what the server calls their files. */
const references = { image: 'input_reference', last: 'last_reference', like: 'like_reference' };
const names = /** @type {(keyof typeof references)[]} */ (Object.keys(references));

/** @param {() => void} onChange */
export function startPictures(onChange) {
  for (const name of names) {
    element(name, HTMLInputElement).addEventListener('change', () => {
      show(name);
      onChange();
    });
  }
}

/** Those that were chosen, by the server's names. @returns {readonly (readonly [reference: string, file: File])[]} */
export function chosenPictures() {
  return names.flatMap((name) => {
    const file = element(name, HTMLInputElement).files?.[0];
    return file === undefined ? [] : [/** @type {const} */ ([references[name], file])];
  });
}

export function clearPictures() {
  for (const name of names) clear(name);
}

/** @param {keyof typeof references} name */
function clear(name) {
  element(name, HTMLInputElement).value = '';
  show(name);
}

/** @param {keyof typeof references} name */
function show(name) {
  const input = element(name, HTMLInputElement);
  const field = /** @type {HTMLElement} */ (input.parentElement);
  const before = field.querySelector('.chosen');
  if (before !== null) URL.revokeObjectURL(before.querySelector('img')?.src ?? '');
  before?.remove();
  const file = input.files?.[0];
  if (file === undefined) return;
  const picture = make('img', '');
  picture.src = URL.createObjectURL(file);
  picture.alt = file.name;
  const remove = make('button', 'quiet', 'Remove');
  remove.type = 'button';
  remove.addEventListener('click', () => {
    clear(name);
    input.dispatchEvent(new Event('change'));
    input.focus();
  });
  const chosen = make('p', 'chosen');
  chosen.append(picture, remove);
  input.after(chosen);
}
