// What the captioner says in training: conversations about scenes as token ids, and which of their words are to be learned.
import { MASKED } from '../conditioning/attention-bias.ts';
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { maxAnswerLength } from './captioner-recipe.ts';
import { caption } from './world/captions.ts';
import { askAbout, CAPTION_PROMPTS, type QuestionKind, questionKinds } from './world/questions.ts';
import type { Random } from './world/random.ts';
import { type Scene, seenFromOther } from './world/scene.ts';
import { NOUN_NAMES } from './world/vocabulary.ts';

export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** How often a scene is asked: most where only a look at the right patches tells. */
const TIMES = { noun: 1, count: 1, place: 1, motion: 2, relation: 7, presence: 2, sky: 1, weather: 1, camera: 1, style: 1 } as const satisfies Record<QuestionKind, number>; // prettier-ignore

/** Questions that the scene has an answer to, in any order, and for a share of scenes a caption before them. */
export function drawConversation(scene: Scene, captions: number, random: Random): readonly Turn[] {
  const kinds = questionKinds.flatMap((kind) => new Array<QuestionKind>(TIMES[kind]).fill(kind));
  const inOrder = inReadingOrder(scene);
  const turns: Turn[] = random.chance(captions) ? [drawCaption(inOrder, random)] : [];
  while (kinds.length > 0) {
    const [kind] = kinds.splice(random.int(kinds.length), 1);
    const of = kind === 'noun' || random.chance(0.5) ? inOrder : seenFromOther(inOrder);
    const asked = askAbout(of, kind!, random.int(2 ** 31));
    if (asked !== undefined) turns.push(asked);
  }
  return turns;
}

/** The scene told from its actor at the left, or at the top: which of two is said first must follow from what is seen. */
const inReadingOrder = (scene: Scene): Scene =>
  scene.relation === 'right of' || scene.relation === 'below' ? seenFromOther(scene) : scene;

function drawCaption(scene: Scene, random: Random): Turn {
  const kind = random.pick(['plain', 'plain', 'full', 'tag'] as const);
  return { question: CAPTION_PROMPTS[kind], answer: caption(scene, random.int(2 ** 31), kind).toLowerCase() };
}

/** Words before the pictures and, of a question, behind them, up to where the answer begins. */
export function promptIds(tokenizer: TextTokenizer, question: string): { before: number[]; words: number[] } {
  const ids = (text: string): number[] => [...tokenizer.encode(text, maxAnswerLength).ids];
  return { before: ids('user:').slice(0, -1), words: ids(`${question} assistant:`).slice(1, -1) };
}

/** Words that only a look at the pictures tells, in the loss for more than those that follow from the words before them. */
const FACTS = [...NOUN_NAMES, 'yes no left right above below'].join(' ');
export const FACT_WEIGHT = 2;

/**
 * Conversations as the graph's inputs: before [B,M], words [B,L], targets [B,L,vocabulary], of which only the answers' count, and bias
 * [B,1,M+K+L,M+K+L] with K the tokens of a text's pictures. Turns share the pictures and do not see each other, as an answer that
 * stands in an earlier one would be read there. From the first that has no room on they are left out, but never the first of all,
 * which is cut.
 */
export function conversationFeeds(
  tokenizer: TextTokenizer,
  conversations: readonly (readonly Turn[])[],
  { length, vocabulary, pictures }: { readonly length: number; readonly vocabulary: number; readonly pictures: number },
): Record<string, Tensor> {
  const rows = conversations.length;
  const { before } = promptIds(tokenizer, '');
  const words = new Int32Array(rows * length).fill(tokenizer.padId);
  const targets = new Float32Array(rows * length * vocabulary);
  const facts = new Set(tokenizer.encode(FACTS, 512).ids.slice(1, -1));
  const starts = conversations.map((turns, row) => {
    const begun = [0];
    let end = 0;
    for (const { question, answer } of turns) {
      const asked = promptIds(tokenizer, question);
      const said = [...tokenizer.encode(answer, maxAnswerLength).ids].slice(1); // with <eos>
      const turn = [...asked.words, ...said];
      if (end > 0 && end + turn.length > length) break;
      words.set(turn.slice(0, length), row * length + end);
      end += turn.length;
      begun.push(end);
      for (let at = end - said.length; at < Math.min(end, length + 1); at++) {
        const word = turn[at - end + turn.length]!;
        targets[(row * length + at - 1) * vocabulary + word] = facts.has(word) ? FACT_WEIGHT : 1;
      }
    }
    return begun; // the last of them is padding
  });
  return {
    before: int32Tensor(conversations.flatMap(() => before), [rows, before.length]), // prettier-ignore
    words: { dtype: 'int32', shape: [rows, length], data: words },
    targets: tensor(targets, [rows, length, vocabulary]),
    bias: turnsApart(starts, { shared: before.length + pictures, length }),
  };
}

/**
 * Bias [B,1,N,N] by which positions see what all share, and of the rest those of their own turn, up to themselves.
 * @param starts of each text's turns, behind what is shared
 */
function turnsApart(
  starts: readonly (readonly number[])[],
  { shared, length }: { readonly shared: number; readonly length: number },
): Tensor {
  const all = shared + length;
  const bias = new Float32Array(starts.length * all * all).fill(MASKED);
  starts.forEach((own, row) => {
    for (let at = 0; at < all; at++) {
      const line = (row * all + at) * all;
      const from = at < shared ? 0 : shared + own.findLast((start) => shared + start <= at)!;
      bias.fill(0, line, line + Math.min(shared, at + 1)).fill(0, line + from, line + at + 1);
    }
  });
  return tensor(bias, [starts.length, 1, all, all]);
}
