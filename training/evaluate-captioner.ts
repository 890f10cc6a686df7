// `tessera eval --captioner`: what nano's captioner says of unseen clips of the world, and how it answers questions about them,
// against what is in them. It is shown moments with pictures, as it is of any video.
import { join } from 'node:path';
import { localEngine } from '../graph/engine.ts';
import { framesOf } from '../io/frames.ts';
import type { Sample } from '../understanding/captioner.ts';
import { type LlavaReader, openLlavaFolder, openLlavaReader } from '../understanding/llava-reader.ts';
import { motionIn, nounsIn, placeIn } from './scores/said.ts';
import { share, type Share } from './scores/summary.ts';
import { loadAtlas } from './world/atlas.ts';
import type { Atlas } from './world/atlas.ts';
import { askAbout, CAPTION_PROMPTS, type Question, type QuestionKind } from './world/questions.ts';
import { renderScene } from './world/render.ts';
import { fullWorld, sampleScene } from './world/scene.ts';
import type { Scene } from './world/scene.ts';
import { STYLES } from './world/vocabulary.ts';

/** The kinds of questions that the target is about. */
const held: readonly QuestionKind[] = ['noun', 'count', 'place', 'motion', 'relation'];
const others: readonly QuestionKind[] = ['presence', 'sky', 'weather', 'camera', 'style'];

export interface CaptionerEvaluation {
  readonly clips: number;
  /** Of captions: see `judge`. */
  readonly noun: Share;
  readonly motion: Share;
  readonly place: Share;
  readonly noSecond: Share;
  readonly both: Share;
  /** Answers to questions about noun, count, place, motion and relation. */
  readonly answers: Share;
  readonly byKind: Readonly<Record<string, Share>>;
  readonly each: readonly { readonly caption: string; readonly scene: Scene }[];
}

export interface CaptionerEvaluationOptions {
  readonly clips: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
}

/** Nine pictures of a clip, as they would be sampled from two seconds of video. */
export function sceneSamples(scene: Scene, atlas: Atlas, edge: number): readonly Sample[] {
  const frames = renderScene(scene, atlas, { frames: 9, width: edge, height: edge });
  const size = edge * edge * 3;
  return Array.from({ length: 9 }, (_, i) => ({
    seconds: i / 4,
    shot: 0,
    picture: framesOf(frames.subarray(i * size, (i + 1) * size), 1, edge, edge),
  }));
}

/** @throws ModelFileError when the model has no captioner, the signal's reason */
export async function evaluateCaptioner(
  model: string,
  options: CaptionerEvaluationOptions,
): Promise<CaptionerEvaluation> {
  const engine = localEngine(options.threads === undefined ? {} : { threads: options.threads });
  try {
    const reader = await openLlavaReader(engine, await openLlavaFolder(join(model, 'captioner')));
    return await evaluateReader(reader, await loadAtlas(STYLES), options);
  } finally {
    await engine.close();
  }
}

/** Scores a captioner that is open. */
export async function evaluateReader(
  reader: LlavaReader,
  atlas: Atlas,
  { clips, signal, onProgress }: CaptionerEvaluationOptions,
): Promise<CaptionerEvaluation> {
  const verdicts: ReturnType<typeof judge>[] = [];
  const answered = new Map<string, boolean[]>();
  const each: { caption: string; scene: Scene }[] = [];
  for (let i = 0; i < clips; i++) {
    signal?.throwIfAborted();
    const scene = sampleScene(9_000_000 + i, { ...fullWorld, holdOut: 'heldout' });
    const asked = [...held, ...others].map((kind) => askAbout(scene, kind, i)).filter((one) => one !== undefined);
    const questions = [CAPTION_PROMPTS.plain, ...asked.map(({ question }) => question)];
    const [caption = '', ...said] = await reader.answers({ samples: sceneSamples(scene, atlas, reader.edge) }, questions, signal); // prettier-ignore
    verdicts.push(judge(scene, caption));
    asked.forEach((question, k) => {
      const list = answered.get(question.kind) ?? [];
      answered.set(question.kind, [...list, isRight(scene, question, said[k]!)]);
    });
    each.push({ caption, scene });
    onProgress?.(i + 1, clips);
  }
  const byKind = Object.fromEntries([...answered].map(([kind, list]) => [kind, share(list)]));
  return {
    clips,
    noun: share(verdicts.map(({ noun }) => noun)),
    motion: share(verdicts.map(({ motion }) => motion)),
    place: share(verdicts.map(({ place }) => place)),
    noSecond: share(verdicts.flatMap(({ noSecond }) => noSecond ?? [])),
    both: share(verdicts.flatMap(({ both }) => both ?? [])),
    answers: share(held.flatMap((kind) => answered.get(kind) ?? [])),
    byKind,
    each,
  };
}

/**
 * Whether a caption names an actor first, and its motion; the place; no second actor where there is one, and both where there are two.
 * Of two it may begin with either, as nothing in a clip tells which of them the scene has first.
 */
export function judge({ actors, place }: Scene, caption: string) {
  const nouns = nounsIn(caption);
  const named = actors.find(({ noun }) => noun === nouns[0]);
  return {
    noun: named !== undefined,
    motion: motionIn(caption) === (named ?? actors[0]!).motion,
    place: placeIn(caption) === place,
    noSecond: actors.length === 1 ? nouns.length <= 1 : undefined,
    both: actors.length === 2 ? actors.every(({ noun }) => nouns.includes(noun)) : undefined,
  };
}

const plainWords = (text: string): string => text.toLowerCase().replace(/[.!?]/g, '').trim();

function isRight({ actors }: Scene, { kind, answer }: Question, said: string): boolean {
  if (kind !== 'noun') return plainWords(said) === plainWords(answer);
  const nouns = nounsIn(said);
  return nouns.length === actors.length && actors.every(({ noun }) => nouns.includes(noun));
}
