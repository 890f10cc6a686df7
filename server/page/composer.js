// The form: what is asked for, what it would take, and what is wrong with it. The server alone judges: while somebody types, its
// estimate also says which fields do not fit. Fields that are left empty are not sent, so that the model's defaults hold.
import { ApiError, createVideo, estimateVideo } from './api.js';
import { announce, element, make, tellError } from './dom.js';
import { chosenPictures, clearPictures, startPictures } from './pictures.js';
import { duration, sentence } from './words.js';

const TYPING_MS = 400;
const names = [
  ...['prompt', 'model', 'width', 'height', 'frames', 'seed', 'steps', 'guidance', 'negativePrompt', 'expand'],
  ...['image', 'last', 'like', 'likeWeight', 'path'],
];
const numbers = ['width', 'height', 'frames', 'steps', 'guidance', 'likeWeight'];

const form = element('composer', HTMLFormElement);
const prompt = element('prompt', HTMLTextAreaElement);
const model = element('model', HTMLSelectElement);
const expand = element('expand', HTMLSelectElement);
const parts = ['more', 'pictures'].map((id) => element(id, HTMLDetailsElement));
const estimate = element('estimate', HTMLParagraphElement);
const submit = element('make', HTMLButtonElement);
const input = (/** @type {string} */ name) => element(name, HTMLInputElement);

/** @type {readonly import('./api.js').Capabilities[]} */
let models = [];
let typing = 0;
let asking = new AbortController();

/** @param {{ onMade: (video: import('./api.js').Video) => void }} listeners */
export function startComposer({ onMade }) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(onMade);
  });
  form.addEventListener('input', () => showEstimateSoon());
  input('frames').addEventListener('input', () => showLength());
  model.addEventListener('change', () => takeDefaults());
  startPictures(() => showEstimateSoon());
  prompt.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  for (const example of form.querySelectorAll('.example')) {
    example.addEventListener('click', () => {
      prompt.value = example.textContent ?? '';
      prompt.focus();
      showEstimateSoon();
    });
  }
}

/** @param {typeof models} found @param {readonly string[]} expanders */
export function offerModels(found, expanders) {
  models = found;
  expand.replaceChildren(new Option('No, as it is', ''), ...expanders.map((name) => new Option(`By ${name}`, name)));
  const chosen = model.value;
  model.replaceChildren(...found.map((one) => new Option(one.model, one.model, false, one.model === chosen)));
  if (model.value !== chosen || chosen === '') takeDefaults();
}

/** Puts a video's settings into the form. @param {import('./api.js').Video} video */
export function fillFrom({ prompt: text, model: name, render }) {
  prompt.value = text;
  if (models.some((one) => one.model === name)) model.value = name;
  for (const field of /** @type {const} */ (['width', 'height', 'frames', 'seed', 'steps', 'guidance'])) {
    input(field).value = String(render[field]);
  }
  input('negativePrompt').value = render.negativePrompt ?? '';
  expand.value = render.expand ?? '';
  input('path').value = render.path ?? '';
  input('likeWeight').value = '';
  clearPictures();
  prompt.focus();
  showLength();
  showEstimateSoon();
}

function takeDefaults() {
  const chosen = models.find((one) => one.model === model.value);
  if (chosen === undefined) return;
  const { size, frames, steps, guidance } = chosen;
  const values = { width: size.width, height: size.height, frames: frames.default, steps, guidance };
  for (const [name, value] of Object.entries(values)) input(name).value = String(value);
  for (const name of ['width', 'height']) Object.assign(input(name), { min: size.multipleOf, step: size.multipleOf });
  Object.assign(input('frames'), { min: 1, step: frames.multipleOf });
  element('size-hint', HTMLElement).textContent = `Sizes are multiples of ${size.multipleOf}.`;
  showLength();
  showEstimateSoon();
}

/** How long so many frames last, as this model plays them. */
function showLength() {
  const fps = models.find((one) => one.model === model.value)?.fps ?? 1;
  const count = input('frames').valueAsNumber;
  const text = count > 0 ? `${count} frames last ${Number((count / fps).toFixed(1))} s.` : '';
  element('frames-hint', HTMLElement).textContent = text;
}

