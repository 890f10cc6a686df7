// Rain and snow in front of everything: white streaks and flakes that fall through the frame with clip time.
// Knows only the seed, the moment and the canvas.
import { blendPixel, type Canvas } from './composite.ts';
import { randomOf } from './random.ts';

const FLAKES = 46;
const STREAKS = 34;

/** A flake is a soft disc, drifting as it falls; radius and speeds in short sides. */
function drawSnow(canvas: Canvas, seed: number, t: number): void {
  const random = randomOf(seed, 71);
  const short = Math.min(canvas.width, canvas.height);
  for (let i = 0; i < FLAKES; i++) {
    const radius = random.range(0.007, 0.017) * short;
    const phase = random.range(0, 6.28);
    const x = (random.next() + 0.03 * Math.sin(phase + 6 * t)) * canvas.width;
    const y = (((random.next() + t * random.range(0.5, 1)) % 1.1) - 0.05) * canvas.height;
    const reach = Math.ceil(radius + 0.5);
    for (let py = Math.floor(y) - reach; py <= Math.floor(y) + reach; py++) {
      for (let px = Math.floor(x) - reach; px <= Math.floor(x) + reach; px++) {
        const cover = radius + 0.5 - Math.hypot(px + 0.5 - x, py + 0.5 - y);
        if (cover > 0) blendPixel(canvas, px, py, 0.9 * Math.min(1, cover));
      }
    }
  }
}

/** A streak is a thin slanted line, one pixel wide or so, spread over its two nearest pixels. */
function drawRain(canvas: Canvas, seed: number, t: number): void {
  const random = randomOf(seed, 72);
  const short = Math.min(canvas.width, canvas.height);
  for (let i = 0; i < STREAKS; i++) {
    const length = Math.max(2, random.range(0.06, 0.11) * short);
    const startX = random.range(0, 1.1) * canvas.width;
    const startY = (((random.next() + t * random.range(3, 4)) % 1.15) - 0.1) * canvas.height;
    for (let step = 0; step < length; step++) {
      const x = startX - 0.2 * step - 0.5;
      const left = Math.floor(x);
      const y = Math.floor(startY) + step;
      blendPixel(canvas, left, y, 0.5 * (1 - (x - left)));
      blendPixel(canvas, left + 1, y, 0.5 * (x - left));
    }
  }
}

/** Draws the scene's weather at clip time t over the canvas. */
export function drawWeather(canvas: Canvas, weather: 'rain' | 'snow', seed: number, t: number): void {
  if (weather === 'snow') drawSnow(canvas, seed, t);
  else drawRain(canvas, seed, t);
}
