// Follows things from picture to picture, after ByteTrack (Zhang et al., 2022): sure detections are joined to tracks first, unsure
// ones then only keep tracks alive that are there already. Pictures may lie a second apart, so that a thing is looked for around
// the place that its speed leads to, instead of where boxes overlap. The state is plain JSON, in and out.
import type { Box } from './captioner.ts';
import type { Detection } from './detect.ts';

export interface Track {
  readonly id: number;
  /** How sure the detector was of each name, added up. */
  readonly votes: Readonly<Record<string, number>>;
  readonly box: Box;
  /** Of the centre, in parts of the picture a second. */
  readonly speed: readonly [x: number, y: number];
  readonly lastSeconds: number;
}

export interface TrackState {
  readonly tracks: readonly Track[];
  readonly nextId: number;
}

/** A detection and the track that it belongs to. */
export interface Tracked extends Detection {
  readonly track: number;
  readonly seconds: number;
}

export const noTracks: TrackState = { tracks: [], nextId: 1 };

/** Above, a detection may begin a track (ByteTrack's high threshold). */
export const SURE = 0.4;
/** A thing that was not found for so long is gone. */
const LOST_SECONDS = 2.5;
/** How far a thing may get in a second beyond its own size, in parts of the picture. */
const REACH = 0.2;
const OTHER_NAME = 0.7;

/** Joins the detections of one picture to the tracks. */
export function follow(
  state: TrackState,
  detections: readonly Detection[],
  seconds: number,
): { readonly state: TrackState; readonly found: readonly Tracked[] } {
  const living = state.tracks.filter(({ lastSeconds }) => seconds - lastSeconds <= LOST_SECONDS);
  const sure = detections.filter(({ confidence }) => confidence >= SURE);
  const unsure = detections.filter(({ confidence }) => confidence < SURE);
  const first = join(living, sure, seconds);
  const left = living.filter((track) => ![...first.values()].includes(track));
  const pairs = new Map([...first, ...join(left, unsure, seconds)]);
  const kept = living.filter((track) => ![...pairs.values()].includes(track));
  let { nextId } = state;
  const tracks: Track[] = [...kept];
  const found: Tracked[] = [];
  for (const detection of detections) {
    const track = pairs.get(detection);
    if (track === undefined && detection.confidence < SURE) continue;
    const next = track === undefined ? begun(nextId++, detection, seconds) : moved(track, detection, seconds);
    tracks.push(next);
    found.push({ ...detection, label: labelOf(next), track: next.id, seconds });
  }
  return { state: { tracks, nextId }, found };
}

/** What a track was called most surely. */
function labelOf({ votes }: Track): string {
  return Object.entries(votes).reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

const begun = (id: number, { label, confidence, ...box }: Detection, seconds: number): Track => ({
  id,
  votes: { [label]: confidence },
  box: { x: box.x, y: box.y, width: box.width, height: box.height },
  speed: [0, 0],
  lastSeconds: seconds,
});

function moved(track: Track, detection: Detection, seconds: number): Track {
  const { label, confidence, x, y, width, height } = detection;
  const [fromX, fromY] = centre(track.box);
  const [toX, toY] = centre(detection);
  const elapsed = Math.max(0.01, seconds - track.lastSeconds);
  return {
    id: track.id,
    votes: { ...track.votes, [label]: (track.votes[label] ?? 0) + confidence },
    box: { x, y, width, height },
    speed: [(toX - fromX) / elapsed, (toY - fromY) / elapsed],
    lastSeconds: seconds,
  };
}

/** Pairs detections with tracks, the likeliest pair first. */
function join(tracks: readonly Track[], detections: readonly Detection[], seconds: number): Map<Detection, Track> {
  const pairs = tracks.flatMap((track) =>
    detections.map((detection) => ({ track, detection, cost: costOf(track, detection, seconds) })),
  );
  pairs.sort((a, b) => a.cost - b.cost);
  const joined = new Map<Detection, Track>();
  const taken = new Set<Track>();
  for (const { track, detection, cost } of pairs) {
    if (cost >= 1) break;
    if (joined.has(detection) || taken.has(track)) continue;
    joined.set(detection, track);
    taken.add(track);
  }
  return joined;
}

/** 0 for a thing just where it was expected, 1 and more for what cannot be the same. */
function costOf(track: Track, detection: Detection, seconds: number): number {
  const elapsed = seconds - track.lastSeconds;
  const [x, y] = centre(track.box);
  const [toX, toY] = centre(detection);
  const size = Math.hypot(track.box.width, track.box.height);
  // It may go on as before, or have stopped.
  const going = Math.hypot(x + track.speed[0] * elapsed - toX, y + track.speed[1] * elapsed - toY);
  const away = Math.min(going, Math.hypot(x - toX, y - toY)) / (0.5 * size + REACH * elapsed);
  const area = (box: Box): number => Math.max(1e-6, box.width * box.height);
  const growth = Math.abs(Math.log(area(detection) / area(track.box))) / Math.log(6);
  const name = track.votes[detection.label] === undefined ? OTHER_NAME : 0;
  return Math.max(away, growth) * 0.99 + name * (0.3 + away);
}

const centre = ({ x, y, width, height }: Box): readonly [number, number] => [x + width / 2, y + height / 2];
