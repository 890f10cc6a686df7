// The thirteen places as SVG drawings, twice as wide as high, in a few variants each; feet stand at 0.84 of the height.
// 'plain' is a colour and needs no drawing. Knows nothing of actors, cameras or rasterising.
import { hashString, randomOf, type Random } from './random.ts';
import type { Place } from './vocabulary.ts';

/** Size of a drawing in SVG units and, at the top mip level, in pixels. */
export const BACKDROP_WIDTH = 768;
export const BACKDROP_HEIGHT = 384;
/** Variants drawn of each place. */
export const BACKDROP_VARIANTS = 4;

const W = BACKDROP_WIDTH;
const H = BACKDROP_HEIGHT;

/** A vertical gradient filling a rectangle from y to y + height. */
function band(id: string, y: number, height: number, stops: readonly string[]): string {
  const marks = stops.map((colour, i) => `<stop offset="${i / (stops.length - 1)}" stop-color="${colour}"/>`).join('');
  return (
    `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${marks}</linearGradient>` +
    `<rect x="0" y="${y}" width="${W}" height="${height}" fill="url(#${id})"/>`
  );
}

/** A rolling silhouette: sine hills around a height, filled down to the bottom. */
function hills(random: Random, fill: string, shape: { y: number; swell: number; length: number }): string {
  const phase = random.range(0, 6.28);
  const second = random.range(0, 6.28);
  let path = `M0 ${H}`;
  for (let x = 0; x <= W; x += 8) {
    const wave = Math.sin(x / shape.length + phase) + 0.45 * Math.sin((2.3 * x) / shape.length + second);
    path += ` L${x} ${(shape.y - shape.swell * wave).toFixed(1)}`;
  }
  return `<path d="${path} L${W} ${H} Z" fill="${fill}"/>`;
}

function gradient(id: string, stops: readonly string[]): string {
  const marks = stops.map((colour, i) => `<stop offset="${i / (stops.length - 1)}" stop-color="${colour}"/>`).join('');
  return `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${marks}</linearGradient>`;
}

function cloud(x: number, y: number, size: number, opacity = 0.95): string {
  const puffs = [
    [-0.9, 0.1, 0.55],
    [-0.3, -0.2, 0.75],
    [0.4, -0.05, 0.65],
    [0.95, 0.15, 0.45],
  ] as const;
  const circles = puffs.map(([dx, dy, r]) => `<circle cx="${x + dx * size}" cy="${y + dy * size}" r="${r * size}"/>`);
  const base = `<rect x="${x - 1.4 * size}" y="${y}" width="${2.8 * size}" height="${0.62 * size}" rx="${0.31 * size}"/>`;
  return `<g fill="#fff" opacity="${opacity}">${circles.join('')}${base}</g>`;
}

/** Clouds spread evenly with some chance, so that any window of the drawing has one. */
function clouds(random: Random, count: number, area: { top: number; bottom: number; size: number }): string {
  const step = W / count;
  return Array.from({ length: count }, (_, i) =>
    cloud((i + random.range(0.2, 0.8)) * step, random.range(area.top, area.bottom), area.size * random.range(0.7, 1.2)),
  ).join('');
}

function dots(
  random: Random,
  count: number,
  area: { top: number; bottom: number; radius: readonly [number, number]; fills: readonly string[] },
): string {
  return Array.from({ length: count }, () => {
    const radius = random.range(area.radius[0], area.radius[1]).toFixed(2);
    const x = random.range(0, W).toFixed(1);
    const y = random.range(area.top, area.bottom).toFixed(1);
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${random.pick(area.fills)}"/>`;
  }).join('');
}

/** A line of waves across the drawing. */
function wave(y: number, swell: number, length: number, phase: number): string {
  let path = '';
  for (let x = 0; x <= W; x += 6) {
    path += `${x === 0 ? 'M' : ' L'}${x} ${(y + swell * Math.sin((6.283 * x) / length + phase)).toFixed(1)}`;
  }
  return path;
}

const STAR_FILLS = ['#ffffff', '#fff6d8', '#cfd9ff'];

function meadow(r: Random): string {
  const flowers = dots(r, 130, { top: 292, bottom: 380, radius: [1.3, 2.8], fills: ['#fff', '#fff3a8', '#ffffff'] });
  const back = hills(r, '#93d46a', { y: 262, swell: 20, length: 105 });
  const front = gradient('g', ['#7fcb50', '#4a9c38']) + hills(r, 'url(#g)', { y: 286, swell: 9, length: 140 });
  return (
    band('s', 0, H, ['#62b2f4', '#d6eefd', '#ecf8ff']) +
    clouds(r, 4, { top: 40, bottom: 110, size: 34 }) +
    back +
    front +
    flowers
  );
}

