// `npm run bench:queue`: what the queue itself costs on each store, without rendering: jobs accepted and taken in a second, the
// time a worker spends on a job whose clips are there already, and the memory that 10,000 waiting jobs take.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { jobPreparer } from '../jobs/prepare-job.ts';
import { Queue } from '../jobs/queue.ts';
import { Worker } from '../jobs/worker.ts';
import { startStore, storeKinds, type StoreKind } from '../tests/jobs/stores.ts';
import { writeTinyModel } from '../tests/jobs/tiny-model.ts';

const { values } = parseArgs({
  options: { waiting: { type: 'string', default: '10000' }, rendered: { type: 'string', default: '20' } },
});
const [waiting, rendered] = [Number(values.waiting), Number(values.rendered)];
const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-queue-'));
const models = join(folder, 'models');
await writeTinyModel(join(models, 'tiny'));

const megabytes = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
};

console.log('store      accepted/s   ms a job   MB before   MB with all waiting');
for (const kind of storeKinds) {
  const [accepted, overhead, before, after] = await measure(kind);
  const cells = [accepted!.toFixed(0).padStart(10), overhead!.toFixed(0).padStart(10), before!.toFixed(0).padStart(11)];
  console.log(`${kind.padEnd(10)} ${cells.join(' ')} ${after!.toFixed(0).padStart(21)}`);
}
await rm(folder, { recursive: true, force: true });
process.exit(0);

async function measure(kind: StoreKind): Promise<readonly number[]> {
  const place = join(folder, kind);
  await mkdir(place);
  const store = await startStore(kind);
  const settings = {
    modelFolders: [models],
    cacheFolder: join(place, 'cache'),
    dataFolder: join(place, 'data'),
    threads: 1,
    ...(store.queue !== undefined && { queue: store.queue }),
  };
  const queue = await Queue.open(settings);
  const request = { prompt: 'a cat', model: 'tiny', steps: 1, width: 32, height: 32, frames: 1 } as const;
  const submit = (seed: number) => queue.submit({ ...request, seed, output: join(place, `${seed}.mp4`) });

  // The worker's time for a job less the render's own.
  for (let seed = 0; seed < rendered; seed++) await submit(seed);
  const start = performance.now();
  const inRender: number[] = [];
  const worker = await Worker.start({
    settings,
    until: 'drained',
    onEvent: (event) => {
      const result = event.kind === 'done' ? event.job.result : undefined;
      if (result && 'milliseconds' in result)
        inRender.push(Object.values(result.milliseconds).reduce((sum, ms) => sum + ms, 0));
    },
  });
  await worker.ended;
  const overhead = (performance.now() - start - inRender.reduce((sum, ms) => sum + ms, 0)) / rendered;

  const before = megabytes();
  const prepared = await jobPreparer(settings)({ ...request, output: join(place, 'x.mp4') });
  const from = performance.now();
  for (let i = 0; i < waiting; i++) await queue.submitPrepared({ ...prepared, id: `clip-${i}` });
  const accepted = waiting / ((performance.now() - from) / 1000);
  const after = megabytes();
  await queue.close();
  await store.close();
  return [accepted, overhead, before, after];
}
