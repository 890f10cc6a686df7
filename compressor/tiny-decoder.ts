// The decoder of TAEHV (Ollin Boer Bohan's tiny autoencoders for video; taew2_1 for Wan 2.1's latents, taew2_2 for Wan 2.2's): plain
// 2D convolutions whose blocks also see the frame before, doubled in height and width three times and in time twice. It takes
// the latents as the transformer makes them, not denormalised. Layers are numbered as in the reference's nn.Sequential.
import { add, concat, constant, conv, mul, relu, reshape, slice, sub, tanh, transpose } from '../graph/build.ts';
import { ModelFileError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { type Shape, tensor } from '../graph/tensor.ts';
import { repeatEach } from './repeat.ts';

export interface TinyDecoderConfig {
  readonly latentChannels: number;
  /** Channels of the three stages, and behind them: 256, 128, 64, 64. */
  readonly widths: readonly [number, number, number, number];
  /** Frames that each stage makes of one: 1, 2, 2. */
  readonly grows: readonly [number, number, number];
  /** Edge of the square of pixels that the last channels are spread over: 1, or 2 in taew2_2. */
  readonly patchSize: number;
}

/** Numbers of the stages' layers: three memory blocks, where time grows, the convolution behind. */
const stages = [
  { blocks: [3, 4, 5], grow: 7, out: 8 },
  { blocks: [9, 10, 11], grow: 13, out: 14 },
  { blocks: [15, 16, 17], grow: 19, out: 20 },
] as const;
const FIRST = 1;
const LAST = 22;

/** Reads the decoder's make from the shapes of its tensors. @throws ModelFileError when they are not of this layout */
export function tinyDecoderConfig(shapeOf: (name: string) => Shape | undefined, source: string): TinyDecoderConfig {
  const shape = (name: string): readonly number[] => {
    const found = shapeOf(`decoder.${name}.weight`);
    if (found?.length === 4) return found;
    throw new ModelFileError(
      `${source}: it has no tensor decoder.${name}.weight of four axes, so it is no decoder of the TAEHV layout. Its "super" variants and pickles (.pth) are not read: use taew2_1.safetensors or taew2_2.safetensors.`,
    );
  };
  const grows = stages.map(({ grow }) => shape(`${grow}.conv`)[0]! / shape(`${grow}.conv`)[1]!);
  const widths = [shape(`${FIRST}`)[0]!, ...stages.map(({ out }) => shape(`${out}`)[0]!)];
  return {
    latentChannels: shape(`${FIRST}`)[1]!,
    widths: widths as [number, number, number, number],
    grows: grows as [number, number, number],
    patchSize: Math.sqrt(shape(`${LAST}`)[0]! / 3),
  };
}

/** Frames that the decoder makes of one latent frame. */
export const framesPerLatent = ({ grows }: TinyDecoderConfig): number => grows.reduce((all, grow) => all * grow, 1);

/** What the memory blocks saw last, by name: one frame each, [1,C,H,W]. Before the clip they saw zeros. */
export type TinyMemory = Readonly<Record<string, Node>>;

/** Shapes of the memory for latents of h x w cells. */
export function tinyMemoryShapes({ widths }: TinyDecoderConfig, h: number, w: number): Readonly<Record<string, Shape>> {
  const entries = stages.flatMap(({ blocks }, i) =>
    blocks.map((n) => [`memory.${n}`, [1, widths[i]!, h << i, w << i]]),
  );
  return Object.fromEntries(entries) as Record<string, Shape>;
}

/**
 * latents [T,C,h,w] -> frames [T * framesPerLatent,3,8h * patch,8w * patch], about 0 to 1; p is at `decoder`.
 * The first framesPerLatent - 1 frames of a clip are to be left out.
 */
export function tinyDecode(
  p: Parameters,
  config: TinyDecoderConfig,
  latents: Node,
  memory: TinyMemory,
): { readonly frames: Node; readonly memory: TinyMemory } {
  const { widths, grows, patchSize } = config;
  const left: Record<string, Node> = {};
  let x = relu(conv3(p.at(`${FIRST}`), mul(tanh(mul(latents, 1 / 3)), 3), widths[0]));
  stages.forEach(({ blocks, grow, out }, i) => {
    for (const n of blocks) {
      left[`memory.${n}`] = slice(x, 0, x.shape[0]! - 1);
      x = memoryBlock(p.at(`${n}.conv`), x, memory[`memory.${n}`]!);
    }
    x = growTime(p.at(`${grow}.conv`), doubled(x), grows[i]!);
    x = conv3(p.at(`${out}`), x, widths[i + 1]!, false);
  });
  const packed = conv3(p.at(`${LAST}`), relu(x), 3 * patchSize ** 2);
  return { frames: pixelShuffle(packed, patchSize), memory: left };
}

/** 3x3 convolution, frame by frame. */
function conv3(p: Parameters, x: Node, outChannels: number, hasBias = true): Node {
  const shape = [outChannels, x.shape[1]!, 3, 3];
  const weight = p('weight', shape, { kind: 'uniform', bound: 1 / Math.sqrt(9 * x.shape[1]!) });
  const y = conv(x, weight, { padBefore: [1, 1], padAfter: [1, 1] });
  return hasBias ? add(y, reshape(p('bias', [outChannels], { kind: 'zeros' }), [1, outChannels, 1, 1])) : y;
}

/** Three convolutions over each frame beside the one before it, and what goes around them. */
function memoryBlock(p: Parameters, x: Node, last: Node): Node {
  const channels = x.shape[1]!;
  const past = x.shape[0] === 1 ? last : concat([last, slice(x, 0, 0, x.shape[0]! - 1)], 0);
  const first = relu(conv3(p.at('0'), concat([x, past], 1), channels));
  return relu(add(conv3(p.at('4'), relu(conv3(p.at('2'), first, channels)), channels), x));
}

/** Height and width doubled by repetition. */
const doubled = (x: Node): Node => repeatEach(repeatEach(x, 3, 2), 2, 2);

/** A 1x1 convolution whose output channels are the frames that follow each other: [T,C,h,w] -> [T * grow,C,h,w]. */
function growTime(p: Parameters, x: Node, grow: number): Node {
  const [frames, channels, height, width] = x.shape as [number, number, number, number];
  const bound = 1 / Math.sqrt(channels);
  const weight = p('weight', [channels * grow, channels, 1, 1], { kind: 'uniform', bound });
  return reshape(conv(x, weight), [frames * grow, channels, height, width]);
}

/** [T,3pp,h,w] -> [T,3,hp,wp]; channels are ordered (colour, row, column). */
function pixelShuffle(x: Node, patch: number): Node {
  if (patch === 1) return x;
  const [frames, , h, w] = x.shape as [number, number, number, number];
  const ordered = transpose(reshape(x, [frames, 3, patch, patch, h, w]), [0, 1, 4, 2, 5, 3]); // [T,3,h,p,w,p]
  return reshape(ordered, [frames, 3, h * patch, w * patch]);
}

/** frames [T,3,H,W] in [0,1] -> video [1,3,T,H,W] in [-1,1], as the large decoder gives it. */
export function asVideo(frames: Node): Node {
  const [count, , height, width] = frames.shape as [number, number, number, number];
  const video = reshape(transpose(frames, [1, 0, 2, 3]), [1, 3, count, height, width]);
  return sub(mul(video, 2), constant(tensor(Float32Array.of(1), [])));
}
