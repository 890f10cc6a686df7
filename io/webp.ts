// Writes animated WebP, frame by frame: sharp compresses each frame, this puts them into one RIFF file.
// (ffmpeg's builds often lack WebP, and sharp alone wants all frames in memory.)
// Format: https://developers.google.com/speed/webp/docs/riff_container

import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { exifDescription } from './picture-comments.ts';
import { type Frames, sliceFrames } from './frames.ts';

const EXIF_FLAG = 0x08;
const ANIMATION_FLAG = 0x02;

export interface WebpOptions {
  readonly fps: number;
  /** ASCII text for the EXIF field ImageDescription. */
  readonly description: string | undefined;
}

/** Writes `stream` as an endless loop into a new file and returns how many frames it had. */
export async function writeWebp(
  path: string,
  stream: AsyncIterable<Frames>,
  { fps, description }: WebpOptions,
): Promise<number> {
  const file = await open(path, 'wx');
  try {
    let count = 0;
    let size = 0;
    for await (const chunk of stream) {
      for (let i = 0; i < chunk.frames; i++) {
        if (count === 0) size += await append(file, header(chunk, description !== undefined));
        const durationMs = Math.round(((count + 1) * 1000) / fps) - Math.round((count * 1000) / fps);
        size += await append(file, await animationFrame(sliceFrames(chunk, i, i + 1), durationMs));
        count++;
      }
    }
    if (description !== undefined) size += await append(file, riffChunk('EXIF', exifDescription(description)));
    await file.write(uint32(size - 8), 0, 4, 4); // the RIFF size counts all that follows it
    return count;
  } finally {
    await file.close();
  }
}

async function append(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<number> {
  await file.appendFile(bytes);
  return bytes.length;
}

function header({ width, height }: Frames, exif: boolean): Buffer {
  const features = Buffer.concat([
    Buffer.from([ANIMATION_FLAG | (exif ? EXIF_FLAG : 0), 0, 0, 0]),
    uint24(width - 1),
    uint24(height - 1),
  ]);
  const blackAndEndless = Buffer.from([0, 0, 0, 255, 0, 0]);
  return Buffer.concat([
    Buffer.from('RIFF\0\0\0\0WEBP', 'latin1'),
    riffChunk('VP8X', features),
    riffChunk('ANIM', blackAndEndless),
  ]);
}

async function animationFrame({ width, height, data }: Frames, durationMs: number): Promise<Buffer> {
  const still = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: 88, effort: 4, smartSubsample: true })
    .toBuffer();
  const noBlending = 0x02;
  const place = Buffer.concat([
    uint24(0),
    uint24(0),
    uint24(width - 1),
    uint24(height - 1),
    uint24(durationMs),
    Buffer.from([noBlending]),
  ]);
  return riffChunk('ANMF', Buffer.concat([place, pictureChunk(still)]));
}

/** The one chunk of a still WebP that holds the picture, with its name and size. */
function pictureChunk(webp: Buffer): Buffer {
  for (let at = 12; at + 8 <= webp.length;) {
    const name = webp.toString('latin1', at, at + 4);
    const length = webp.readUInt32LE(at + 4);
    const end = at + 8 + length + (length % 2);
    if (name === 'VP8 ' || name === 'VP8L') return webp.subarray(at, end);
    at = end;
  }
  throw new Error('sharp wrote a WebP file without a picture');
}

function riffChunk(name: string, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(name, 'latin1'),
    uint32(content.length),
    content,
    Buffer.alloc(content.length % 2),
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint24(value: number): Buffer {
  return uint32(value).subarray(0, 3);
}