function beach(r: Random): string {
  const ripples = Array.from({ length: 22 }, () => {
    const length = r.range(14, 46);
    return `<rect x="${r.range(0, W)}" y="${r.range(206, 254)}" width="${length}" height="2.6" rx="1.3" fill="#fff" opacity="0.5"/>`;
  }).join('');
  const foam = `<path d="${wave(268, 4, 190, r.range(0, 6))} L${W} ${H} L0 ${H} Z" fill="#fdf6e3"/>`;
  const sand =
    gradient('d', ['#f6e2ae', '#e6c483']) +
    `<path d="${wave(277, 4, 190, r.range(0, 6))} L${W} ${H} L0 ${H} Z" fill="url(#d)"/>`;
  const grains = dots(r, 110, { top: 292, bottom: 382, radius: [0.8, 1.8], fills: ['#d2ab69', '#fff2cf'] });
  const sky = band('s', 0, 200, ['#58b7f2', '#d2effd']) + clouds(r, 4, { top: 36, bottom: 100, size: 30 });
  return sky + band('w', 196, 90, ['#1595b5', '#3cc7cb']) + ripples + foam + sand + grains;
}

function desert(r: Random): string {
  const sun = `<circle cx="${r.range(80, W - 80)}" cy="${r.range(60, 110)}" r="26" fill="#fff7dc"/>`;
  const far = hills(r, '#f0c07c', { y: 236, swell: 24, length: 130 });
  const middle = hills(r, '#e8a65c', { y: 272, swell: 17, length: 105 });
  const near = gradient('d', ['#dd9048', '#bb6a31']) + hills(r, 'url(#d)', { y: 306, swell: 10, length: 150 });
  return band('s', 0, H, ['#ffcf7f', '#ffe6b4', '#fff3d6']) + sun + far + middle + near;
}

function snow(r: Random): string {
  const far = hills(r, '#bccbe0', { y: 232, swell: 30, length: 88 });
  const middle = hills(r, '#d8e2ef', { y: 262, swell: 15, length: 120 });
  const near = gradient('d', ['#f6f9fc', '#dfe7f1']) + hills(r, 'url(#d)', { y: 288, swell: 8, length: 150 });
  const specks = dots(r, 40, { top: 304, bottom: 380, radius: [1.2, 2.4], fills: ['#ffffff', '#c9d6e8'] });
  return band('s', 0, H, ['#9fb6d2', '#d3deeb', '#e9eff5']) + far + middle + near + specks;
}

/** A row of tree trunks. */
function trunks(r: Random, fill: string, row: { count: number; width: number; foot: number }): string {
  const step = W / row.count;
  return Array.from({ length: row.count }, (_, i) => {
    const x = (i + r.range(0.15, 0.85)) * step;
    const width = row.width * r.range(0.75, 1.25);
    return `<path d="M${x} 0 H${x + width} L${x + width * 1.15} ${row.foot} H${x - width * 0.15} Z" fill="${fill}"/>`;
  }).join('');
}

function forest(r: Random): string {
  const leaves = Array.from({ length: 30 }, (_, i) => {
    const x = (i + r.next()) * (W / 30);
    return `<circle cx="${x}" cy="${r.range(-6, 22)}" r="${r.range(22, 42)}" fill="${r.pick(['#2d6e38', '#38803f', '#235c30'])}"/>`;
  }).join('');
  const ground = gradient('d', ['#489243', '#236129']) + hills(r, 'url(#d)', { y: 284, swell: 6, length: 110 });
  const far = trunks(r, '#7d9a5c', { count: 17, width: 11, foot: 300 });
  const middle = trunks(r, '#6d6b42', { count: 11, width: 16, foot: 300 });
  const near = trunks(r, '#5a3d2b', { count: 7, width: 24, foot: 312 });
  return band('s', 0, H, ['#7fb668', '#b3d79a', '#8fc077']) + far + middle + near + ground + leaves;
}

function night(r: Random): string {
  const stars = dots(r, 120, { top: 4, bottom: 262, radius: [0.8, 2.3], fills: STAR_FILLS });
  const far = hills(r, '#1c2457', { y: 288, swell: 14, length: 105 });
  const near = gradient('d', ['#121a3e', '#080c1e']) + hills(r, 'url(#d)', { y: 304, swell: 9, length: 130 });
  return band('s', 0, H, ['#0b1030', '#252d6c', '#424c9a']) + stars + far + near;
}

function sunset(r: Random): string {
  const streaks = Array.from({ length: 12 }, () => {
    const y = r.range(40, 150);
    return `<rect x="${r.range(-40, W)}" y="${y}" width="${r.range(60, 150)}" height="7" rx="3.5" fill="#ffc2a0" opacity="0.75"/>`;
  }).join('');
  const sun = [0.25, 0.75]
    .map((at) => `<circle cx="${W * at + r.range(-60, 60)}" cy="252" r="44" fill="#ffeab0"/>`)
    .join('');
  const far = hills(r, '#5c2a5f', { y: 280, swell: 12, length: 110 });
  const near = gradient('d', ['#43204d', '#251030']) + hills(r, 'url(#d)', { y: 300, swell: 8, length: 140 });
  return band('s', 0, 300, ['#47357f', '#a5437f', '#ee6a5e', '#ffab5e', '#ffd689']) + streaks + sun + far + near;
}

