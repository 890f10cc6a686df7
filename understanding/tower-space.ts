// The space of a model folder's own CLIP towers (text_encoder/, image_encoder/, tokenizer/), as nano has them. A moment is seen as
// its first, middle and last picture and as four moments in one, which is how nano's towers were taught.
import { join } from 'node:path';
import { clipTextEmbeds, clipTextStates, parseClipTextConfig, pooledPositions } from '../conditioning/clip-text.ts';
import { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from '../conditioning/clip-vision.ts';
import { openTokenizer } from '../conditioning/tokenizer.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched } from '../graph/engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, int32Tensor } from '../graph/tensor.ts';
import { openComponent } from '../io/model-folder.ts';
import { type JointSpace, meanDirection } from './joint-space.ts';
import { motionPicture, wholePicture } from './moment-pictures.ts';
import { pixelsOf } from './pixels.ts';

/** Of the first, middle and last picture, and of the four in one: measured on unseen clips, docs/training-nano.md. */
const WEIGHTS = [1 / 3, 1 / 3, 1 / 3, 1];

async function tower(folder: string, part: string) {
  const { config, weights } = await openComponent(join(folder, part));
  if (weights === undefined)
    throw new ModelFileError(`${join(folder, part)} has no weights. Download the model again.`);
  return { config, weights: weights.weights, file: join(folder, part, 'config.json') };
}

/** @throws ModelFileError when the folder has no CLIP towers, or two that don't belong together */
export async function openTowerSpace(engine: Engine, folder: string, name: string): Promise<JointSpace> {
  const [words, eyes] = [await tower(folder, 'text_encoder'), await tower(folder, 'image_encoder')];
  const text = parseClipTextConfig(words.config, words.file);
  const vision = parseClipVisionConfig(eyes.config, eyes.file);
  const tokenizer = await openTokenizer(join(folder, 'tokenizer'));
  if (text.projectionSize !== vision.projectionSize)
    throw new ModelFileError(`${folder}: text_encoder and image_encoder are no pair: ${text.projectionSize} and ${vision.projectionSize} values.`); // prettier-ignore
  const length = text.maxPositions;
  const p = parameterScope().parameters;
  const states = clipTextStates(p, text, input('ids', [1, length], 'int32')).lastHiddenState;
  const sentence = clipTextEmbeds(p, text, states, input('pooled', [1, length]));
  const reader = await engine.open(compile({ outputs: { vector: sentence }, weights: words.weights }));
  const edge = vision.imageSize;
  const see = parameterScope().parameters;
  const pixels = input('pixels', [WEIGHTS.length, 3, edge, edge]);
  const { imageEmbeds } = clipImageEmbeds(see, vision, clipVisionStates(see, vision, pixels).lastHiddenState);
  const eye = await engine.open(compile({ outputs: { vectors: imageEmbeds }, weights: eyes.weights }));
  return {
    name,
    width: text.projectionSize,
    longestSide: edge,
    ofMoment: async (moment, signal) => {
      const whole = await Promise.all([0, 0.5, 1].map((part) => wholePicture(moment, part, edge)));
      const shown = [...whole, await motionPicture(moment, edge)];
      const results = await eye.run({ pixels: pixelsOf(shown) }, { signal });
      return meanDirection(floats(fetched(results, 'vectors')), WEIGHTS);
    },
    ofText: async (said) => {
      const { ids } = tokenizer.encode(said, length);
      const row = int32Tensor([...ids, ...new Array<number>(length - ids.length).fill(tokenizer.padId)], [1, length]);
      const results = await reader.run({ ids: row, pooled: pooledPositions(text, row) });
      return meanDirection(floats(fetched(results, 'vector')), [1]);
    },
    unknownWords: (said) => tokenizer.unknownWords(said),
    close: async () => {
      await eye.release();
      await reader.release();
    },
  };
}
