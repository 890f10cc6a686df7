// A clip to write and read back: four flat colours, and a white disc that moves to the right frame by frame.

import { type Frames, framesOf } from '../../io/frames.ts';

const colours = [
  [220, 30, 20],
  [20, 200, 40],
  [30, 40, 210],
  [240, 220, 30],
] as const;

export function sampleFrames(frames: number, height: number, width: number): Frames {
  const data = new Uint8Array(frames * height * width * 3);
  for (let t = 0, at = 0; t < frames; t++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += 3) {
        const disc = Math.hypot(x - discX(t, frames, width), y - height / 2) < height / 5;
        const quarter = (x < width / 2 ? 0 : 1) + (y < height / 2 ? 0 : 2);
        data.set(disc ? [255, 255, 255] : colours[quarter]!, at);
      }
    }
  }
  return framesOf(data, frames, height, width);
}

/** Where the disc's centre is in frame `t`. */
export function discX(t: number, frames: number, width: number): number {
  return (width * (t + 1)) / (frames + 1);
}

/** Where the disc's centre is seen to be: the mean place of white pixels in the middle rows of one frame. */
export function seenDiscX({ data, height, width }: Frames, t: number): number {
  let sum = 0;
  let count = 0;
  for (let y = Math.floor(height * 0.45); y < height * 0.55; y++) {
    for (let x = 0; x < width; x++) {
      const at = ((t * height + y) * width + x) * 3;
      if (Math.min(data[at]!, data[at + 1]!, data[at + 2]!) < 200) continue;
      sum += x;
      count++;
    }
  }
  return sum / count;
}

/** Mean absolute difference of all bytes. */
export function meanDifference(a: Frames, b: Frames): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}
