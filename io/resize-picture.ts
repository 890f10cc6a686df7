// One frame at another size, for models that look at pictures of one size. Areas are averaged when it becomes smaller.
import sharp from 'sharp';
import { type Frames, framesOf } from './frames.ts';

/** The first frame, distorted where the aspect is another. */
export async function resizePicture(
  { data, width: from, height: high }: Frames,
  width: number,
  height: number,
): Promise<Frames> {
  const pixels = data.subarray(0, from * high * 3);
  if (from === width && high === height) return framesOf(pixels, 1, height, width);
  const image = sharp(pixels, { raw: { width: from, height: high, channels: 3 } });
  const resized = await image.resize({ width, height, fit: 'fill', kernel: 'linear' }).raw().toBuffer();
  return framesOf(new Uint8Array(resized.buffer, resized.byteOffset, resized.length), 1, height, width);
}
