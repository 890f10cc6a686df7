// Captions to text states for the transformer's training: batches through the frozen text tower, zero after each text's end,
// as the sampling path has them (conditioning/text-states.ts).
import { clipTextStates } from '../conditioning/clip-text.ts';
import type { ClipTextConfig } from '../conditioning/clip-text.ts';
import { wordMask } from '../conditioning/text-states.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { RuntimeSession } from '../graph/session.ts';
import { floats } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { maxTextLength, tokenBatch, worldTokenizer } from './words.ts';

/** Text states [B,maxTextLength,D] of captions and the mask [B,maxTextLength] of their words. */
export type PromptStates = (texts: readonly string[]) => Promise<{ readonly text: Tensor; readonly textMask: Tensor }>;

export function promptStates(config: ClipTextConfig, weights: Weights): PromptStates {
  const tokenizer = worldTokenizer();
  const sessions = new Map<number, RuntimeSession>();
  const sessionFor = async (batch: number): Promise<RuntimeSession> => {
    const open = sessions.get(batch);
    if (open !== undefined) return open;
    const ids = input('ids', [batch, maxTextLength], 'int32');
    const { lastHiddenState } = clipTextStates(parameterScope().parameters, config, ids);
    const session = await openRuntimeSession(compile({ outputs: { states: lastHiddenState }, weights }));
    sessions.set(batch, session);
    return session;
  };
  return async (texts) => {
    const { ids, lengths } = tokenBatch(tokenizer, texts, maxTextLength);
    const results = await (await sessionFor(texts.length)).run({ ids });
    const states = floats(results['states']!);
    const width = config.hiddenSize;
    lengths.forEach((length, row) => {
      states.fill(0, (row * maxTextLength + length) * width, (row + 1) * maxTextLength * width);
    });
    return { text: results['states']!, textMask: wordMask(results['states']!) };
  };
}
