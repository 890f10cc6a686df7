// All clips, page by page, latest first. Cards stay the same elements while their videos change, so that nobody loses the focus;
// the list is asked for again while something in it is under way, and when somebody comes back to the page.
import { contentUrl, listVideos } from './api.js';
import { element, make } from './dom.js';
import { mosaicOf } from './mosaic.js';
import { ago } from './words.js';

/** @typedef {import('./api.js').Video} Video */
/** @typedef {{ item: HTMLLIElement, update: (video: Video) => void, drop: () => void }} Card */

const PAGE = 12;
const BUSY_MS = 3000;
const IDLE_MS = 20_000;
const TILES = 10;

const list = element('clips', HTMLUListElement);
const newer = element('newer', HTMLButtonElement);
const older = element('older', HTMLButtonElement);

/** @type {Map<string, Card>} */
const cards = new Map();
/** The last id of each page before this one. @type {string[]} */
let trail = [];
let last = '';
let timer = 0;
let chosen = '';
/** @type {(video: Video) => void} */
let onChoose;
/** @type {(work: () => Promise<void>) => Promise<void>} */
let guarded;

/** @param {{ onChoose: typeof onChoose, guarded: typeof guarded }} given */
export function startGallery(given) {
  ({ onChoose, guarded } = given);
  newer.addEventListener('click', () => turn(() => trail.pop()));
  older.addEventListener('click', () => turn(() => trail.push(last)));
  document.addEventListener('visibilitychange', () => !document.hidden && void guarded(refreshQuietly));
}

/** @param {() => void} change */
function turn(change) {
  change();
  void guarded(async () => {
    await refresh();
    element('gallery-title', HTMLHeadingElement).focus({ preventScroll: true });
  });
}

const refreshQuietly = async () => void (await refresh());

/** Asks for the page that is open. @returns {Promise<readonly Video[]>} */
export async function refresh() {
  clearTimeout(timer);
  const after = trail.at(-1);
  const page = await listVideos({ limit: PAGE, after }).catch((error) => {
    if (after === undefined || error.status !== 422) throw error;
    return undefined; // what this page came after was deleted meanwhile
  });
  if (page === undefined || (page.data.length === 0 && after !== undefined)) {
    trail = page === undefined ? [] : trail.slice(0, -1);
    return refresh();
  }
  last = page.last_id ?? '';
  draw(page.data);
  element('pages', HTMLElement).hidden = trail.length === 0 && !page.has_more;
  older.disabled = !page.has_more;
  newer.disabled = trail.length === 0;
  element('page-number', HTMLSpanElement).textContent = `Page ${trail.length + 1}`;
  const isBusy = page.data.some(({ status }) => status === 'queued' || status === 'in_progress');
  clearTimeout(timer);
  timer = setTimeout(() => void guarded(refreshQuietly), isBusy && !document.hidden ? BUSY_MS : IDLE_MS);
  return page.data;
}

export function toFirstPage() {
  trail = [];
}

/** @param {readonly Video[]} videos */
function draw(videos) {
  const ids = new Set(videos.map(({ id }) => id));
  for (const [id, card] of cards) {
    if (ids.has(id)) continue;
    card.drop();
    cards.delete(id);
  }
  videos.forEach((video, i) => {
    const card = cards.get(video.id) ?? cardOf(video);
    cards.set(video.id, card);
    card.update(video);
    // To move an element takes the focus from it.
    if (list.children[i] !== card.item) list.insertBefore(card.item, list.children[i] ?? null);
  });
  element('no-clips', HTMLParagraphElement).hidden = videos.length > 0;
  markChosen(chosen);
}

/** @param {Video} video */
export const update = (video) => cards.get(video.id)?.update(video);

/** @param {string} id */
export function markChosen(id) {
  chosen = id;
  for (const [one, { item }] of cards) {
    if (one === id) item.firstElementChild?.setAttribute('aria-current', 'true');
    else item.firstElementChild?.removeAttribute('aria-current');
  }
}

/** @param {Video} first @returns {Card} */
function cardOf(first) {
  const item = make('li', '');
  const button = make('button', 'card');
  button.type = 'button';
  const picture = make('span', 'thumb');
  const mosaic = mosaicOf(first.id, { columns: TILES, rows: TILES });
  picture.append(mosaic.element);
  const meta = make('span', 'meta');
  button.append(picture, make('span', 'words', first.prompt), meta);
  item.append(button);
  let [video, url, isLoading] = [first, '', false];
  button.addEventListener('click', () => onChoose(video));

  async function loadThumbnail() {
    isLoading = true;
    url = await contentUrl(first.id, 'thumbnail');
    const image = make('img', '');
    Object.assign(image, { src: url, alt: '' });
    image.addEventListener('load', () => image.classList.add('ready'));
    picture.append(image);
  }
  return {
    item,
    update(next) {
      video = next;
      const { status, progress, created_at: at } = video;
      button.dataset['status'] = status;
      const words = { queued: 'waiting', in_progress: `${progress} %`, failed: 'failed', completed: ago(at) };
      meta.textContent = words[status];
      mosaic.lay(status === 'completed' ? 1 : progress / 100);
      // A picture that cannot be had now is asked for with the next change of the list.
      if (status === 'completed' && !isLoading) loadThumbnail().catch(() => (isLoading = false));
    },
    drop() {
      item.remove();
      URL.revokeObjectURL(url);
    },
  };
}
