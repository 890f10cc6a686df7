// Finds things in a picture: MobileNetV3-CenterNet (Zhou et al., "Objects as Points", 2019), trained on COCO, as the npm package
// @vladmandic/human carries it. One picture in, boxes out; knows nothing of time.
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ModelFileError } from '../graph/errors.ts';
import type { Frames } from '../io/frames.ts';
import type { Box } from './captioner.ts';
import { things } from './coco.ts';
import { readyTfjs } from './tfjs.ts';

export interface Detection extends Box {
  readonly label: string;
  readonly confidence: number;
}

export interface Detector {
  /** The package that computes. */
  readonly backend: string;
  /** Things in a picture [1,H,W,3] whose sides are at most `DETECTOR_SIDE`, the surest first. */
  detect(picture: Frames): Promise<readonly Detection[]>;
  close(): void;
}

/** The network looks at squares of so many pixels. */
export const DETECTOR_SIDE = 512;
/** What is less sure than this is noise. */
const LEAST_CONFIDENCE = 0.25;
const MOST_DETECTIONS = 50;
/** Boxes that overlap more are one thing under two names. */
const SAME_BOX = 0.6;

/** @throws ModelFileError when the model's files are missing or damaged */
export async function openDetector(): Promise<Detector> {
  const backend = await readyTfjs();
  const model = await loadGraphModel({ load: readModel }).catch((cause: unknown) => {
    if (cause instanceof ModelFileError) throw cause;
    throw new ModelFileError('The detector of @vladmandic/human does not open. Install the packages again.', { cause });
  });
  return {
    backend,
    detect: (picture) => detect(model, picture),
    close: () => model.dispose(),
  };
}

/** [x1, y1, x2, y2, confidence, class], in pixels of the square. */
type Row = readonly [number, number, number, number, number, number];

async function detect(
  model: Awaited<ReturnType<typeof loadGraphModel>>,
  picture: Frames,
): Promise<readonly Detection[]> {
  const { width, height } = picture;
  const { square, left, top } = inSquare(picture);
  const input = tf.tensor4d(square, [1, DETECTOR_SIDE, DETECTOR_SIDE, 3]);
  const output = model.execute(input, 'tower_0/detections') as tf.Tensor3D; // [1, 100, 6]
  const [rows = []] = (await output.array()) as unknown as [Row[]];
  tf.dispose([input, output]);
  const found = rows.filter((row) => row[4] >= LEAST_CONFIDENCE && things[row[5]] !== undefined);
  return (await distinct(found)).map(([x1, y1, x2, y2, confidence, number]) => {
    const [fromX, toX] = [x1, x2].map((x) => clamp((x - left) / width)) as [number, number];
    const [fromY, toY] = [y1, y2].map((y) => clamp((y - top) / height)) as [number, number];
    return {
      label: things[number]!.one,
      confidence,
      x: fromX,
      y: fromY,
      width: Math.max(0, toX - fromX),
      height: Math.max(0, toY - fromY),
    };
  });
}

/** Non-maximum suppression, whatever the class. */
async function distinct(rows: readonly Row[]): Promise<readonly Row[]> {
  if (rows.length === 0) return [];
  const boxes = tf.tensor2d(rows.map(([x1, y1, x2, y2]) => [y1, x1, y2, x2]));
  const scores = tf.tensor1d(rows.map((row) => row[4]));
  const kept = await tf.image.nonMaxSuppressionAsync(boxes, scores, MOST_DETECTIONS, SAME_BOX, LEAST_CONFIDENCE);
  const numbers = await kept.data();
  tf.dispose([boxes, scores, kept]);
  return Array.from(numbers, (number) => rows[number]!);
}

/** The picture in the middle of a black square, as floats of 0 to 255: people are found far better than when distorted. */
function inSquare({ width, height, data }: Frames) {
  const left = (DETECTOR_SIDE - width) >> 1;
  const top = (DETECTOR_SIDE - height) >> 1;
  const square = new Float32Array(DETECTOR_SIDE * DETECTOR_SIDE * 3);
  for (let y = 0; y < height; y++) {
    square.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * DETECTOR_SIDE + left) * 3);
  }
  return { square, left, top };
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

interface ModelJson {
  readonly modelTopology: object;
  readonly signature: object;
  readonly weightsManifest: readonly { readonly weights: tf.io.WeightsManifestEntry[] }[];
}

async function readModel(): Promise<tf.io.ModelArtifacts> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '..', 'models');
  try {
    const json = JSON.parse(await readFile(join(folder, 'centernet.json'), 'utf8')) as ModelJson;
    const { buffer, byteOffset, length } = await readFile(join(folder, 'centernet.bin'));
    return {
      modelTopology: json.modelTopology,
      signature: json.signature,
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
      weightData: buffer.slice(byteOffset, byteOffset + length),
    };
  } catch (cause) {
    throw new ModelFileError(`Cannot read the detector in ${folder}. Install the packages again.`, { cause });
  }
}
