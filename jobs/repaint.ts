// A video that is made anew, or only where a mask or a box says so: its frames, their latents, which latent cells are kept, and
// frames put together of old and new. Reads forwards; holds the frames of a window.
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { type Frames, framesOf, joinFrames } from '../io/frames.ts';
import { readVideo } from '../io/read-video.ts';
import { boxOf } from './direction.ts';
import { maskFrames } from './mask.ts';
import type { Render } from './resolve-request.ts';

/** The picture at a frame of the clip; indices may fall back by a window, no further. */
interface Footage {
  at(index: number): Promise<Frames>;
  close(): Promise<void>;
}

/** Pixels inside a box over which the new fades into the old. */
const SOFT_EDGE = 8;

export class Repaint {
  readonly #source: Footage;
  /** White where the clip is made anew. */
  readonly #mask: Footage | undefined;

  private constructor(source: Footage, mask: Footage | undefined) {
    this.#source = source;
    this.#mask = mask;
  }

  /** Of a render with `restyle`; opens its files when frames are asked for. */
  static of(tools: FfmpegTools, render: Render, signal?: AbortSignal): Repaint {
    const { restyle, mask, box, width, height, fps, frames, fit } = render;
    const options = { width, height, fps, ...(fit && { fit }), ...(signal && { signal }) };
    const source = film(readVideo(tools, restyle!, options), frames);
    if (box !== undefined) return new Repaint(source, still(drawBox(box, render)));
    return new Repaint(source, mask === undefined ? undefined : film(maskFrames(tools, render, signal), frames));
  }

  /** Latents of `count` frames from `start` on, by an encoder of frames. */
  async latents(
    start: number,
    count: number,
    encode: (frames: Frames) => Promise<Float32Array>,
  ): Promise<Float32Array> {
    const frames: Frames[] = [];
    for (let i = start; i < start + count; i++) frames.push(await this.#source.at(i));
    return encode(joinFrames(frames));
  }

  /**
   * [T*H*W], 1 for latent cells of whose pixels none is made anew; undefined when all are.
   * @param grid latent frames, rows and columns of the window that begins at `start` @param factor frames of a latent frame
   */
  async keptCells(
    start: number,
    [total, rows, columns]: readonly [number, number, number],
    factor: number,
  ): Promise<Uint8Array | undefined> {
    if (this.#mask === undefined) return undefined;
    const cells = new Uint8Array(total * rows * columns).fill(1);
    for (let i = 0; i <= (total - 1) * factor; i++) {
      const t = Math.ceil(i / factor);
      const frame = cells.subarray(t * rows * columns, (t + 1) * rows * columns);
      clearTouched(frame, await this.#mask.at(start + i), columns);
    }
    return cells;
  }

  /** The old frame, and the new one where the mask is white. */
  async composite(made: Frames, index: number): Promise<Frames> {
    if (this.#mask === undefined) return made;
    const [old, mask] = [await this.#source.at(index), await this.#mask.at(index)];
    const data = made.data.map((value, i) => old.data[i]! + ((value - old.data[i]!) * mask.data[i]!) / 255 + 0.5);
    return framesOf(data, 1, made.height, made.width);
  }

  async close(): Promise<void> {
    await this.#source.close();
    await this.#mask?.close();
  }
}

/** Sets cells to 0 whose pixels are not all black. */
function clearTouched(cells: Uint8Array, { data, width, height }: Frames, columns: number): void {
  const edge = width / columns;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / edge) * columns;
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 3]! > 0) cells[row + Math.floor(x / edge)] = 0;
    }
  }
}

function still(picture: Frames): Footage {
  return { at: () => Promise.resolve(picture), close: () => Promise.resolve() };
}

/** A video, of which the last `window` frames are held; its last frame stays. */
function film(pieces: AsyncGenerator<Frames>, window: number): Footage {
  const held: Frames[] = [];
  let first = 0;
  return {
    async at(index) {
      while (first + held.length <= index) {
        const next = await pieces.next();
        held.push(next.done === true ? held.at(-1)! : next.value);
        if (held.length > window) first += held.splice(0, held.length - window).length;
      }
      return held[Math.max(0, index - first)]!;
    },
    async close() {
      await pieces.return(undefined);
    },
  };
}

/** White inside the box, softly, but not at the edges of the frame; black elsewhere. */
function drawBox(text: string, { width, height }: Render): Frames {
  const [left, top, across, down] = boxOf(text)!;
  const ramp = (at: number, from: number, to: number, extent: number): number => {
    const [before, after] = [at + 0.5 - from, to - at - 0.5];
    const inside = Math.min(from <= 0 ? SOFT_EDGE : before, to >= extent ? SOFT_EDGE : after);
    return before < 0 || after < 0 ? 0 : Math.min(1, Math.max(0, inside) / SOFT_EDGE);
  };
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const vertical = ramp(y, top * height, (top + down) * height, height);
    for (let x = 0; x < width; x++) {
      const level = vertical * ramp(x, left * width, (left + across) * width, width);
      data.fill(Math.round(255 * level), (y * width + x) * 3, (y * width + x + 1) * 3);
    }
  }
  return framesOf(data, 1, height, width);
}
