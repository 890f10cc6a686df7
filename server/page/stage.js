// One video, large: its mosaic while it is made, then the clip, and what can be done with it. Only this one is followed by events;
// browsers allow a server few connections.
import { contentUrl, deleteVideo, followVideo } from './api.js';
import { announce, element, make, prefersStillness } from './dom.js';
import { mosaicOf, tilesFor } from './mosaic.js';
import { clearWords, offerWords } from './stage-words.js';
import { factsOf, sentence, stateOf } from './words.js';

/** @typedef {import('./api.js').Video} Video */
/** @typedef {{ onChange: (video: Video) => void, onRemoved: () => void, onReuse: (video: Video) => void, onTrouble: (error: unknown) => void }} Listeners */

const TILES = 18;
/** Those who listen hear each quarter; a word at each percent would drown everything else. */
const TOLD_PERCENT = 25;

const section = /** @type {HTMLElement} */ (document.querySelector('.stage'));
const frame = element('frame', HTMLDivElement);
const title = element('stage-title', HTMLHeadingElement);
const state = element('stage-state', HTMLParagraphElement);
const facts = element('stage-facts', HTMLParagraphElement);
const notices = element('stage-notices', HTMLParagraphElement);
const download = element('download', HTMLAnchorElement);
const again = element('again', HTMLButtonElement);
const remove = element('remove', HTMLButtonElement);
const dialog = element('remove-dialog', HTMLDialogElement);

/** @type {Video | undefined} */
let current;
/** @type {ReturnType<typeof mosaicOf> | undefined} */
let mosaic;
let following = new AbortController();
let clipUrl = '';
let told = '';
/** @type {Listeners} */
let listeners;

/** @param {Listeners} given */
export function startStage(given) {
  listeners = given;
  again.addEventListener('click', () => current && listeners.onReuse(current));
  remove.addEventListener('click', () => {
    if (current?.status === 'completed') return askWhetherToRemove(current);
    if (current !== undefined) void removeNow(current);
  });
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'delete' && current !== undefined) void removeNow(current);
  });
  clear();
}

export const shownId = () => current?.id;

/**
 * Shows a video, and follows it until it has ended.
 * @param {Video} video @param {{ focus: boolean, seconds?: number | undefined }} options where to begin
 */
export function show(video, { focus, seconds = 0 }) {
  following.abort();
  following = new AbortController();
  const { signal } = following;
  begin(video);
  render(video);
  if (focus) {
    section.scrollIntoView({ block: 'nearest', behavior: prefersStillness() ? 'auto' : 'smooth' });
    title.focus({ preventScroll: true });
  }
  if (video.status === 'completed') return void play(video, { signal, seconds });
  if (video.status === 'failed') return;
  const tell = (/** @type {Video | undefined} */ next) => {
    if (signal.aborted) return;
    if (next === undefined) return leave();
    render(next);
    listeners.onChange(next);
    if (next.status === 'completed') void play(next, { signal, seconds });
  };
  followVideo(video.id, signal, tell).catch(listeners.onTrouble);
}

export function clear() {
  following.abort();
  current = undefined;
  section.dataset['status'] = 'empty';
  place(mosaicOf('tessera', { columns: TILES, rows: TILES }), { width: 1, height: 1 });
  mosaic?.lay(1);
  title.textContent = 'Nothing here yet';
  state.textContent = 'The clip you make takes shape here, tile by tile.';
  facts.textContent = '';
  notices.textContent = '';
  for (const action of [download, again, remove]) action.hidden = true;
}

/** @param {Video} video */
function begin(video) {
  told = '';
  place(mosaicOf(video.id, tilesFor(video.render, TILES)), video.render);
}

/** @param {ReturnType<typeof mosaicOf>} made @param {{ width: number, height: number }} size */
function place(made, { width, height }) {
  URL.revokeObjectURL(clipUrl);
  clipUrl = '';
  mosaic = made;
  frame.replaceChildren(made.element);
  frame.style.aspectRatio = `${width} / ${height}`;
  frame.removeAttribute('role');
  clearWords();
}

/** @param {Video} video */
function render(video) {
  current = video;
  const { status, progress, prompt } = video;
  const isUnderWay = status === 'queued' || status === 'in_progress';
  section.dataset['status'] = status;
  title.textContent = prompt;
  state.textContent = stateOf(video);
  facts.replaceChildren(...factsOf(video).map((fact) => make('span', 'fact', fact)));
  notices.textContent = video.notices.map(sentence).join(' ');
  mosaic?.lay(status === 'completed' ? 1 : progress / 100);
  if (isUnderWay) {
    frame.setAttribute('role', 'progressbar');
    frame.setAttribute('aria-label', 'Progress of the clip');
    frame.setAttribute('aria-valuenow', String(progress));
    frame.setAttribute('aria-valuetext', stateOf(video));
  } else {
    for (const name of ['role', 'aria-label', 'aria-valuenow', 'aria-valuetext']) frame.removeAttribute(name);
  }
  download.hidden = status !== 'completed' || clipUrl === '';
  again.hidden = false;
  remove.hidden = false;
  remove.textContent = isUnderWay ? 'Cancel' : 'Delete';
  tellSometimes(video);
}

/** @param {Video} video */
function tellSometimes({ status, progress, error }) {
  const quarter = Math.floor(progress / TOLD_PERCENT) * TOLD_PERCENT;
  const texts = {
    queued: 'The clip waits for its turn.',
    in_progress: quarter === 0 ? 'The clip is being made.' : `${quarter} percent.`,
    completed: 'The clip is done.',
    failed: `The clip failed. ${error?.message ?? ''}`,
  };
  // What was there when it was chosen needs no word.
  if (told !== '' && told !== texts[status]) announce(texts[status]);
  told = texts[status];
}

/** @param {Video} video @param {{ signal: AbortSignal, seconds: number }} how */
async function play({ id, prompt }, { signal, seconds }) {
  try {
    const url = await contentUrl(id, 'video');
    if (signal.aborted) return URL.revokeObjectURL(url);
    clipUrl = url;
    const video = make('video', 'clip');
    Object.assign(video, { src: url, controls: true, loop: true, muted: true, playsInline: true, autoplay: !prefersStillness() }); // prettier-ignore
    video.setAttribute('aria-label', prompt);
    video.addEventListener('loadeddata', () => video.classList.add('ready'));
    if (seconds > 0) video.addEventListener('loadedmetadata', () => (video.currentTime = seconds), { once: true });
    frame.append(video);
    Object.assign(download, { href: url, download: `${fileName(prompt)}.mp4`, hidden: false });
    await offerWords(id, video, { signal, onTrouble: listeners.onTrouble });
  } catch (error) {
    listeners.onTrouble(error);
  }
}

/** @param {string} prompt */
const fileName = (prompt) => prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join('-').slice(0, 60) ?? 'clip'; // prettier-ignore

/** @param {Video} video */
function askWhetherToRemove({ prompt }) {
  element('remove-prompt', HTMLParagraphElement).textContent = prompt;
  dialog.returnValue = '';
  dialog.showModal();
}

/** @param {Video} video */
async function removeNow({ id, status }) {
  try {
    following.abort();
    await deleteVideo(id);
    announce(status === 'completed' ? 'The clip is deleted.' : 'The clip is cancelled.');
    leave();
  } catch (error) {
    listeners.onTrouble(error);
  }
}

/** What was removed, here or elsewhere. */
function leave() {
  clear();
  listeners.onRemoved();
}
