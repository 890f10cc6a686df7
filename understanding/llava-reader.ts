// A LLaVA model in transformers' format, of which nano's captioner is one, as something that answers questions about a moment of a
// video: it is shown the middle, whole, and four times of the moment in one picture.
import { parseLlavaConfig, tokensOfPicture, type LlavaConfig } from '../conditioning/llava-config.ts';
import { openLlava } from '../conditioning/llava-generate.ts';
import { openTokenizer, type TextTokenizer } from '../conditioning/tokenizer.ts';
import { joinWords } from '../conditioning/word-level.ts';
import type { Engine } from '../graph/engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import type { Weights } from '../graph/weights.ts';
import { openComponent } from '../io/model-folder.ts';
import type { Moment } from './captioner.ts';
import { motionPicture, wholePicture } from './moment-pictures.ts';
import { pixelsOf } from './pixels.ts';

/** Words of a question, and of an answer, at most. */
const MOST_WORDS = 64;
const PICTURES = 2;

export interface LlavaModel {
  readonly config: LlavaConfig;
  readonly weights: Weights;
  readonly tokenizer: TextTokenizer;
}

export interface LlavaReader {
  /** Width and height of the pictures that it looks at. */
  readonly edge: number;
  /** Words of a text that it was never taught. */
  unknownWords(text: string): readonly string[];
  answer(moment: Pick<Moment, 'samples'>, question: string, signal?: AbortSignal): Promise<string>;
  /** Several questions about one moment, which is looked at once. */
  answers(moment: Pick<Moment, 'samples'>, questions: readonly string[], signal?: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a captioner's folder: config.json, model.safetensors, tokenizer.json. @throws ModelFileError */
export async function openLlavaFolder(folder: string): Promise<LlavaModel> {
  const { config, weights } = await openComponent(folder);
  if (weights === undefined) throw new ModelFileError(`${folder} has no weights. Download or train the model again.`);
  return {
    config: parseLlavaConfig(config, `${folder}/config.json`),
    weights: weights.weights,
    tokenizer: await openTokenizer(folder),
  };
}

/** @throws ModelFileError when weights are missing or damaged */
export async function openLlavaReader(
  engine: Engine,
  { config, weights, tokenizer }: LlavaModel,
): Promise<LlavaReader> {
  const imageTokens = PICTURES * tokensOfPicture(config);
  const edge = config.vision.imageSize;
  const slots = imageTokens + 2 * MOST_WORDS;
  const llava = await openLlava(engine, { config, weights, slots, pictures: PICTURES });
  const encode = (text: string): number[] => [...tokenizer.encode(text, MOST_WORDS - 8).ids];
  const promptOf = (question: string): number[] => [
    ...encode('user:').slice(0, -1),
    ...new Array<number>(imageTokens).fill(config.imageTokenId),
    ...encode(`${question} assistant:`).slice(1, -1),
  ];
  const answers: LlavaReader['answers'] = async (moment, questions, signal) => {
    const shown = [await wholePicture(moment, 0.5, edge), await motionPicture(moment, edge)];
    const pictures = await llava.see(pixelsOf(shown));
    const said: string[] = [];
    for (const question of questions) {
      const ids = await llava.write(promptOf(question), { pictures, maxNewTokens: MOST_WORDS, ...(signal && { signal }) }); // prettier-ignore
      said.push(joinWords(tokenizer.decode(ids)));
    }
    return said;
  };
  return {
    edge,
    unknownWords: (text) => tokenizer.unknownWords(text),
    answer: async (moment, question, signal) => (await answers(moment, [question], signal))[0]!,
    answers,
    close: () => llava.release(),
  };
}
