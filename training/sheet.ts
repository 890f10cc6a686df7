// Sample sheets: a row per clip, a few frames of it side by side, as one PNG. What a training looks like, for people.
import sharp from 'sharp';
import type { ClipSize } from './world/render.ts';

const gap = 2;

/** Writes clips [T,H,W,3] as rows of up to `columns` evenly spaced frames. */
export async function writeSheet(
  path: string,
  clips: readonly Uint8Array[],
  size: ClipSize,
  columns = 6,
): Promise<void> {
  const shown = Math.min(columns, size.frames);
  const width = shown * (size.width + gap) - gap;
  const height = clips.length * (size.height + gap) - gap;
  const pixels = new Uint8Array(width * height * 3).fill(255);
  clips.forEach((clip, row) => {
    for (let column = 0; column < shown; column++) {
      const frame = shown === 1 ? 0 : Math.round((column * (size.frames - 1)) / (shown - 1));
      for (let y = 0; y < size.height; y++) {
        const from = (frame * size.height + y) * size.width * 3;
        const to = ((row * (size.height + gap) + y) * width + column * (size.width + gap)) * 3;
        pixels.set(clip.subarray(from, from + size.width * 3), to);
      }
    }
  });
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
}
