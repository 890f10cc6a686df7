// The scores of a clip that need no trained network: which noun, style, motion, place and relation it shows against
// what was asked for, and how much of the asked-for sprite is there. Knows nothing of how the clip was made.
import type { Scene } from '../world/scene.ts';
import type { Camera, Motion, Place, PlainColour, Relation, Style, Weather } from '../world/vocabulary.ts';
import { classifyCamera } from './camera.ts';
import { FINE_SIDE, presenceOf, rankSuspects, refineFully, restFrames, type Finding } from './identify.ts';
import { classifyMotion } from './motion.ts';
import type { Pose } from './match.ts';
import { smallPictures, type ClipShape } from './picture.ts';
import { classifyPlace, type Disc } from './place.ts';
import type { References } from './references.ts';
import { follow, type Sighting } from './track.ts';
import { classifyWeather } from './weather.ts';

/** What was asked for. The first noun is the one whose motion is scored. */
export interface SceneFacts {
  readonly nouns: readonly string[];
  /** Undefined where the prompt names none. */
  readonly style: Style | undefined;
  readonly motion: Motion;
  readonly place: Place;
  readonly colour: PlainColour;
  readonly camera: Camera;
  readonly weather: Weather;
  readonly relation: Relation | 'none';
  /** The prompt only hinted at the noun ("a fruit falls"): nouns are not scored. */
  readonly hypernym: boolean;
}

/** The facts of a scene, as its caption tells them. */
export function factsOf(scene: Scene, hypernym = false): SceneFacts {
  const first = scene.actors[0]!;
  const nouns = scene.actors.map((actor) => actor.noun);
  return {
    nouns,
    style: first.style,
    motion: first.motion,
    place: scene.place,
    colour: scene.colour,
    camera: scene.camera,
    weather: scene.weather,
    relation: scene.relation,
    hypernym,
  };
}

/** What a clip shows. */
export interface ClipScore {
  readonly facts: SceneFacts;
  /** The likeliest nouns, best first, at most five; a second asked-for noun is left out. */
  readonly nouns: readonly string[];
  /** Rank of the first asked-for noun among the candidates, 0 the best. */
  readonly nounRank: number;
  /** The second one's; undefined for one actor. */
  readonly secondRank: number | undefined;
  readonly style: Style;
  /** Undefined for a single frame. */
  readonly motion: Motion | undefined;
  readonly place: Place;
  readonly colour: PlainColour;
  /** Undefined for few frames. */
  readonly camera: Camera | undefined;
  readonly weather: Weather | undefined;
  /** Whether two actors stand as asked; undefined for one actor. */
  readonly relation: boolean | undefined;
  /** Share of the first asked-for sprite's pixels that the clip reproduces, where it fits best. */
  readonly presence: number;
  /** Where the likeliest noun is in each frame; undefined for a single one. */
  readonly track: readonly Sighting[] | undefined;
}

/** Whether the middles of two findings in the first frame stand in the relation. */
function stands(relation: Relation, first: Finding, second: Finding): boolean {
  const [a, b] = [first.matches[0]!.pose, second.matches[0]!.pose];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  if (relation === 'left of' || relation === 'right of')
    return Math.abs(dx) > Math.abs(dy) && dx > 0 === (relation === 'left of');
  return Math.abs(dy) > Math.abs(dx) && dy > 0 === (relation === 'above');
}

/** How much wider than its rest pose an actor is hidden where what passes in front of it must not be taken for it. */
const HALO = 1.5;

/** Scores a clip [T,H,W,3] against what was asked for. The references' nouns are the candidates; they must hold the asked-for ones. */
export function scoreClip(clip: Uint8Array, shape: ClipShape, facts: SceneFacts, references: References): ClipScore {
  const [wanted, other] = facts.nouns;
  const ranked = rankSuspects(clip, shape, references);
  const fine = smallPictures(clip, shape, restFrames(shape.frames), FINE_SIDE);
  const { width, height } = fine[0]!;
  const findingOf = (noun: string): Finding => {
    const at = ranked.findIndex((finding) => finding.suspect.noun === noun);
    if (at < 0) throw new RangeError(`The noun '${noun}' is not among the references. Add it to makeReferences.`);
    return refineFully(fine, ranked[at]!);
  };
  const names = [...new Set(ranked.map((finding) => finding.suspect.noun))];
  const nouns = names.filter((noun) => noun !== other);
  const asked = findingOf(wanted!);
  const second = other === undefined ? undefined : findingOf(other);
  const shown = ranked.find((finding) => finding.suspect.noun === nouns[0])!;
  const { noun, style } = shown.suspect;
  const clearest = shown.matches.reduce((a, b) => (b.gain > a.gain ? b : a));
  const start = { pose: clearest.pose, width, fromLast: shown.matches.indexOf(clearest) > 0 };
  const track = shape.frames > 1 ? follow(clip, shape, shown.suspect, start) : undefined;
  const discs = restFrames(shape.frames).map((_, i) =>
    [shown, ...(second ? [second] : [])].map(({ matches }) => discOf(matches[i]!.pose, width, height)),
  );
  const { place, colour } = classifyPlace(clip, shape, references.places, discs);
  const passing = track?.map(({ x, y, size }) => {
    const others = discs[0]!.slice(1).map((disc) => ({ ...disc, radius: HALO * disc.radius }));
    return [{ x, y, radius: (HALO * size) / 2 }, ...others];
  });
  return {
    facts,
    nouns: nouns.slice(0, 5),
    nounRank: nouns.indexOf(wanted!),
    secondRank: other === undefined ? undefined : names.filter((name) => name !== wanted).indexOf(other),
    style,
    motion: track && classifyMotion(track, shape, { noun, style }, facts.camera).motion,
    place,
    colour,
    camera: classifyCamera(clip, shape, discs),
    weather: passing && classifyWeather(clip, shape, passing),
    relation: second === undefined || facts.relation === 'none' ? undefined : stands(facts.relation, asked, second),
    presence: presenceOf(fine, asked),
    track,
  };
}

/** Where an actor hides what is behind it, from its pose in pixels of a picture. */
function discOf({ x, y, size }: Pose, width: number, height: number): Disc {
  return { x: x / width, y: y / height, radius: (0.55 * size) / Math.min(width, height) };
}
