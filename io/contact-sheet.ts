// A contact sheet: clips side by side as rows of frames, each with its label above; for looking at what a model makes.

import { InvalidRequestError } from '../graph/errors.ts';
import { isInk, LETTER_HEIGHT, LETTER_WIDTH } from './bitmap-font.ts';
import { type Frames, framesOf } from './frames.ts';

export interface SheetCell {
  /** Shown above the clip, as much of it as fits. */
  readonly label: string;
  readonly clip: Frames;
}

export interface SheetOptions {
  /** Clips per row (default: as near to a square as it gets). */
  readonly columns?: number;
  /** Frames shown of each clip, evenly spaced from the first to the last (default 1). */
  readonly framesPerClip?: number;
  /** Times that each pixel is repeated across and down (default 1). */
  readonly zoom?: number;
}

interface Layout {
  readonly columns: number;
  readonly shown: number;
  readonly zoom: number;
  readonly frameWidth: number;
  readonly frameHeight: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
}

const GAP = 4;
const LABEL = LETTER_HEIGHT + 4;
const BACKGROUND = 24;
const INK = 235;

/**
 * Lays clips out as one picture. Cells are as large as the largest clip; smaller ones lie at the upper left.
 * @throws InvalidRequestError when there is nothing to show
 */
export function contactSheet(cells: readonly SheetCell[], options: SheetOptions = {}): Frames {
  const layout = layOut(cells, options);
  const rows = Math.ceil(cells.length / layout.columns);
  const width = layout.columns * (layout.cellWidth + GAP) + GAP;
  const height = rows * (layout.cellHeight + GAP) + GAP;
  const sheet = framesOf(new Uint8Array(width * height * 3).fill(BACKGROUND), 1, height, width);
  cells.forEach((cell, i) => {
    const x = GAP + (i % layout.columns) * (layout.cellWidth + GAP);
    const y = GAP + Math.floor(i / layout.columns) * (layout.cellHeight + GAP);
    drawCell(sheet, cell, [x, y], layout);
  });
  return sheet;
}

/** Draws one line of text with its upper left corner at [x, y]; what lies beyond the picture is left out. */
export function drawText({ data, width, height }: Frames, text: string, [x, y]: readonly [number, number]): void {
  [...text].forEach((char, i) => {
    for (let down = 0; down < LETTER_HEIGHT && y + down < height; down++) {
      for (let across = 0; across < LETTER_WIDTH; across++) {
        const column = x + i * LETTER_WIDTH + across;
        if (column >= width || !isInk(char, across, down)) continue;
        const at = ((y + down) * width + column) * 3;
        data.fill(INK, at, at + 3);
      }
    }
  });
}

function layOut(cells: readonly SheetCell[], options: SheetOptions): Layout {
  if (cells.length === 0) throw new InvalidRequestError('a contact sheet needs at least one clip.');
  const { columns = Math.ceil(Math.sqrt(cells.length)), framesPerClip = 1, zoom = 1 } = options;
  for (const [name, value] of Object.entries({ columns, framesPerClip, zoom })) {
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidRequestError(`${name} (=${value}) must be a whole number above 0.`);
  }
  const shown = Math.min(framesPerClip, Math.max(...cells.map(({ clip }) => clip.frames)));
  const frameWidth = Math.max(...cells.map(({ clip }) => clip.width)) * zoom;
  const frameHeight = Math.max(...cells.map(({ clip }) => clip.height)) * zoom;
  const cellWidth = shown * (frameWidth + 1) - 1;
  return {
    columns: Math.min(columns, cells.length),
    shown,
    zoom,
    frameWidth,
    frameHeight,
    cellWidth,
    cellHeight: LABEL + frameHeight,
  };
}

function drawCell(sheet: Frames, { label, clip }: SheetCell, [x, y]: readonly [number, number], layout: Layout): void {
  drawText(sheet, fitting(label, layout.cellWidth), [x, y]);
  const count = Math.min(layout.shown, clip.frames);
  for (let i = 0; i < count; i++) {
    const frame = count === 1 ? 0 : Math.round((i * (clip.frames - 1)) / (count - 1));
    drawFrame(sheet, clip, frame, { x: x + i * (layout.frameWidth + 1), y: y + LABEL, zoom: layout.zoom });
  }
}

function drawFrame(
  sheet: Frames,
  clip: Frames,
  frame: number,
  { x, y, zoom }: { x: number; y: number; zoom: number },
): void {
  for (let row = 0; row < clip.height * zoom; row++) {
    const from = (frame * clip.height + Math.floor(row / zoom)) * clip.width;
    for (let column = 0; column < clip.width * zoom; column++) {
      const source = (from + Math.floor(column / zoom)) * 3;
      sheet.data.set(clip.data.subarray(source, source + 3), ((y + row) * sheet.width + x + column) * 3);
    }
  }
}

function fitting(label: string, width: number): string {
  const letters = [...label.replace(/\s+/g, ' ')];
  const room = Math.max(1, Math.floor((width + 1) / LETTER_WIDTH));
  return letters.length <= room ? letters.join('') : `${letters.slice(0, Math.max(0, room - 2)).join('')}..`;
}
