// The captioner that needs no download: finds things in each picture, follows them, and says in plain words what they do.
import type { Captioner, Description, Moment, SeenObject, Wish } from './captioner.ts';
import { DETECTOR_SIDE } from './detect.ts';
import { type Detectors, openDetectors } from './detectors.ts';
import { sayScene } from './say-scene.ts';
import { follow, noTracks, SURE, type Tracked, type TrackState } from './track.ts';
import { refuseWishes } from './wish.ts';

/** Long enough to see where things move, short enough to be read while they do. */
const MOMENT_SECONDS = 4;

/** @throws InvalidRequestError for wishes, which it does not understand, ModelFileError */
export async function openDetectorCaptioner(wish: Wish): Promise<Captioner> {
  refuseWishes(wish);
  const detectors = await openDetectors();
  return {
    name: 'detector',
    how: `CenterNet (COCO) by ${detectors.backend}`,
    longestSide: DETECTOR_SIDE,
    momentSeconds: MOMENT_SECONDS,
    concurrency: 1,
    describe: (moment, memory, signal) => describe(detectors, moment, memory as TrackState | undefined, signal),
    close: () => detectors.close(),
  };
}

async function describe(
  detectors: Detectors,
  { samples }: Moment,
  memory: TrackState = noTracks,
  signal?: AbortSignal,
): Promise<Description> {
  let state = memory;
  const found: Tracked[] = [];
  const pictures = samples.map(({ picture }) => picture);
  const detections = await detectors.detect(pictures, signal);
  for (const [i, { seconds }] of samples.entries()) {
    const next = follow(state, detections[i]!, seconds);
    state = next.state;
    found.push(...next.found);
  }
  const objects = objectsOf(found, samples.length);
  const confidence = objects.reduce((sum, one) => sum + one.confidence, 0) / objects.length;
  return {
    text: sayScene(objects),
    ...(objects.length > 0 && { confidence: rounded(confidence) }),
    objects,
    memory: state,
  };
}

/** What was found in one picture of many by chance is left out. */
function objectsOf(found: readonly Tracked[], pictures: number): readonly SeenObject[] {
  const tracks = [...new Set(found.map(({ track }) => track))];
  const objects = tracks.map((track) => {
    const all = found.filter((one) => one.track === track);
    const boxes = all.map(({ seconds, x, y, width, height }) => ({
      seconds,
      x: rounded(x),
      y: rounded(y),
      width: rounded(width),
      height: rounded(height),
    }));
    const confidence = rounded(Math.max(...all.map((one) => one.confidence)));
    return { label: all.at(-1)!.label, confidence, track, boxes };
  });
  const isLasting = ({ boxes, confidence }: SeenObject): boolean =>
    boxes.length >= Math.min(2, pictures) || confidence >= SURE + 0.1;
  return objects.filter(isLasting);
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
