// From tracks to a sentence: what things are there, how many, how they move, where those are that do not. Says no more than boxes
// tell: "Two people and a dog walk to the right; a car is parked on the left."
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
  readonly count: number;
  /** They were seen in several pictures, so that their standing still is known. */
  readonly isWatched: boolean;
}

/** Who does what: "two people", "walk", "to the right". */
interface Clause {
  readonly who: string;
  readonly isOne: boolean;
  readonly verb: Verb;
  readonly where: string;
}

interface Verb {
  readonly one: string;
  readonly many: string;
}

/** @param objects all that was seen through a moment, a track each */
export function sayScene(objects: readonly SeenObject[]): string {
  const isAnybody = objects.some(({ label }) => label === 'person');
  const groups = groupsOf(isAnybody ? withoutStones(objects) : withoutStones(objects).map(unlessUnlikely));
  if (groups.length === 0) return NOTHING;
  const clauses = groups.slice(0, MOST_GROUPS).map((group, i) => clauseOf(group, groups[i - 1]?.label === group.label));
  const sentence = together(clauses).map(say).join('; ');
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`;
}

const SOMETHING = 'something';

/** The detector takes for a telephone what it does not know; one that goes about by itself is none. */
const unlessUnlikely = (one: SeenObject): SeenObject =>
  thingOf(one.label).isHeld && motionOf(one) !== 'still' ? { ...one, label: SOMETHING } : one;

/** Stones, bags and litter look like balls that lie about; where there is anything else to tell, those are not told. */
function withoutStones(objects: readonly SeenObject[]): readonly SeenObject[] {
  const others = objects.filter(
    (one) => !thingOf(one.label).isThrown || one.boxes.length < 2 || motionOf(one) !== 'still',
  );
  return others.length > 0 ? others : objects;
}

/** Things of a name that do the same: of each name those on the move, then the others; moving names first, then the many, then the sure. */
function groupsOf(objects: readonly SeenObject[]): readonly Group[] {
  const labels = [...new Set(objects.map(({ label }) => label))];
  const named = labels.map((label) => {
    const present = mostAtATime(objects.filter((one) => one.label === label));
    const moving = present.filter((one) => motionOf(one) !== 'still');
    const still = present.filter((one) => motionOf(one) === 'still');
    return [moving, still].filter((some) => some.length > 0).map((some) => groupOf(label, some));
  });
  const isMoving = ([first]: readonly Group[]): number => (first!.motions[0] === 'still' ? 0 : 1);
  return named.sort((a, b) => isMoving(b) - isMoving(a) || b[0]!.count - a[0]!.count).flat();
}

const groupOf = (label: string, objects: readonly SeenObject[]): Group => ({
  label,
  count: objects.length,
  motions: [...new Set(objects.map(motionOf))],
  places: [...new Set(objects.map(placeOf))],
  isWatched: objects.every(({ boxes }) => boxes.length > 1),
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

/** @param isMore whether others of the name were told just before */
function clauseOf({ label, count, motions, places, isWatched }: Group, isMore: boolean): Clause {
  const thing = thingOf(label);
  const isOne = count === 1 || label === SOMETHING;
  const who = label === SOMETHING ? SOMETHING : isOne ? withArticle(thing.one) : `${numberWord(count)} ${thing.many}`;
  const more = isOne ? 'another' : `${numberWord(count)} more`;
  const clause = { who: isMore && label !== SOMETHING ? more : who, isOne };
  if (motions[0] === 'still') {
    const isParked = thing.gait === 'drives' && label !== 'train' && isWatched;
    return { ...clause, verb: isParked ? parked : being, where: places.length === 1 || isOne ? places[0]! : 'in view' };
  }
  const verb = { one: thing.gait, many: plural[thing.gait] };
  const where = motions.length === 1 ? wayOf(motions[0]!) : thing.gait === 'moves' ? 'about' : 'by';
  return { ...clause, verb, where };
}

/** Things that do the same in the same place are told at once: "a bed and a chair are in the middle". */
function together(clauses: readonly Clause[]): readonly (readonly Clause[])[] {
  const isMore = ({ who }: Clause): boolean => who === 'another' || who.endsWith(' more');
  const told: Clause[][] = [];
  for (const clause of clauses) {
    const alike = told.find(
      ([first]) => !isMore(first!) && first!.verb.one === clause.verb.one && first!.where === clause.where,
    );
    if (alike === undefined || isMore(clause)) told.push([clause]);
    else alike.push(clause);
  }
  return told;
}

function say(clauses: readonly Clause[]): string {
  const { isOne, verb, where } = clauses[0]!;
  const names = clauses.map(({ who }) => who);
  const last = names.pop()!;
  const who = names.length === 0 ? last : `${names.join(', ')} and ${last}`;
  return `${who} ${isOne && names.length === 0 ? verb.one : verb.many} ${where}`;
}

const being: Verb = { one: 'is', many: 'are' };
const parked: Verb = { one: 'is parked', many: 'are parked' };

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
