// `tessera eval --retrieval`: among unseen clips of the world, how often a plain caption finds its own clip by nano's towers, first
// or among the first ten. Through the path of search: sampled pictures, one vector for each.
import { localEngine } from '../graph/engine.ts';
import { openTowerSpace } from '../understanding/tower-space.ts';
import { sceneSamples } from './evaluate-captioner.ts';
import { share, type Share } from './scores/summary.ts';
import { loadAtlas } from './world/atlas.ts';
import { describe } from './world/captions.ts';
import { fullWorld, sampleScene } from './world/scene.ts';
import { STYLES } from './world/vocabulary.ts';

export interface RetrievalEvaluation {
  readonly clips: number;
  readonly recall1: Share;
  readonly recall10: Share;
}

export interface RetrievalOptions {
  readonly clips: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
}

/** Scenes whose plain captions name their things. */
export function captionedScenes(clips: number) {
  const drawn = Array.from({ length: 2 * clips + 8 }, (_, i) => {
    const scene = sampleScene(8_000_000 + i, { ...fullWorld, holdOut: 'heldout' });
    return { scene, ...describe(scene, i, 'plain') };
  });
  return drawn.filter(({ hypernym }) => !hypernym).slice(0, clips);
}

/** @throws ModelFileError when the model has no towers, the signal's reason */
export async function evaluateRetrieval(model: string, options: RetrievalOptions): Promise<RetrievalEvaluation> {
  const engine = localEngine();
  try {
    const space = await openTowerSpace(engine, model, 'towers');
    const atlas = await loadAtlas(STYLES);
    const [sentences, clips]: Float32Array[][] = [[], []];
    const scenes = captionedScenes(options.clips);
    for (const { scene, text } of scenes) {
      options.signal?.throwIfAborted();
      sentences!.push(await space.ofText(text));
      clips!.push(await space.ofMoment({ samples: sceneSamples(scene, atlas, space.longestSide) }));
      options.onProgress?.(clips!.length, scenes.length);
    }
    const ranks = sentences!.map((sentence, own) => rankOf(sentence, clips!, own));
    const within = (most: number): Share => share(ranks.map((rank) => rank < most));
    return { clips: scenes.length, recall1: within(1), recall10: within(10) };
  } finally {
    await engine.close();
  }
}

function rankOf(sentence: Float32Array, clips: readonly Float32Array[], own: number): number {
  const scores = clips.map((clip) => clip.reduce((sum, value, i) => sum + value * sentence[i]!, 0));
  return scores.filter((score) => score > scores[own]!).length;
}
