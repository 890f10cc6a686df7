// Videos that somebody has already: chosen or dropped, sent, put into words, and shown with them.
import { captionsUrl, deleteCaptions, followCaptions, listFilms, sendFilm } from './api.js';
import { announce, element, make, tellError } from './dom.js';
import { showWords } from './transcript.js';
import { ago, captionStateOf } from './words.js';

/** @typedef {import('./api.js').Captions} Captions */

const drop = element('film-drop', HTMLDivElement);
const file = element('film', HTMLInputElement);
const state = element('film-state', HTMLParagraphElement);
const list = element('films', HTMLUListElement);
const viewer = element('film-viewer', HTMLDivElement);
const words = element('film-words', HTMLOListElement);
const remove = element('film-remove', HTMLButtonElement);
const downloads = element('film-downloads', HTMLSpanElement);

/** @type {(work: () => Promise<void>) => Promise<void>} */
let guarded;
let shown = new AbortController();
let shownId = '';

/** @param {{ guarded: typeof guarded }} given */
export function startFilms(given) {
  ({ guarded } = given);
  file.addEventListener('change', () => take(file.files));
  for (const name of ['dragover', 'dragenter']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer?.files ?? null);
  });
  remove.addEventListener('click', () => {
    const id = shownId;
    void guarded(async () => {
      clear();
      await deleteCaptions(id);
      announce('The video and its captions are deleted.');
      await refreshFilms();
    });
  });
}

/** @param {FileList | null} files */
function take(files) {
  const [chosen] = files ?? [];
  if (chosen !== undefined) void send(chosen);
}

/** @param {File} chosen */
async function send(chosen) {
  tellError('film', '');
  state.textContent = `Sending ${chosen.name}.`;
  try {
    const captions = await sendFilm(chosen);
    file.value = '';
    await show(captions, true);
    await guarded(refreshFilms);
  } catch (error) {
    state.textContent = '';
    tellError('film', error instanceof Error ? error.message : String(error));
  }
}

export async function refreshFilms() {
  const films = await listFilms();
  list.replaceChildren(...films.map(rowOf));
  list.hidden = films.length === 0;
}

/** @param {Captions} film */
function rowOf(film) {
  const row = make('li', '');
  const button = make('button', 'film');
  button.type = 'button';
  if (film.id === shownId) button.setAttribute('aria-current', 'true');
  const words = film.status === 'completed' ? ago(film.created_at) : captionStateOf(film);
  button.append(make('span', 'words', film.name), make('span', 'meta', words));
  button.addEventListener('click', () => void guarded(() => show(film, false)));
  row.append(button);
  return row;
}

function clear() {
  shown.abort();
  shownId = '';
  viewer.hidden = true;
  words.hidden = true;
  words.replaceChildren();
  downloads.replaceChildren();
  element('film-frame', HTMLDivElement).replaceChildren();
  state.textContent = '';
}

/** Shows a film from a time on. @param {Captions} film @param {number} seconds */
export const showFilm = (film, seconds) => show(film, false, seconds);

/** @param {Captions} film @param {boolean} isNew @param {number} [seconds] where to begin */
async function show(film, isNew, seconds = 0) {
  clear();
  shown = new AbortController();
  shownId = film.id;
  const { signal } = shown;
  viewer.hidden = false;
  const title = element('film-title', HTMLHeadingElement);
  title.textContent = film.name;
  if (!isNew) title.focus();
  state.textContent = captionStateOf(film);
  const ended = await endOf(film, signal);
  if (signal.aborted) return;
  if (ended !== film) {
    if (isNew) announce(ended.status === 'completed' ? 'The captions are done.' : captionStateOf(ended));
    void guarded(refreshFilms);
  }
  if (ended.status === 'completed') await play(ended, { signal, seconds });
}

/** Says how far a film is, until it has ended. @param {Captions} film @param {AbortSignal} signal */
async function endOf(film, signal) {
  if (film.status === 'completed' || film.status === 'failed') return film;
  let now = film;
  await followCaptions(film.id, signal, (next) => {
    if (signal.aborted || next === undefined) return;
    now = next;
    state.textContent = captionStateOf(next);
  });
  return now;
}

/** @param {Captions} film @param {{ signal: AbortSignal, seconds: number }} how */
async function play({ id, name }, { signal, seconds }) {
  const [url, track, text] = await Promise.all([
    captionsUrl(id, 'video'),
    captionsUrl(id, 'vtt'),
    captionsUrl(id, 'srt'),
  ]);
  const forget = () => [url, track, text].forEach((one) => URL.revokeObjectURL(one));
  if (signal.aborted) return forget();
  signal.addEventListener('abort', forget);
  const video = make('video', 'film-clip');
  Object.assign(video, { src: url, controls: true, muted: true, playsInline: true });
  video.setAttribute('aria-label', name);
  if (seconds > 0) video.addEventListener('loadedmetadata', () => (video.currentTime = seconds), { once: true });
  element('film-frame', HTMLDivElement).replaceChildren(video);
  showWords(video, words, track);
  const stem = name.replace(/\.[^.]*$/, '');
  for (const [ending, href] of /** @type {const} */ ([
    ['vtt', track],
    ['srt', text],
  ])) {
    const link = make('a', 'button', `Download .${ending}`);
    Object.assign(link, { href, download: `${stem}.${ending}` });
    downloads.append(link);
  }
}
