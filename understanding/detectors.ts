// As many detectors as there are cores for. One in this process sees short films; for longer ones each core gets one in a process of its own,
// and this process only hands out pictures, so that ffmpeg decodes on meanwhile. Which of them sees a picture changes nothing of what is
// found.
import { availableParallelism } from 'node:os';
import type { Frames } from '../io/frames.ts';
import { type Detection, openDetector } from './detect.ts';
import { type DetectorChild, startDetectorChild } from './detector-child.ts';

export interface Detectors {
  /** The package that computes. */
  readonly backend: string;
  /** What is in each picture, as `Detector.detect`. @throws the signal's reason when aborted */
  detect(pictures: readonly Frames[], signal?: AbortSignal): Promise<readonly (readonly Detection[])[]>;
  close(): Promise<void>;
}

/** Pictures after which processes are started: their start takes as long as some ten. */
const FEW_PICTURES = 12;
/** More take memory, and no moment has so many pictures. */
const MOST_CHILDREN = 4;

/** @throws ModelFileError when the model's files are missing or damaged */
export async function openDetectors(): Promise<Detectors> {
  const own = await openDetector();
  const cores = own.backend.endsWith('wasm') ? Math.min(MOST_CHILDREN, availableParallelism()) : 1;
  let seen = 0;
  const children: DetectorChild[] = [];
  /** Those that have answered: with a picture of their own when they were open. */
  const ready = new Set<DetectorChild>();

  const start = (picture: Frames): void => {
    for (let core = 0; core < cores; core++) {
      const child = startDetectorChild();
      children.push(child);
      child.detect(picture).then(() => ready.add(child), () => undefined); // prettier-ignore
    }
  };
  const lookAt = (picture: Frames, child?: DetectorChild): Promise<readonly Detection[]> =>
    child === undefined
      ? own.detect(picture)
      : child.detect(picture).catch(() => {
          ready.delete(child); // it has ended, and the others go on
          return own.detect(picture);
        });

  return {
    backend: own.backend,
    detect: async (pictures, signal) => {
      seen += pictures.length;
      if (cores > 1 && children.length === 0 && seen > FEW_PICTURES) start(pictures[0]!);
      const found = new Array<readonly Detection[]>(pictures.length);
      let next = 0;
      const take = async (child?: DetectorChild): Promise<void> => {
        for (let i = next++; i < pictures.length; i = next++) {
          signal?.throwIfAborted();
          found[i] = await lookAt(pictures[i]!, child);
        }
      };
      await Promise.all(ready.size === 0 ? [take()] : [...ready].map((child) => take(child)));
      return found;
    },
    close: async () => {
      own.close();
      await Promise.all(children.map((child) => child.close()));
    },
  };
}
