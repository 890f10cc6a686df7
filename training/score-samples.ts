// What a model shows of prompts: samples a clip of each and scores it without a trained network. Knows no world that prompts come from.
import { type SampledModel, sampleClips, type SamplingOptions } from './sampling.ts';
import type { References } from './scores/references.ts';
import { type ClipScore, type SceneFacts, scoreClip } from './scores/score.ts';
import { writeSheet } from './sheet.ts';
import type { ClipSize } from './world/render.ts';

/** A prompt, and what its clip is to show. */
export interface ScoredPrompt {
  readonly prompt: string;
  readonly facts: SceneFacts;
}

export interface ScoringOptions extends SamplingOptions {
  readonly size: ClipSize;
  /** PNG to write with the first clips. */
  readonly sheet?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
  /** Called with the frames of each clip, in the order of the prompts, before it is scored. */
  readonly onClip?: (frames: Uint8Array) => void;
}

/** Clips on a sheet. */
const ON_SHEET = 20;

/** One score for each prompt; prompt i starts from the noise of seed i. @throws the signal's reason when aborted */
export async function scoreSamples(
  model: SampledModel,
  prompts: readonly ScoredPrompt[],
  references: References,
  options: ScoringOptions,
): Promise<readonly ClipScore[]> {
  const { size, sheet, signal, onProgress, onClip } = options;
  const scores: ClipScore[] = [];
  const shown: Uint8Array[] = [];
  const texts = prompts.map(({ prompt }) => prompt);
  for await (const clip of sampleClips(model, texts, size, options)) {
    signal?.throwIfAborted();
    onClip?.(clip);
    scores.push(scoreClip(clip, size, prompts[scores.length]!.facts, references));
    if (sheet !== undefined && shown.length < ON_SHEET) shown.push(clip);
    onProgress?.(scores.length, prompts.length);
  }
  if (sheet !== undefined) await writeSheet(sheet, shown, size);
  return scores;
}
