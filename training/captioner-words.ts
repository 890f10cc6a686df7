// What the captioner says in training: a conversation about a scene as token ids, and which of its words are to be learned.
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { maxAnswerLength } from './captioner-recipe.ts';
import { caption } from './world/captions.ts';
import { askAbout, CAPTION_PROMPTS, questionKinds } from './world/questions.ts';
import type { Random } from './world/random.ts';
import type { Scene } from './world/scene.ts';

export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** A caption, or a question that the scene has an answer to. */
export function drawTurn(scene: Scene, captions: number, random: Random): Turn {
  if (!random.chance(captions)) {
    const asked = askAbout(scene, random.pick(questionKinds), random.int(2 ** 31));
    if (asked !== undefined) return asked;
  }
  const kind = random.pick(['plain', 'plain', 'full', 'tag'] as const);
  return { question: CAPTION_PROMPTS[kind], answer: caption(scene, random.int(2 ** 31), kind).toLowerCase() };
}

/** Words before the pictures and, of a question, behind them, up to where the answer begins. */
export function promptIds(tokenizer: TextTokenizer, question: string): { before: number[]; words: number[] } {
  const ids = (text: string): number[] => [...tokenizer.encode(text, maxAnswerLength).ids];
  return { before: ids('user:').slice(0, -1), words: ids(`${question} assistant:`).slice(1, -1) };
}

/** Turns as the graph's inputs: before [B,M], words [B,L], targets [B,L,vocabulary], of which only the answers' count. */
export function turnFeeds(
  tokenizer: TextTokenizer,
  turns: readonly Turn[],
  { length, vocabulary }: { readonly length: number; readonly vocabulary: number },
): Record<string, Tensor> {
  const rows = turns.map(({ question, answer }) => {
    const { before, words } = promptIds(tokenizer, question);
    const said = [...tokenizer.encode(answer, maxAnswerLength).ids].slice(1); // with <eos>
    return { before, words: [...words, ...said], said: said.length };
  });
  const words = new Int32Array(rows.length * length).fill(tokenizer.padId);
  const targets = new Float32Array(rows.length * length * vocabulary);
  rows.forEach((row, i) => {
    words.set(row.words.slice(0, length), i * length);
    const first = row.words.length - row.said;
    for (let at = first; at < Math.min(row.words.length, length + 1); at++)
      targets[(i * length + at - 1) * vocabulary + row.words[at]!] = 1;
  });
  return {
    before: int32Tensor(rows.flatMap(({ before }) => before), [rows.length, rows[0]!.before.length]), // prettier-ignore
    words: { dtype: 'int32', shape: [rows.length, length], data: words },
    targets: tensor(targets, [rows.length, length, vocabulary]),
  };
}
