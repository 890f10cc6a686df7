// Captions of the clip on the stage: those that are there, those that are being made, or a button that asks for some.
import { captionsOf, captionsUrl, createCaptions, followCaptions } from './api.js';
import { announce, element } from './dom.js';
import { showWords } from './transcript.js';
import { captionStateOf } from './words.js';

const ask = element('caption', HTMLButtonElement);
const state = element('caption-state', HTMLParagraphElement);
const list = element('words', HTMLOListElement);

/** @type {() => void} */
let onAsked = () => undefined;
ask.addEventListener('click', () => onAsked());

export function clearWords() {
  onAsked = () => undefined;
  ask.hidden = true;
  state.textContent = '';
  list.replaceChildren();
  list.hidden = true;
}

/** @param {string} id of the clip @param {HTMLVideoElement} video @param {{ signal: AbortSignal, onTrouble: (error: unknown) => void }} more */
export async function offerWords(id, video, { signal, onTrouble }) {
  const found = (await captionsOf(id)).find(({ status }) => status !== 'failed');
  if (signal.aborted) return;
  if (found !== undefined) return tell(found, false);
  ask.hidden = false;
  onAsked = () => {
    ask.hidden = true;
    createCaptions(id)
      .then((captions) => tell(captions, true))
      .catch(onTrouble);
  };

  /** @param {import('./api.js').Captions} captions @param {boolean} wasAsked */
  async function tell(captions, wasAsked) {
    if (signal.aborted) return;
    state.textContent = captionStateOf(captions);
    if (captions.status === 'failed') return void (ask.hidden = false);
    if (captions.status === 'completed') {
      const url = await captionsUrl(captions.id, 'vtt');
      signal.addEventListener('abort', () => URL.revokeObjectURL(url));
      if (signal.aborted) return URL.revokeObjectURL(url);
      showWords(video, list, url);
      if (wasAsked) announce('The captions are done.');
      return;
    }
    await followCaptions(captions.id, signal, (next) => {
      if (signal.aborted || next === undefined) return;
      state.textContent = captionStateOf(next);
      if (next.status === 'completed' || next.status === 'failed') void tell(next, true).catch(onTrouble);
    });
  }
}
