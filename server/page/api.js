// What the page asks of the server, as any caller of /v1 does. The token, where one is wanted, is kept for this tab and sent with
// every request: clips and thumbnails become blob URLs, and events are read from a fetch, as neither <video> nor EventSource
// can send it. Who knows the token is asked through `onTokenWanted`.

/**
 * @typedef {object} Video
 * @property {string} id
 * @property {string} model
 * @property {'queued' | 'in_progress' | 'completed' | 'failed'} status
 * @property {number} progress
 * @property {number} created_at
 * @property {string} size
 * @property {string} seconds
 * @property {string} prompt
 * @property {{ code: string, message: string } | null} error
 * @property {number | null} remaining_seconds
 * @property {readonly string[]} notices
 * @property {{ width: number, height: number, frames: number, seed: number, steps: number, guidance: number, negativePrompt?: string, expand?: string, path?: string }} render
 *
 * @typedef {object} Capabilities
 * @property {string} model
 * @property {{ multipleOf: number, width: number, height: number }} size
 * @property {{ multipleOf: number, default: number }} frames
 * @property {number} fps
 * @property {number} steps
 * @property {number} guidance
 *
 * @typedef {object} Captions
 * @property {string} id
 * @property {'queued' | 'in_progress' | 'completed' | 'failed'} status
 * @property {number} progress
 * @property {number} created_at
 * @property {string} name
 * @property {string | null} video
 * @property {string} captioner
 * @property {number | null} cues
 * @property {readonly string[]} notices
 * @property {{ code: string, message: string } | null} error
 * @property {number | null} remaining_seconds
 *
 * @typedef {object} Shot
 * @property {string} id
 * @property {string | null} video
 * @property {string | null} captions
 * @property {string} film
 * @property {number} start
 * @property {number} end
 * @property {string} caption
 * @property {string} said
 *
 * @typedef {{ param: string, message: string }} FieldProblem
 * @typedef {{ completed: boolean, seconds: number | null, waiting_jobs: number }} Estimate
 * @typedef {{ data: Video[], last_id: string | null, has_more: boolean }} VideoPage
 */

const KEY = 'tessera-token';
const RETRY_MS = 2000;

/** An answer that is no success; status 0 when there was none. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {readonly FieldProblem[]} [fields] */
  constructor(status, message, fields = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/** Gives a token, or rejects. @type {(why: 'missing' | 'wrong') => Promise<string>} */
let askForToken = () => Promise.reject(new ApiError(401, 'This server wants a token.'));
/** @param {typeof askForToken} ask */
export const onTokenWanted = (ask) => void (askForToken = ask);
export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const forgetToken = () => sessionStorage.removeItem(KEY);

/** The request, once more with each token that is given. @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
async function send(path, init = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = { ...init.headers, ...(token !== null && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(path, { ...init, headers }).catch((/** @type {unknown} */ error) => {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'The server does not answer. See whether “tessera serve” still runs.');
  });
  if (answer.ok) return answer;
  if (answer.status === 401) {
    // Another request may have brought the right one meanwhile.
    if (sessionStorage.getItem(KEY) === token) await wantToken(token === null ? 'missing' : 'wrong');
    return send(path, init);
  }
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, body.error?.message ?? `The server answered ${answer.status}.`, body.error?.errors);
}

/** @type {Promise<void> | undefined} */
let wanting;
/** One question, however many requests wait for its answer. @param {'missing' | 'wrong'} why */
function wantToken(why) {
  forgetToken();
  wanting ??= askForToken(why)
    .then((token) => sessionStorage.setItem(KEY, token))
    .finally(() => (wanting = undefined));
  return wanting;
}

/** Asks for the token at once where the server wants one, rather than by way of a refusal. */
export async function prepareToken() {
  const { token } = await (await send('/page/access.json')).json();
  if (token && !hasToken()) await wantToken('missing');
}

/** @returns {Promise<{ models: readonly Capabilities[], expanders: readonly string[] }>} */
export const capabilities = async () => (await send('/v1/capabilities')).json();

/** @param {object} wish */
const post = (wish) => ({
  method: 'POST',
  body: JSON.stringify(wish),
  headers: { 'Content-Type': 'application/json' },
});
/** @param {object} wish @param {readonly (readonly [reference: string, file: File])[]} pictures @returns {Promise<Video>} */
export async function createVideo(wish, pictures) {
  if (pictures.length === 0) return (await send('/v1/videos', post(wish))).json();
  const body = new FormData();
  for (const [name, value] of Object.entries(wish)) body.append(name, String(value));
  for (const [name, file] of pictures) body.append(name, file);
  return (await send('/v1/videos', { method: 'POST', body })).json();
}
/** @param {object} wish @param {AbortSignal} signal @returns {Promise<Estimate>} */
export const estimateVideo = async (wish, signal) =>
  (await send('/v1/videos/estimate', { ...post(wish), signal })).json();

