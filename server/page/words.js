// How the page says numbers and times.

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return 'less than a second';
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.round(minutes / 6) / 10} h`;
}

const steps = /** @type {const} */ ([
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [365, 'day'],
  [Infinity, 'year'],
]);
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** @param {number} unixSeconds */
export function ago(unixSeconds) {
  let amount = Math.min(0, unixSeconds - Date.now() / 1000);
  for (const [size, unit] of steps) {
    if (Math.abs(amount) < size) return unit === 'second' ? 'just now' : relative.format(Math.round(amount), unit);
    amount /= size;
  }
  return '';
}

/** Messages of the server begin in lower case, as the field's name stands before them. @param {string} message */
export function sentence(message) {
  const text = message.trim().replace(/^(?=(is|has|cannot) )/, 'this ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`;
}

/** @param {import('./api.js').Video} video */
export function stateOf({ status, progress, remaining_seconds: left, error }) {
  if (status === 'queued') return 'Waiting for its turn.';
  if (status === 'failed') return sentence(error?.message ?? 'It failed.');
  if (status === 'completed') return '';
  return `${progress} %${left === null ? '' : `, about ${duration(left)} left`}`;
}

/** @param {import('./api.js').Captions} captions */
export function captionStateOf({ status, progress, remaining_seconds: left, error, cues, captioner, notices }) {
  if (status === 'queued') return 'Waits for its turn to be captioned.';
  if (status === 'failed') return sentence(error?.message ?? 'It failed.');
  if (status === 'in_progress')
    return `Captioning, ${progress} %${left === null ? '' : `, about ${duration(left)} left`}`;
  const count = cues === null ? '' : cues === 1 ? '1 caption ' : `${cues} captions `;
  return [`${count}by ${captioner}.`, ...notices.map(sentence)].join(' ');
}

/** @param {import('./api.js').Video} video */
export function factsOf({ model, size, seconds, render }) {
  return [
    model,
    size.replace('x', ' × '),
    `${render.frames} frames, ${Number(Number(seconds).toFixed(1))} s`,
    `${render.steps} steps`,
    `seed ${render.seed}`,
  ];
}
