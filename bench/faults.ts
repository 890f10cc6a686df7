// `npm run bench:faults`: processes are killed at random moments under a queue at work, on each store. Afterwards every job has
// ended exactly once, its clip has the bytes of a render that nothing disturbed, and nothing else lies in the folder.
// Options: --store embedded|redis|postgres (all), --jobs 100, --kills 50, --seed 1, --model tiny|nano (tiny, which is made here).
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generate } from '../jobs/generate.ts';
import { Queue } from '../jobs/queue.ts';
import type { Settings } from '../jobs/settings.ts';
import { checksum } from '../jobs/sidecar.ts';
import { Studio } from '../jobs/studio.ts';
import { type Running, start } from '../tests/cli/program.ts';
import { hostsOf } from '../tests/jobs/processes.ts';
import { startStore, storeKinds, type StoreKind } from '../tests/jobs/stores.ts';
import { writeTinyModel } from '../tests/jobs/tiny-model.ts';
import { caption } from '../training/world/captions.ts';
import { randomOf } from '../training/world/random.ts';
import { fullWorld, sampleScene } from '../training/world/scene.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    jobs: { type: 'string', default: '100' },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    model: { type: 'string', default: 'tiny' },
  },
});
const [jobs, kills] = [Number(values.jobs), Number(values.kills)];
/** Nano's own settings; of the tiny model, long enough to be met between two saves of its latents. */
const shape = values.model === 'tiny' ? { steps: 300, width: 64, height: 64, frames: 9 } : {};
const requestOf = (seed: number) => {
  const prompt = caption(sampleScene(seed, fullWorld), seed, 'plain');
  return { prompt, model: values.model, seed, ...shape };
};
const commands = [
  ['worker', '--lost-after', '6'],
  ['worker', '--lost-after', '6'],
  ['serve', '--port', '0', '--workers', '0'],
];

const folder = await mkdtemp(join(tmpdir(), 'tessera-faults-'));
/** Commands find the models that ship with Tessera by themselves. */
const models = [join(folder, 'models'), fileURLToPath(new URL('../models', import.meta.url))];
await writeTinyModel(join(models[0]!, 'tiny'));
const settingsOf = (place: string): Settings => ({
  modelFolders: models,
  cacheFolder: join(place, 'cache'),
  dataFolder: join(place, 'data'),
  threads: 1,
});

console.log(`${jobs} jobs, ${kills} kills, seed ${values.seed}; each clip is compared with an undisturbed render.`);
const expected = await undisturbed();
let isWhole = true;
for (const kind of storeKinds)
  if ([undefined, kind].includes(values.store as StoreKind)) isWhole &&= await disturb(kind);
await rm(folder, { recursive: true, force: true });
process.exit(isWhole ? 0 : 1);

async function undisturbed(): Promise<readonly (string | undefined)[]> {
  const studio = new Studio(settingsOf(join(folder, 'alone')));
  await mkdir(join(folder, 'alone'));
  const sums: (string | undefined)[] = [];
  for (let seed = 0; seed < jobs; seed++) {
    const { clips } = await generate({ ...requestOf(seed), output: join(folder, 'alone', `${seed}.mp4`) }, { studio });
    sums.push(clips[0]!.sha256);
  }
  await studio.close();
  return sums;
}

/** Kills and restarts; tells whether nothing was lost, done twice or left behind. */
async function disturb(kind: StoreKind): Promise<boolean> {
  const place = join(folder, kind);
  const clips = join(place, 'clips');
  await mkdir(clips, { recursive: true });
  const store = await startStore(kind);
  const settings = { ...settingsOf(place), ...(store.queue !== undefined && { queue: store.queue }) };
  const environment = { TESSERA_MODELS: models[0]!, TESSERA_QUEUE: store.queue ?? '' };
  const begin = (args: readonly string[]): Running => start(place, args, environment);
  const queue = await Queue.open(settings);
  const ids: string[] = [];
  for (let seed = 0; seed < jobs; seed++)
    ids.push((await queue.submit({ ...requestOf(seed), output: join(clips, `${seed}.mp4`) })).job.id);

  const random = randomOf(Number(values.seed), storeKinds.indexOf(kind));
  const began = performance.now();
  const running = commands.map(begin);
  const killed = { worker: 0, server: 0, host: 0 };
  for (let kill = 0; kill < kills; kill++) {
    await sleep(1000 * random.range(0.1, 2.5));
    await queue.need(ids[0]!); // somebody always asks, so a host that was killed is soon followed by one that can be
    const hosts = hostsOf(settings.dataFolder);
    const which = random.int(running.length + Number(hosts.length > 0));
    if (which === running.length) {
      hosts.forEach((pid) => process.kill(pid, 'SIGKILL'));
      killed.host++;
      continue;
    }
    running[which]!.process.kill('SIGKILL');
    running[which] = begin(commands[which]!);
    killed[commands[which]![0] === 'worker' ? 'worker' : 'server']++;
  }
  for (const id of ids) await queue.wait(id);
  const seconds = (performance.now() - began) / 1000;
  for (const { process: child } of running) child.kill('SIGTERM');

  const found = { lost: 0, twice: 0, different: 0, strays: 0 };
  for (const [seed, id] of ids.entries()) {
    if ((await queue.need(id)).state !== 'done') found.lost++;
    if ((await queue.logs(id)).filter((line) => line.includes(' Done: ')).length > 1) found.twice++;
    const sum = await checksum(join(clips, `${seed}.mp4`)).catch(() => undefined);
    if (sum !== expected[seed]) found.different++;
  }
  found.strays = (await readdir(clips)).filter((name) => !/^\d+\.(mp4|json)$/.test(name)).length;
  await queue.close();
  await store.close();
  console.log(`${kind}: ${JSON.stringify({ seconds: Math.round(seconds), killed, ...found })}`);
  return Object.values(found).every((count) => count === 0);
}
