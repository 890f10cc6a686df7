// Follows one sprite through a clip: in each frame an exhaustive search over position and angle near the last size,
// then a hill climb from the best few and from the last pose. Knows nothing of what motions there are.
import { contrastOf, densest, makeTemplate } from './dense.ts';
import { climb, scalePose, type Match, type Pose } from './match.ts';
import { smallPictures, type ClipShape, type Picture } from './picture.ts';
import { DENSE_SIDE, type Suspect } from './references.ts';

/** Where the sprite is in a frame: middle in fractions of width and height, longer side in short sides, radians. */
export interface Sighting {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly angle: number;
  readonly gain: number;
}

const TRACK_SIDE = 32;
const ANGLES = 8;
const SIZES = [0.75, 1, 1.33] as const;
const STEPS = { shift: 1, size: 0.1, stretch: 0.08, angle: 0.16 } as const;
/** A turn must explain this much more than standing still in angle, so that round things do not seem to spin. */
const TURN_PRICE = 0.04;

/** Poses worth climbing from, in pixels of the tiny picture. */
function candidates(picture: Picture, suspect: Suspect, last: Pose): readonly Match[] {
  const contrast = contrastOf(picture);
  const found: Match[] = [];
  for (let a = 0; a < ANGLES; a++) {
    const angle = (2 * Math.PI * a) / ANGLES;
    let best: Match | undefined;
    for (const factor of SIZES) {
      const look = { size: last.size * factor, angle, mirrored: suspect.mirrored };
      if (look.size < 2 || look.size > 1.2 * DENSE_SIDE) continue;
      best = densest(picture, contrast, makeTemplate(suspect.mip, suspect.box, look), best?.gain ?? 0) ?? best;
    }
    if (best !== undefined) found.push(best);
  }
  return found.sort((p, q) => q.gain - p.gain).slice(0, 3);
}

function better(a: Match, b: Match, last: Pose): Match {
  const price = (match: Match): number => match.gain * (1 - TURN_PRICE * (1 - Math.cos(match.pose.angle - last.angle)));
  return price(b) > price(a) ? b : a;
}

/** The sightings of a suspect in every frame, followed from its pose in the first or last frame, in pixels of a picture so wide. */
export function follow(
  clip: Uint8Array,
  shape: ClipShape,
  suspect: Suspect,
  start: { pose: Pose; width: number; fromLast: boolean },
): readonly Sighting[] {
  const frames = Array.from({ length: shape.frames }, (_, f) => f);
  const pictures = smallPictures(clip, shape, frames, TRACK_SIDE);
  const tiny = smallPictures(clip, shape, frames, DENSE_SIDE);
  const { width, height } = pictures[0]!;
  const toTiny = tiny[0]!.width / width;
  const short = Math.min(width, height);
  let last = scalePose(start.pose, width / start.width);
  const order = start.fromLast ? [...frames].reverse() : frames;
  const sightings = order.map((f, i): Sighting => {
    const picture = pictures[f]!;
    const starts =
      i === 0 ? [] : candidates(tiny[f]!, suspect, scalePose(last, toTiny)).map((m) => scalePose(m.pose, 1 / toTiny));
    const climbed = [last, ...starts].map((pose) => climb(picture, suspect.mip, pose, { steps: STEPS, halvings: 2 }));
    const { pose, gain } = climbed.reduce((a, b) => better(a, b, last));
    if (gain > 0) last = pose;
    return { x: pose.x / width, y: pose.y / height, size: pose.size / short, angle: pose.angle, gain };
  });
  return start.fromLast ? sightings.reverse() : sightings;
}
