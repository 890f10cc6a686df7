// The process that encodes scenes ahead of a training: node encode-ahead-main.js <stage> <model folder> <run folder>. It takes what the
// others leave of the cores, and ends with its parent.
import { constants, setPriority } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { transformerStages } from './curriculum.ts';
import type { TransformerStage } from './curriculum.ts';
import { openStageLatents } from './stage-latents.ts';
import { worldOf } from './transformer.ts';
import type { TransformerRecipe } from './transformer.ts';
import { sampleScene } from './world/scene.ts';

/** All buckets are served alike: so many parts of each, in turns. */
const PARTS = 20;
const AT_A_TIME = 4;

process.on('disconnect', () => process.exit());
setPriority(constants.priority.PRIORITY_LOW);
const [stage, model, run] = process.argv.slice(2) as [TransformerStage, string, string];
const recipe: TransformerRecipe = transformerStages[stage];
const { latents } = await openStageLatents(recipe, { model, run, keep: 0, threads: 1 });
for (let part = 0; part < PARTS; part++) {
  for (const bucket of recipe.buckets) {
    const world = { ...worldOf(recipe, bucket), holdOut: 'train' } as const;
    const [from, to] = [part, part + 1].map((end) => Math.floor((end * (bucket.scenes ?? recipe.scenes)) / PARTS));
    for (let seed = from!; seed < to!; seed += AT_A_TIME) {
      const count = Math.min(AT_A_TIME, to! - seed);
      await latents(Array.from({ length: count }, (_, i) => sampleScene(seed + i, world)), bucket); // prettier-ignore
      await setImmediate(); // lets the news in that the parent is gone
    }
  }
}
process.exit();
