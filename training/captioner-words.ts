// What the captioner says in training: conversations about scenes as token ids, and which of their words are to be learned.
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { maxAnswerLength } from './captioner-recipe.ts';
import { caption } from './world/captions.ts';
import { askAbout, CAPTION_PROMPTS, questionKinds } from './world/questions.ts';
import type { Random } from './world/random.ts';
import type { Scene } from './world/scene.ts';
import { NOUN_NAMES } from './world/vocabulary.ts';

export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** Questions that the scene has an answer to, each kind once and in any order, and for a share of scenes a caption before them. */
export function drawConversation(scene: Scene, captions: number, random: Random): readonly Turn[] {
  const kinds = [...questionKinds];
  const turns: Turn[] = random.chance(captions) ? [drawCaption(scene, random)] : [];
  while (kinds.length > 0) {
    const [kind] = kinds.splice(random.int(kinds.length), 1);
    const asked = askAbout(scene, kind!, random.int(2 ** 31));
    if (asked !== undefined) turns.push(asked);
  }
  return turns;
}

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
export const FACT_WEIGHT = 4;

/**
 * Conversations as the graph's inputs: before [B,M], words [B,L], targets [B,L,vocabulary], of which only the answers' count. Turns
 * follow each other as LLaVA's do; from the first that has no room on they are left out, but never the first of all, which is cut.
 */
export function conversationFeeds(
  tokenizer: TextTokenizer,
  conversations: readonly (readonly Turn[])[],
  { length, vocabulary }: { readonly length: number; readonly vocabulary: number },
): Record<string, Tensor> {
  const rows = conversations.length;
  const { before } = promptIds(tokenizer, '');
  const words = new Int32Array(rows * length).fill(tokenizer.padId);
  const targets = new Float32Array(rows * length * vocabulary);
  const facts = new Set(tokenizer.encode(FACTS, 512).ids.slice(1, -1));
  conversations.forEach((turns, row) => {
    let end = 0;
    for (const { question, answer } of turns) {
      const asked = promptIds(tokenizer, question);
      const said = [...tokenizer.encode(answer, maxAnswerLength).ids].slice(1); // with <eos>
      const turn = [...(end === 0 ? [] : before.slice(1)), ...asked.words, ...said];
      if (end > 0 && end + turn.length > length) break;
      words.set(turn.slice(0, length), row * length + end);
      end += turn.length;
      for (let at = end - said.length; at < Math.min(end, length + 1); at++) {
        const word = turn[at - end + turn.length]!;
        targets[(row * length + at - 1) * vocabulary + word] = facts.has(word) ? FACT_WEIGHT : 1;
      }
    }
  });
  return {
    before: int32Tensor(conversations.flatMap(() => before), [rows, before.length]), // prettier-ignore
    words: { dtype: 'int32', shape: [rows, length], data: words },
    targets: tensor(targets, [rows, length, vocabulary]),
  };
}
