// The words of a clip: as a text track of its player, and as lines beside it that lead to their times. Browsers read the WebVTT.
import { make } from './dom.js';

/** @param {number} seconds */
export function clock(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  const hours = Math.floor(minutes / 60);
  const two = (/** @type {number} */ part) => String(part).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes % 60)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * @param {HTMLVideoElement} video @param {HTMLOListElement} list where the lines go @param {string} url of a WebVTT
 */
export function showWords(video, list, url) {
  const track = make('track', '');
  Object.assign(track, { kind: 'captions', label: 'Captions', srclang: 'en', src: url, default: true });
  track.addEventListener('load', () => {
    const lines = new Map(
      Array.from(track.track.cues ?? [], (cue) => [cue, lineOf(video, /** @type {VTTCue} */ (cue))]),
    );
    list.replaceChildren(...lines.values());
    list.hidden = lines.size === 0;
    track.track.addEventListener('cuechange', () => {
      for (const [cue, line] of lines) {
        if (Array.from(track.track.activeCues ?? []).includes(cue)) line.setAttribute('aria-current', 'true');
        else line.removeAttribute('aria-current');
      }
    });
  });
  video.append(track);
  track.track.mode = 'showing';
}

/** @param {HTMLVideoElement} video @param {VTTCue} cue */
function lineOf(video, { startTime, text }) {
  const line = make('li', '');
  const button = make('button', 'line');
  button.type = 'button';
  button.append(make('span', 'time', clock(startTime)), make('span', '', text.replaceAll('\n', ' ')));
  button.addEventListener('click', () => (video.currentTime = startTime));
  line.append(button);
  return line;
}