/** @param {{ limit: number, after?: string | undefined }} page @returns {Promise<VideoPage>} */
export async function listVideos({ limit, after }) {
  const query = new URLSearchParams({ limit: String(limit), ...(after !== undefined && { after }) });
  return (await send(`/v1/videos?${query}`)).json();
}

/** @param {string} id @returns {Promise<Video>} */
export const videoOf = async (id) => (await send(`/v1/videos/${id}`)).json();

/** @param {string} id */
export const deleteVideo = (id) => send(`/v1/videos/${id}`, { method: 'DELETE' });

/** A blob URL, to be revoked by whoever asked. @param {string} id @param {'video' | 'thumbnail'} variant */
export async function contentUrl(id, variant) {
  const answer = await send(`/v1/videos/${id}/content?variant=${variant}`);
  return URL.createObjectURL(await answer.blob());
}

/** Films that were sent, latest first. @returns {Promise<readonly Captions[]>} */
export async function listFilms() {
  /** @type {{ data: readonly Captions[] }} */
  const { data } = await (await send('/v1/captions?limit=100')).json();
  return data.filter(({ video }) => video === null);
}

/** Captions of a clip, latest first. @param {string} video @returns {Promise<readonly Captions[]>} */
export const captionsOf = async (video) => (await (await send(`/v1/captions?video=${video}`)).json()).data;

/** @param {string} video @returns {Promise<Captions>} */
export const createCaptions = async (video) => (await send('/v1/captions', post({ video }))).json();

/** @param {File} film @returns {Promise<Captions>} */
export async function sendFilm(film) {
  const body = new FormData();
  body.append('file', film);
  return (await send('/v1/captions', { method: 'POST', body })).json();
}

/** @param {string} id @returns {Promise<Captions>} */
export const filmOf = async (id) => (await send(`/v1/captions/${id}`)).json();

/** @param {string} id */
export const deleteCaptions = (id) => send(`/v1/captions/${id}`, { method: 'DELETE' });

/** A blob URL, to be revoked by whoever asked. @param {string} id @param {'vtt' | 'srt' | 'video'} format */
export async function captionsUrl(id, format) {
  const answer = await send(`/v1/captions/${id}/content?format=${format}`);
  return URL.createObjectURL(await answer.blob());
}

/** @param {string} question @param {AbortSignal} signal @returns {Promise<{ data: readonly Shot[], notices: readonly string[] }>} */
export const findShots = async (question, signal) =>
  (await send(`/v1/search?${new URLSearchParams({ question, limit: '12' })}`, { signal })).json();

/** The middle of a shot as a blob URL, to be revoked by whoever asked. @param {string} id @param {AbortSignal} signal */
export async function shotUrl(id, signal) {
  const answer = await send(`/v1/shots/${id}/content`, { signal });
  return URL.createObjectURL(await answer.blob());
}

/** @param {string} id @param {AbortSignal} signal @param {(video: Video | undefined) => void} tell */
export const followVideo = (id, signal, tell) => follow({ path: `/v1/videos/${id}`, what: 'video' }, signal, tell);

/** @param {string} id @param {AbortSignal} signal @param {(captions: Captions | undefined) => void} tell */
export const followCaptions = (id, signal, tell) => follow({ path: `/v1/captions/${id}`, what: 'captions' }, signal, tell); // prettier-ignore

/**
 * Tells every change until it has ended, connecting again when the server was away; undefined says that it is gone.
 * @template T
 * @param {{ path: string, what: string }} followed @param {AbortSignal} signal @param {(now: T | undefined) => void} tell
 */
async function follow({ path, what }, signal, tell) {
  while (!signal.aborted) {
    try {
      const answer = await send(`${path}/events`, { signal });
      for await (const { name, data } of eventsOf(answer)) {
        tell(name === `${what}.deleted` ? undefined : data);
        if (name !== `${what}.queued` && name !== `${what}.in_progress`) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 404) return tell(undefined);
      if (error instanceof ApiError && error.status === 401) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Server-sent events, as far as this server writes them: one line of data each. @param {Response} answer */
async function* eventsOf(answer) {
  if (answer.body === null) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const name = /^event: ?(.*)$/m.exec(block)?.[1];
      const data = /^data: ?(.*)$/m.exec(block)?.[1];
      if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) };
    }
  }
}