/** What is asked for; a field with something that is no number is refused here, as browsers do not say what it holds. */
function readWish() {
  /** @type {Record<string, string | number>} */
  const wish = { prompt: prompt.value, model: model.value };
  const problems = [];
  for (const name of numbers) {
    const { value, validity } = input(name);
    if (validity.badInput) problems.push({ param: name, message: 'must be a number' });
    else if (value !== '') wish[name] = Number(value);
  }
  const seed = input('seed').value.trim();
  wish['seed'] = seed === '' ? 'random' : /^\d+$/.test(seed) ? Number(seed) : seed;
  for (const name of ['negativePrompt', 'path']) {
    const text = input(name).value.trim();
    if (text !== '') wish[name] = text;
  }
  if (expand.value !== '') wish['expand'] = expand.value;
  if (problems.length > 0) throw new ApiError(422, 'Some fields hold no number.', problems);
  return wish;
}

/** @param {(video: import('./api.js').Video) => void} onMade */
async function send(onMade) {
  if (submit.getAttribute('aria-disabled') === 'true') return;
  submit.setAttribute('aria-disabled', 'true');
  stopEstimate();
  tellProblems([]);
  try {
    onMade(await createVideo(readWish(), chosenPictures()));
    showEstimateSoon();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    estimate.textContent = '';
    tellProblems([...error.fields, ...(await otherProblems(error.fields))], error.message);
    const wrong = form.querySelector('[aria-invalid]');
    if (wrong instanceof HTMLElement) wrong.focus();
  } finally {
    submit.removeAttribute('aria-disabled');
  }
}

/** A prompt that does not fit is refused before anything else is looked at. @param {readonly import('./api.js').FieldProblem[]} known */
async function otherProblems(known) {
  if (known.length === 0 || known.some(({ param }) => param !== 'prompt')) return [];
  const wish = { ...readWish(), prompt: prompt.placeholder };
  return estimateVideo(wish, new AbortController().signal).then(
    () => [],
    (/** @type {unknown} */ error) => (error instanceof ApiError ? error.fields : []),
  );
}

/** Each next to its field; what belongs to none, below the button. @param {readonly import('./api.js').FieldProblem[]} problems @param {string} [message] */
function tellProblems(problems, message = '') {
  /** @type {Map<string, string>} */
  const texts = new Map();
  const rest = [];
  for (const { param, message: text } of problems) {
    if (!names.includes(param)) rest.push(`${param}: ${text}`);
    // One sentence may stand for several fields; once is enough.
    else if (![...texts.values()].includes(sentence(text))) texts.set(param, sentence(text));
  }
  for (const name of names) tellError(name, texts.get(name) ?? '');
  for (const part of parts) if (part.querySelector('[aria-invalid]') !== null) part.open = true;
  tellError('form', rest.length > 0 ? rest.map(sentence).join(' ') : problems.length > 0 ? '' : message);
}

function stopEstimate() {
  clearTimeout(typing);
  asking.abort();
}

export function showEstimateSoon() {
  stopEstimate();
  typing = setTimeout(() => void showEstimate(), TYPING_MS);
}

/** A prompt that is not there yet costs what any costs. */
async function showEstimate() {
  asking = new AbortController();
  const { signal } = asking;
  try {
    const { likeWeight: _, ...wish } = readWish(); // of a picture that an estimate does not wait for
    const text = String(wish['prompt']).trim() === '' ? prompt.placeholder : wish['prompt'];
    const found = await estimateVideo({ ...wish, prompt: text }, signal);
    if (signal.aborted) return;
    tellProblems([]);
    estimate.replaceChildren(...wordsOf(found));
  } catch (error) {
    if (signal.aborted || !(error instanceof ApiError)) return;
    estimate.textContent = '';
    tellProblems(error.fields);
    if (error.fields.length > 0) announce(error.message);
  }
}

/** @param {import('./api.js').Estimate} found */
function wordsOf({ completed, seconds, waiting_jobs: waiting }) {
  if (completed) return ['This clip is there already.'];
  const before = waiting === 0 ? '' : ` It begins after ${waiting} that ${waiting === 1 ? 'waits' : 'wait'}.`;
  if (seconds === null) return [`How long it takes is known after this model’s first clip.${before}`];
  return ['Takes about ', make('strong', '', duration(seconds)), `.${before}`];
}
