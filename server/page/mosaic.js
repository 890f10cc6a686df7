// A picture of tiles that stands for a clip that is not there yet: a sun over hills or water, its place, shapes and colours drawn
// from the clip's id. Tiles are laid one after the other as the work goes on. Colours are classes, so that themes can change them.

const SVG = 'http://www.w3.org/2000/svg';
const PALETTES = 4;

/** Numbers from 0 to 1 that follow from a text (FNV-1a, then mulberry32). @param {string} text */
function randomOf(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.charCodeAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Which colour lies at u, v of the picture. @param {() => number} random @returns {(u: number, v: number) => number} */
function sceneOf(random) {
  const horizon = 0.52 + 0.16 * random();
  const sun = { u: 0.25 + 0.5 * random(), v: horizon - 0.08 - 0.24 * random(), radius: 0.13 + 0.05 * random() };
  const waves = [0, 1, 2].map((i) => ({
    top: horizon + (i * (1 - horizon)) / 3,
    height: 0.03 + 0.05 * random(),
    length: 4 + 5 * random(),
    shift: 6 * random(),
  }));
  return (u, v) => {
    const layer = waves.findLastIndex(
      ({ top, height, length, shift }) => v > top + height * Math.sin(u * length + shift),
    );
    const grain = 0.1 * (random() - 0.5);
    if (layer >= 0) return Math.abs(u - sun.u) < 0.05 + grain && layer < 2 ? 1 : 4 + Math.min(2, layer);
    const far = Math.hypot(u - sun.u, v - sun.v) + grain * 0.4;
    return far < sun.radius ? 0 : far < sun.radius + 0.1 ? 1 : far + grain < 0.5 ? 2 : 3;
  };
}

/**
 * @param {string} text what it follows from
 * @param {{ columns: number, rows: number }} size
 * @returns {{ element: SVGSVGElement, lay: (part: number) => void }} with no tile laid
 */
export function mosaicOf(text, { columns, rows }) {
  const random = randomOf(text);
  const element = document.createElementNS(SVG, 'svg');
  element.setAttribute('viewBox', `0 0 ${columns} ${rows}`);
  element.setAttribute('aria-hidden', 'true');
  element.setAttribute('class', `mosaic palette-${Math.floor(random() * PALETTES)}`);
  const colourAt = sceneOf(random);
  const tiles = Array.from({ length: columns * rows }, (_, i) => {
    const [x, y] = [i % columns, Math.floor(i / columns)];
    const tile = document.createElementNS(SVG, 'rect');
    const edge = 0.84 + 0.1 * random();
    const [left, top] = [x + (1 - edge) / 2, y + (1 - edge) / 2];
    const values = { x: left, y: top, width: edge, height: edge, rx: 0.1 };
    for (const [name, value] of Object.entries(values)) tile.setAttribute(name, value.toFixed(3));
    tile.setAttribute('transform', `rotate(${(7 * (random() - 0.5)).toFixed(1)} ${x + 0.5} ${y + 0.5})`);
    tile.setAttribute('class', `tile tone-${Math.floor(3 * random())} colour-${colourAt((x + 0.5) / columns, (y + 0.5) / rows)}`); // prettier-ignore
    element.append(tile);
    return tile;
  });
  // From below upwards, as walls are built, but not in rows.
  const height = new Map(tiles.map((tile, i) => [tile, Math.floor(i / columns) + rows * 0.7 * random()]));
  const order = [...tiles].sort((a, b) => (height.get(b) ?? 0) - (height.get(a) ?? 0));
  const lay = (/** @type {number} */ part) => {
    const count = Math.round(order.length * Math.min(1, Math.max(0, part)));
    order.forEach((tile, i) => tile.classList.toggle('laid', i < count));
  };
  return { element, lay };
}

/** As many tiles as suit a picture of this shape. @param {{ width: number, height: number }} size @param {number} across */
export function tilesFor({ width, height }, across) {
  const longest = Math.max(width, height, 1);
  const count = (/** @type {number} */ edge) => Math.max(3, Math.round((across * edge) / longest));
  return { columns: count(width), rows: count(height) };
}
