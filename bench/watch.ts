// `npm run bench:watch`: a folder with 1,000 prompt files in it at once is watched until all are done; tells how long that took and whether
// each has its clip, none twice. Options: --files 1000. Renders a model that is made here, in one step.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { start } from '../tests/cli/program.ts';
import { writeTinyModel } from '../tests/jobs/tiny-model.ts';

const { values } = parseArgs({ options: { files: { type: 'string', default: '1000' } } });
const files = Number(values.files);
const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-watch-'));
await writeTinyModel(join(folder, 'models', 'tiny'));
const inbox = join(folder, 'inbox');
await mkdir(inbox);
const small = { model: 'tiny', steps: 1, width: 32, height: 32, frames: 1 };
for (let seed = 0; seed < files; seed++)
  await writeFile(join(inbox, `wish ${seed} é.json`), JSON.stringify({ prompt: 'a cat', seed, ...small }));

const namesIn = (place: string): Promise<string[]> => readdir(join(inbox, place)).catch(() => []);
const began = performance.now();
const watcher = start(folder, ['watch', inbox]);
let failed: readonly string[] = [];
let clips: readonly string[] = [];
while (clips.length + failed.length < files && watcher.process.exitCode === null) {
  await sleep(1000);
  clips = (await namesIn('done')).filter((name) => name.endsWith('.mp4'));
  failed = await namesIn('failed');
}
const seconds = (performance.now() - began) / 1000;
await sleep(2000); // for the last file to move, and for any clip too many
clips = (await namesIn('done')).filter((name) => name.endsWith('.mp4'));
watcher.process.kill('SIGINT');
await watcher.ended;
const left =
  (await readdir(inbox)).filter((name) => name.endsWith('.json')).length + (await namesIn('processing')).length;
console.log(
  `${files} files in ${Math.round(seconds)} s: ${clips.length} clips, ${failed.length} failed, ${left} left.`,
);
await rm(folder, { recursive: true, force: true });
process.exit(clips.length === files && failed.length === 0 && left === 0 ? 0 : 1);
