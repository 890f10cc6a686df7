// The three samplers on the same noise: how far each is from many steps, at few. Usage: tsx examples/compare-samplers.ts [model]
import { initialNoise, localEngine, loadModel, Pipeline, resolveRequest, sampleLatents } from '../index.ts';
import { createScheduler, samplerConfig, samplerNames } from '../index.ts';

const [name = 'nano'] = process.argv.slice(2);
const model = await loadModel(name);
const engine = localEngine();
const pipeline = new Pipeline(model, engine);
const [render] = resolveRequest({ prompt: 'a cat jumps on a meadow', frames: 5 }, model);
const { velocity } = await pipeline.velocity(render!, await pipeline.conditions(render!));
const noise = initialNoise(
  1,
  pipeline.latentShape(render!).reduce((product, extent) => product * extent),
);

const sample = (sampler: (typeof samplerNames)[number], steps: number) =>
  sampleLatents({
    velocity,
    scheduler: createScheduler(samplerConfig(sampler, render!.shift), { steps }),
    from: noise,
  });

const exact = await sample('euler', 60);
for (const sampler of samplerNames) {
  const errors = (await sample(sampler, 8)).map((value, i) => (value - exact[i]!) ** 2);
  const rms = Math.sqrt(errors.reduce((sum, error) => sum + error) / errors.length);
  console.log(`${sampler.padEnd(6)} 8 steps: ${rms.toFixed(4)} from 60 steps of euler`);
}
await engine.close();
