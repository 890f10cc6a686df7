// The way of an actor through a clip, in words: "cat: 0.1,0.6 > 0.8,0.6". Points are the actor's middle in parts of the frame's width
// and height, evenly spread over the clip or at times ("0s 0.1,0.6 > 1.5s 0.8,0.6"); a point of four numbers says the size of
// the actor's box as well. Knows no model but the layout that it becomes.
import { alongPath, type LayoutBox } from '../dit/box-layout.ts';
import { InvalidRequestError } from '../graph/errors.ts';

interface Point {
  readonly x: number;
  readonly y: number;
  readonly width?: number;
  readonly height?: number;
  /** Of the clip; evenly spread where no point has them. */
  readonly seconds?: number;
}

export interface ActorPath {
  /** As the path names it; the only one of the prompt if it names none. */
  readonly actor: string | undefined;
  readonly points: readonly Point[];
}

const POINT = /^\s*(?:(\d+(?:\.\d+)?)\s*s\s+)?((?:\d*\.)?\d+(?:\s*,\s*(?:\d*\.)?\d+){1,3})\s*$/;
const MOST_POINTS = 64;

/** What is wrong with it stands in `problem`. */
function parse(text: string): ActorPath | { readonly problem: string } {
  const names = [...text.matchAll(/([^:;>|\d.]+):/g)].flatMap(([, one]) => one!.split(/[,&]|\band\b/));
  if (names.length > 1)
    return { problem: `leads ${names.map((one) => `"${one.trim()}"`).join(' and ')}; only one actor can be led` };
  const [, name, way] = /^(?:([^:>]*):)?([\s\S]*)$/.exec(text)!;
  const parts = way!.split('>');
  if (parts.length > MOST_POINTS) return { problem: `has ${parts.length} points; ${MOST_POINTS} are the most` };
  const points: Point[] = [];
  for (const part of parts) {
    const [, time, numbers] = POINT.exec(part) ?? [];
    const [x, y, width, height] = (numbers ?? '').split(',').map(Number);
    if (y === undefined || (width !== undefined && height === undefined))
      return { problem: `has a point "${part.trim()}", which is not x,y or x,y,width,height` };
    if ([x!, y, width ?? 0, height ?? 0].some((value) => value > 1) || width === 0 || height === 0)
      return { problem: `has a point "${part.trim()}" outside the frame; parts of it are from 0 to 1` };
    points.push({
      x: x!,
      y,
      ...(width !== undefined && { width, height: height! }),
      ...(time !== undefined && { seconds: Number(time) }),
    });
  }
  const timed = points.filter(({ seconds }) => seconds !== undefined);
  if (timed.length > 0 && timed.length < points.length) return { problem: 'has times at some of its points only' };
  if (timed.some(({ seconds }, i) => i > 0 && seconds! <= timed[i - 1]!.seconds!))
    return { problem: 'has times that do not rise' };
  return { actor: name?.trim() === '' ? undefined : name?.trim(), points };
}

/** What is wrong with a path, or undefined. */
export function problemOfPath(text: string): string | undefined {
  const parsed = parse(text);
  return 'problem' in parsed ? parsed.problem : undefined;
}

/** @throws InvalidRequestError */
export function parsePath(text: string): ActorPath {
  const parsed = parse(text);
  if ('problem' in parsed) throw new InvalidRequestError(`path (=${text}) ${parsed.problem}.`);
  return parsed;
}

export interface PathLength {
  /** Of the whole clip. */
  readonly frames: number;
  readonly fps: number;
  /** Where a window of it begins, and how long it is. */
  readonly from: number;
  readonly count: number;
  /** Width by height of the frame. */
  readonly aspect: number;
}

/** Longer side of an actor without a size, in short sides: what nano was mostly taught. */
const USUAL_SIZE = 0.44;

/** The actor's box in each frame of a window, upright. */
export function boxesOnPath(
  { points }: ActorPath,
  { frames, fps, from, count, aspect }: PathLength,
): readonly LayoutBox[] {
  const last = Math.max(1, frames - 1);
  const times = points.map(({ seconds }, i) =>
    seconds === undefined ? i / Math.max(1, points.length - 1) : (seconds * fps) / last,
  );
  const [usualWidth, usualHeight] = aspect > 1 ? [USUAL_SIZE / aspect, USUAL_SIZE] : [USUAL_SIZE, USUAL_SIZE * aspect];
  const middles = points.map(({ x, y }, i) => ({ at: times[i]!, x, y }));
  const sizes = points.map(({ width = usualWidth, height = usualHeight }, i) => ({
    at: times[i]!,
    x: width,
    y: height,
  }));
  return Array.from({ length: count }, (_, i) => {
    const t = (from + i) / last;
    const size = alongPath(sizes, t);
    return { ...alongPath(middles, t), width: size.x, height: size.y, angle: 0 };
  });
}
