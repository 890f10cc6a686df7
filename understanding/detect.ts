// Finds things in a picture: MobileNetV3-CenterNet (Zhou et al., "Objects as Points", 2019), trained on COCO, as the npm package
// @vladmandic/human carries it. One picture in, boxes out; knows nothing of time. Its graph is run up to the maps of its head, for a canvas
// of any size; their peaks are found here.
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

/** The network was taught on squares of so many pixels. */
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

async function detect(
  model: Awaited<ReturnType<typeof loadGraphModel>>,
  picture: Frames,
): Promise<readonly Detection[]> {
  const { width, height } = picture;
  const { canvas, left, top } = onCanvas(picture);
  const [, high, wide] = canvas.shape;
  const feeds = { 'tower_0/images': canvas, ...enlargements(high, wide) };
  const [heat, reach] = model.execute(feeds, ['tower_0/keypoints', 'tower_0/wh']) as [tf.Tensor4D, tf.Tensor4D];
  const outputs = { heat: await heat.data(), reach: await reach.data(), columns: wide / STRIDE };
  tf.dispose([...Object.values(feeds), heat, reach]);
  return distinct(peaksOf(outputs)).map(({ x1, y1, x2, y2, confidence, number }) => {
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

/** The network halves the picture five times. */
const MULTIPLE = 32;
/** Black around a picture, as around those that it was taught on: without it what fills a picture is found less surely. */
const MARGIN = 16;
/** Pixels between the cells of its answer. */
const STRIDE = 4;

/**
 * The picture on black, as floats of 0 to 255: people are found far better than when distorted. A square, as the network was taught on, would
 * be black for the most part under a wide picture, and black is as much work.
 */
function onCanvas({ width, height, data }: Frames) {
  const side = (length: number): number =>
    Math.min(DETECTOR_SIDE, MULTIPLE * Math.ceil((length + 2 * MARGIN) / MULTIPLE));
  const [wide, high] = [side(width), side(height)];
  const [left, top] = [(wide - width) >> 1, (high - height) >> 1];
  const values = new Float32Array(high * wide * 3);
  for (let y = 0; y < height; y++) {
    values.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * wide + left) * 3);
  }
  return { canvas: tf.tensor4d(values, [1, high, wide, 3]), left, top };
}

/** The sizes that the head enlarges its maps to, which the graph has for squares only. */
function enlargements(high: number, wide: number): Record<string, tf.Tensor> {
  const sizeAt = (stride: number): tf.Tensor => tf.tensor1d([high / stride, wide / stride], 'int32');
  return {
    'tower_0/CenternetHead/c5_upsample/up_sampling2d/mul': sizeAt(16),
    'tower_0/CenternetHead/c4_upsample/up_sampling2d_1/mul': sizeAt(8),
    'tower_0/CenternetHead/c3_upsample/up_sampling2d_2/mul': sizeAt(STRIDE),
  };
}

/** A box in pixels of the canvas, and the number of its class. */
interface Peak {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly confidence: number;
  readonly number: number;
}

interface Outputs {
  /** How sure it is that a thing of a class has its middle in a cell: [rows, columns, classes]. */
  readonly heat: ArrayLike<number>;
  /** How far a thing reaches from there to the left, up, right and down, in pixels: [rows, columns, 4]. */
  readonly reach: ArrayLike<number>;
  readonly columns: number;
}

/** Cells that are surer of a class than the eight around them, the surest first. */
function peaksOf({ heat, reach, columns }: Outputs): readonly Peak[] {
  const classes = things.length;
  const rows = heat.length / (columns * classes);
  const at = (row: number, column: number, number: number): number =>
    row < 0 || row >= rows || column < 0 || column >= columns ? 0 : heat[(row * columns + column) * classes + number]!;
  const peaks: Peak[] = [];
  for (let i = 0; i < heat.length; i++) {
    const confidence = heat[i]!;
    if (confidence < LEAST_CONFIDENCE) continue;
    const [cell, number] = [Math.floor(i / classes), i % classes];
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const isPeak = around.every(([down, right]) => at(row + down, column + right, number) <= confidence);
    if (!isPeak) continue;
    const [left, up, right, down] = [0, 1, 2, 3].map((side) => reach[4 * cell + side]!) as [number, number, number, number]; // prettier-ignore
    const [x, y] = [column * STRIDE, row * STRIDE];
    peaks.push({ x1: x - left, y1: y - up, x2: x + right, y2: y + down, confidence, number });
  }
  return peaks.sort((a, b) => b.confidence - a.confidence);
}

const around = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right] as const));

/** Non-maximum suppression, whatever the class. */
function distinct(peaks: readonly Peak[]): readonly Peak[] {
  const kept: Peak[] = [];
  for (const peak of peaks) {
    if (kept.length === MOST_DETECTIONS) break;
    if (kept.every((other) => overlap(peak, other) <= SAME_BOX)) kept.push(peak);
  }
  return kept;
}

/** What two boxes share, as a part of what they cover together. */
function overlap(a: Peak, b: Peak): number {
  const across = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const down = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (across <= 0 || down <= 0) return 0;
  const area = ({ x1, y1, x2, y2 }: Peak): number => (x2 - x1) * (y2 - y1);
  return (across * down) / (area(a) + area(b) - across * down);
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

interface GraphNode {
  readonly name: string;
  readonly attr?: Readonly<Record<string, unknown>>;
}

interface ModelJson {
  readonly modelTopology: { readonly node: readonly GraphNode[] };
  readonly signature: object;
  readonly weightsManifest: readonly { readonly weights: tf.io.WeightsManifestEntry[] }[];
}

/** The graph states the size of its input; what is used of it takes any. */
function ofAnySize(node: GraphNode): GraphNode {
  if (node.name !== 'tower_0/images') return node;
  const dim = ['1', '-1', '-1', '3'].map((size) => ({ size }));
  return { ...node, attr: { ...node.attr, shape: { shape: { dim } } } };
}

async function readModel(): Promise<tf.io.ModelArtifacts> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '..', 'models');
  try {
    const json = JSON.parse(await readFile(join(folder, 'centernet.json'), 'utf8')) as ModelJson;
    const { buffer, byteOffset, length } = await readFile(join(folder, 'centernet.bin'));
    return {
      modelTopology: { ...json.modelTopology, node: json.modelTopology.node.map(ofAnySize) },
      signature: json.signature,
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
      weightData: buffer.slice(byteOffset, byteOffset + length),
    };
  } catch (cause) {
    throw new ModelFileError(`Cannot read the detector in ${folder}. Install the packages again.`, { cause });
  }
}
