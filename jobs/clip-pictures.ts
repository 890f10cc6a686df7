// Pictures of a clip for those who browse: its middle frame, and a sheet of frames from its first to its last, side by side
// without gaps. Made when they are first asked for, kept beside the clip.
import { stat } from 'node:fs/promises';
import { InvalidRequestError } from '../graph/errors.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { collectFrames, type Frames, framesOf, sliceFrames } from '../io/frames.ts';
import { savePicture } from '../io/pictures.ts';
import { probeVideo } from '../io/probe-video.ts';
import { readVideo } from '../io/read-video.ts';
import type { Settings } from './settings.ts';

export type PictureKind = 'thumbnail' | 'spritesheet';

const THUMBNAIL_WIDTH = 640;
const SPRITE_WIDTH = 240;
/** Sprites of a sheet at most: 5 x 5. */
const MOST_SPRITES = 25;

/** Makes pictures, one after the other: each takes an ffmpeg, and many may be asked for at once. */
export class ClipPictures {
  readonly #settings: Settings;
  readonly #making = new Map<string, Promise<void>>();
  #last: Promise<void> = Promise.resolve();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Sees to it that the picture of a clip lies at `target`. @throws InvalidRequestError when the clip cannot be read */
  async make(kind: PictureKind, clip: string, target: string): Promise<void> {
    if (await isFile(target)) return;
    const making = this.#making.get(target) ?? this.#enqueue(kind, clip, target);
    return making;
  }

  #enqueue(kind: PictureKind, clip: string, target: string): Promise<void> {
    const making = this.#last.then(() => this.#draw(kind, clip, target)).finally(() => this.#making.delete(target));
    this.#making.set(target, making);
    this.#last = making.catch(() => undefined);
    return making;
  }

  async #draw(kind: PictureKind, clip: string, target: string): Promise<void> {
    const tools = await findFfmpeg(this.#settings);
    const info = await probeVideo(tools, clip);
    const largest = kind === 'thumbnail' ? THUMBNAIL_WIDTH : SPRITE_WIDTH;
    const width = Math.min(largest, info.width);
    const height = Math.max(1, Math.round((info.height * width) / info.width));
    const wanted = kind === 'thumbnail' ? { startSeconds: middleOf(info), maxFrames: 1 } : spread(info);
    const frames = await collectFrames(readVideo(tools, info, { width, height, ...wanted }));
    const picture = kind === 'thumbnail' ? sliceFrames(frames, 0, 1) : spriteSheet(frames);
    await savePicture(target, picture, { overwrite: true });
  }
}

/** When its middle frame is shown: of a single one that is its beginning. */
const middleOf = ({ durationSeconds, fps }: { durationSeconds: number; fps: number }): number =>
  Math.floor(Math.max(0, Math.round(durationSeconds * fps) - 1) / 2) / fps;

/** All frames of a short clip, else as many as fit, at a rate that reaches its end. */
function spread({ durationSeconds, fps }: { durationSeconds: number; fps: number }): {
  fps: number;
  maxFrames: number;
} {
  return { fps: Math.min(fps, MOST_SPRITES / durationSeconds), maxFrames: MOST_SPRITES };
}

/** Frames [T,H,W,3] row by row in one picture, as near to a square as it gets; places left over stay black. */
export function spriteSheet({ frames, width, height, data }: Frames): Frames {
  if (frames === 0) throw new InvalidRequestError('a sprite sheet needs at least one frame.');
  const columns = Math.ceil(Math.sqrt(frames));
  const rows = Math.ceil(frames / columns);
  const sheet = new Uint8Array(rows * height * columns * width * 3);
  for (let line = 0; line < frames * height; line++) {
    const [frame, y] = [Math.floor(line / height), line % height];
    const [row, column] = [Math.floor(frame / columns), frame % columns];
    const to = ((row * height + y) * columns + column) * width * 3;
    sheet.set(data.subarray(line * width * 3, (line + 1) * width * 3), to);
  }
  return framesOf(sheet, 1, rows * height, columns * width);
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false); // prettier-ignore
}