function ocean(r: Random): string {
  const lines = Array.from({ length: 7 }, (_, i) => {
    const y = 206 + 27 * i;
    const path = wave(y, 4 + 0.5 * i, 62 + 8 * i, r.range(0, 6));
    return `<path d="${path}" fill="none" stroke="#d8f0ff" stroke-width="${2.4 + 0.35 * i}" opacity="0.85"/>`;
  }).join('');
  const sky = band('s', 0, 200, ['#8ccdf8', '#eaf7ff']) + clouds(r, 4, { top: 40, bottom: 110, size: 32 });
  return sky + band('w', 188, 196, ['#3f9fdc', '#2b7cc2', '#1c5da6']) + lines;
}

function underwater(r: Random): string {
  const rays = Array.from({ length: 9 }, (_, i) => {
    const x = (i + r.range(0.1, 0.9)) * (W / 9);
    const width = r.range(14, 34);
    return `<path d="M${x} 0 h${width} L${x - 70 + width} ${H} h${-2 * width} Z" fill="#bdeaff" opacity="${r.range(0.08, 0.17)}"/>`;
  }).join('');
  const bubbles = Array.from({ length: 34 }, () => {
    const radius = r.range(2, 5.5);
    return `<circle cx="${r.range(0, W)}" cy="${r.range(20, 340)}" r="${radius}" fill="#d6f2ff" opacity="${r.range(0.35, 0.7)}"/>`;
  }).join('');
  const sand = gradient('d', ['#b9ad83', '#8f8a70']) + hills(r, 'url(#d)', { y: 362, swell: 6, length: 100 });
  return band('s', 0, H, ['#35a9d6', '#1673b4', '#0c3c77']) + rays + bubbles + sand;
}

function building(r: Random, x: number, width: number): string {
  const top = r.range(46, 170);
  const fill = r.pick(['#6f6a8c', '#7d6f74', '#5f6d8d', '#87796f', '#70607f']);
  let windows = '';
  for (let y = top + 12; y < 268; y += 22) {
    for (let wx = x + 8; wx < x + width - 12; wx += 17) {
      const lit = r.pick(['#ffe59a', '#ffe59a', '#4c4b66']);
      windows += `<rect x="${wx.toFixed(1)}" y="${y.toFixed(1)}" width="8" height="12" fill="${lit}"/>`;
    }
  }
  return `<rect x="${x}" y="${top}" width="${width}" height="${290 - top}" fill="${fill}"/>${windows}`;
}

function city(r: Random): string {
  let towers = '';
  for (let x = -10; x < W;) {
    const width = r.pick([44, 61, 61, 78]);
    towers += building(r, x, width);
    x += width + r.pick([4, 6, 10]);
  }
  const pavement = `<rect y="284" width="${W}" height="16" fill="#a7a7ac"/>`;
  let dashes = '';
  for (let x = r.range(0, 60); x < W; x += 62)
    dashes += `<rect x="${x}" y="352" width="34" height="6" rx="2" fill="#f4f0dc"/>`;
  return (
    band('s', 0, 300, ['#7eb5ea', '#dcecf8']) + towers + pavement + band('w', 300, 84, ['#55565f', '#43444c']) + dashes
  );
}

function space(r: Random): string {
  const clouds = Array.from({ length: 6 }, (_, i) => {
    const colour = r.pick(['#5a2f9a', '#7a2a7f', '#2f3f9f', '#43258a']);
    const id = `n${i}`;
    const glow = `<radialGradient id="${id}"><stop offset="0" stop-color="${colour}" stop-opacity="0.5"/><stop offset="1" stop-color="${colour}" stop-opacity="0"/></radialGradient>`;
    const x = (i + r.next()) * (W / 6);
    return `${glow}<ellipse cx="${x}" cy="${r.range(60, 330)}" rx="${r.range(110, 180)}" ry="${r.range(70, 120)}" fill="url(#${id})"/>`;
  }).join('');
  return (
    band('s', 0, H, ['#05030f', '#0b0620', '#05030f']) +
    clouds +
    dots(r, 170, { top: 2, bottom: 382, radius: [0.7, 2.3], fills: STAR_FILLS })
  );
}

function sky(r: Random): string {
  const high = clouds(r, 4, { top: 40, bottom: 120, size: 36 });
  const low = clouds(r, 5, { top: 200, bottom: 350, size: 40 });
  return band('s', 0, H, ['#4496ef', '#8fc6f9', '#d3eafe']) + high + low;
}

const DRAWINGS = {
  meadow,
  beach,
  desert,
  snow,
  forest,
  night,
  sunset,
  ocean,
  underwater,
  city,
  space,
  sky,
} as const satisfies Record<Exclude<Place, 'plain'>, (random: Random) => string>;

export const DRAWN_PLACES = Object.keys(DRAWINGS) as readonly Exclude<Place, 'plain'>[];

/** The SVG of a place's variant, 768x384. */
export function backdropSvg(place: Exclude<Place, 'plain'>, variant: number): string {
  const body = DRAWINGS[place](randomOf(hashString(place), variant));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${H}" width="${W}" height="${H}">${body}</svg>`;
}
