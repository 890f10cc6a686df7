// From tracks to a sentence: what things are there, how many, how they move, where those are that do not. Says no more than boxes
// tell: "Two people walk to the right; a car stands on the left."
import type { SeenObject } from './captioner.ts';
import { type Gait, thingOf } from './coco.ts';

export const NOTHING = 'Nothing is recognised.';

/** A thing has moved when its centre went so far: in its own sizes, and in parts of the picture. */
const MOVED_SIZES = 0.35;
const MOVED_PICTURE = 0.06;
/** It has come closer when its area grew by so much. */
const GREW = 1.7;
const MOST_GROUPS = 4;

type Motion = 'still' | 'left' | 'right' | 'up' | 'down' | 'closer' | 'away';
type Place = 'on the left' | 'on the right' | 'in the middle';

interface Group {
  readonly label: string;
  readonly motions: readonly Motion[];
  readonly places: readonly Place[];
  count: number;
}

/** @param objects all that was seen through a moment, a track each */
export function sayScene(objects: readonly SeenObject[]): string {
  const isAnybody = objects.some(({ label }) => label === 'person');
  const groups = groupsOf(isAnybody ? objects : objects.map(unlessUnlikely));
  if (groups.length === 0) return NOTHING;
  const sentence = groups.slice(0, MOST_GROUPS).map(say).join('; ');
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`;
}

const SOMETHING = 'something';

/** The detector takes for a telephone what it does not know; one that goes about by itself is none. */
const unlessUnlikely = (one: SeenObject): SeenObject =>
  thingOf(one.label).isHeld && motionOf(one) !== 'still' ? { ...one, label: SOMETHING } : one;

/** Things of a name that do the same; those on the move first, then the many, then the sure. */
function groupsOf(objects: readonly SeenObject[]): readonly Group[] {
  const labels = [...new Set(objects.map(({ label }) => label))];
  const groups = labels.flatMap((label) => {
    const present = mostAtATime(objects.filter((one) => one.label === label));
    const moving = present.filter((one) => motionOf(one) !== 'still');
    const still = present.filter((one) => motionOf(one) === 'still');
    return [moving, still].filter((some) => some.length > 0).map((some) => groupOf(label, some));
  });
  const isMoving = ({ motions }: Group): number => (motions[0] === 'still' ? 0 : 1);
  return groups.sort((a, b) => isMoving(b) - isMoving(a) || b.count - a.count);
}

const groupOf = (label: string, objects: readonly SeenObject[]): Group => ({
  label,
  count: objects.length,
  motions: [...new Set(objects.map(motionOf))],
  places: [...new Set(objects.map(placeOf))],
});

/** Tracks break where a thing is covered for a while, so no more are counted than were there at one time, the longest first. */
function mostAtATime(objects: readonly SeenObject[]): readonly SeenObject[] {
  const counts = new Map<number, number>();
  for (const { boxes } of objects) for (const { seconds } of boxes) counts.set(seconds, (counts.get(seconds) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [...objects].sort((a, b) => b.boxes.length - a.boxes.length || b.confidence - a.confidence).slice(0, most);
}

function motionOf({ label, boxes }: SeenObject): Motion {
  const [from, to] = [boxes[0]!, boxes.at(-1)!];
  if (boxes.length < 2 || thingOf(label).isFixed) return 'still';
  const dx = to.x + to.width / 2 - from.x - from.width / 2;
  const dy = to.y + to.height / 2 - from.y - from.height / 2;
  const growth = (to.width * to.height) / Math.max(1e-6, from.width * from.height);
  const far = (distance: number, size: number): boolean =>
    Math.abs(distance) > Math.max(MOVED_PICTURE, MOVED_SIZES * size);
  if (far(dx, Math.min(from.width, to.width)) && Math.abs(dx) >= Math.abs(dy) / 2) return dx > 0 ? 'right' : 'left';
  if (growth > GREW || growth < 1 / GREW) return growth > 1 ? 'closer' : 'away';
  if (far(dy, Math.min(from.height, to.height))) return dy > 0 ? 'down' : 'up';
  return 'still';
}

function placeOf({ boxes }: SeenObject): Place {
  const middle = boxes.reduce((sum, { x, width }) => sum + x + width / 2, 0) / boxes.length;
  return middle < 0.36 ? 'on the left' : middle > 0.64 ? 'on the right' : 'in the middle';
}

function say({ label, count, motions, places }: Group): string {
  const thing = thingOf(label);
  const isOne = count === 1 || label === SOMETHING;
  const who = label === SOMETHING ? SOMETHING : isOne ? withArticle(thing.one) : `${numberWord(count)} ${thing.many}`;
  if (motions[0] === 'still') {
    const verb = thing.gait === 'drives' ? (isOne ? 'stands' : 'stand') : isOne ? 'is' : 'are';
    return `${who} ${verb} ${places.length === 1 ? places[0] : places.length === 2 && isOne ? places[0] : 'there'}`;
  }
  const verb = isOne ? thing.gait : plural[thing.gait];
  return `${who} ${verb} ${motions.length === 1 ? wayOf(motions[0]!) : thing.gait === 'moves' ? 'about' : 'by'}`;
}

const plural: Readonly<Record<Gait, string>> = {
  walks: 'walk',
  drives: 'drive',
  flies: 'fly',
  floats: 'float',
  moves: 'move',
};

const ways: Readonly<Record<Motion, string>> = {
  still: '',
  left: 'to the left',
  right: 'to the right',
  up: 'up the picture',
  down: 'down the picture',
  closer: 'closer',
  away: 'away',
};
const wayOf = (motion: Motion): string => ways[motion];

const withArticle = (name: string): string => `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;

const words = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
const numberWord = (count: number): string => words[count] ?? String(count);
