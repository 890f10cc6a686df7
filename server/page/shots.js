// Shots of the films that the owner of the server has indexed, found by a question: pictures with their times, which lead into the clip
// or the film that they are of.
import { ApiError, findShots, shotUrl } from './api.js';
import { element, make, tellError } from './dom.js';
import { clock } from './transcript.js';
import { sentence } from './words.js';

/** @typedef {import('./api.js').Shot} Shot */

const question = element('question', HTMLInputElement);
const state = element('shots-state', HTMLParagraphElement);
const list = element('shots', HTMLOListElement);

let asking = new AbortController();

/** @param {{ onOpen: (shot: Shot) => void, guarded: (work: () => Promise<void>) => Promise<void> }} given */
export function startShots({ onOpen, guarded }) {
  element('shots-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text === '') return tellError('question', 'Say what the shots are to show.');
    void guarded(() => ask(text, onOpen));
  });
}

/** @param {string} text @param {(shot: Shot) => void} onOpen */
async function ask(text, onOpen) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  tellError('question', '');
  state.textContent = 'Looking.';
  try {
    const { data, notices } = await findShots(text, signal);
    if (signal.aborted) return;
    list.replaceChildren(...data.map((shot) => cardOf(shot, signal, onOpen)));
    list.hidden = data.length === 0;
    const count =
      ['No shot was found.', 'One shot, as well as it fits.'][data.length] ?? `${data.length} shots, the best first.`;
    state.textContent = [count, ...notices.map(sentence)].join(' ');
  } catch (error) {
    if (signal.aborted) return;
    state.textContent = '';
    list.replaceChildren();
    list.hidden = true;
    if (!(error instanceof ApiError) || error.status !== 422) throw error;
    const [problem] = error.fields;
    tellError('question', sentence(problem?.message ?? error.message));
  }
}

/** @param {Shot} shot @param {AbortSignal} signal @param {(shot: Shot) => void} onOpen */
function cardOf(shot, signal, onOpen) {
  const item = make('li', '');
  const button = make('button', 'card');
  button.type = 'button';
  const picture = make('span', 'thumb');
  const where = `${clock(shot.start)}–${clock(shot.end)}${shot.video === null ? ` ${shot.film}` : ''}`;
  button.append(picture, make('span', 'words', shot.caption));
  if (shot.said !== '') button.append(make('span', 'said', `“${shot.said}”`));
  button.append(make('span', 'meta', where));
  button.addEventListener('click', () => onOpen(shot));
  item.append(button);
  // A film may have gone since it was indexed; its shot is told without a picture then.
  void showPicture(picture, shot.id, signal).catch(() => undefined);
  return item;
}

/** @param {HTMLElement} picture @param {string} id @param {AbortSignal} signal */
async function showPicture(picture, id, signal) {
  const url = await shotUrl(id, signal);
  signal.addEventListener('abort', () => URL.revokeObjectURL(url));
  if (signal.aborted) return URL.revokeObjectURL(url);
  const image = make('img', '');
  image.addEventListener('load', () => image.classList.add('ready'));
  Object.assign(image, { src: url, alt: '' });
  picture.append(image);
}
