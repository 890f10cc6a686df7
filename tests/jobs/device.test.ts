// Where graphs run. A device that works gives the CPU's pictures, one that does not is replaced by the CPU with a line. Chromium
// brings a Vulkan driver in software, on which WebGPU really runs; where it or Vulkan is missing, the fallback is what is tested.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { findLibrary } from '../../scripts/stores.mjs';
import { chooseDevice } from '../../jobs/device.ts';
import { loadPicture } from '../../io/pictures.ts';
import { generate } from '../../jobs/generate.ts';
import type { Progress } from '../../jobs/progress.ts';
import { enginesOf } from './processes.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
const canRun = existsSync(driver) && findLibrary('libvulkan.so.1') !== undefined;

beforeAll(async () => {
  if (canRun) process.env['VK_ICD_FILENAMES'] ??= driver;
  await writeTinyModel(join(folder, 'models', 'tiny'));
});

it('replaces a device that does not work by the CPU, and says so', { timeout: 300_000 }, async () => {
  const { device, notice } = await chooseDevice('cuda', 1);
  if (device === 'cpu') expect(notice).toMatch(/^cuda does not work here \(.+\), so this runs on the CPU\.$/);
  else expect(notice).toBeUndefined();
});

it('shows the same on WebGPU, or goes on on the CPU', { timeout: 600_000 }, async () => {
  const render = async (device: 'cpu' | 'webgpu') => {
    const output = join(folder, `${device}-%d.png`);
    const request = { prompt: 'a cat', model: 'tiny', frames: 1, steps: 2, output };
    const { notices } = await generate(request, { settings: { ...settings, device } });
    return { notices, picture: await loadPicture(join(folder, `${device}-1.png`)) };
  };
  const [cpu, webgpu] = [await render('cpu'), await render('webgpu')];
  const works = !webgpu.notices.some((notice) => notice.startsWith('webgpu does not work here'));
  expect(works || !canRun).toBe(true);
  const differences = webgpu.picture.data.map((value, i) => Math.abs(value - cpu.picture.data[i]!));
  expect(Math.max(...differences)).toBeLessThanOrEqual(2); // of rounding
});

it('goes on on the CPU, with one line, where a device opens a graph and then has no memory for it', () => {
  const program = fileURLToPath(new URL('../graph/refusing-device.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', loader, program], { encoding: 'utf8' });
  expect(stdout).toBe('true\ntrue\n');
  const lines = stderr.split('\n').filter((line) => line.startsWith('webgpu failed, so this goes on on the CPU: '));
  expect(lines).toEqual([expect.stringContaining(canRun ? 'could not run the graph' : 'could not open the model')]);
}, 600_000);

it('begins anew on the CPU where the driver ends the process in the middle', { timeout: 600_000 }, async () => {
  const request = { prompt: 'a cat', model: 'tiny', frames: 1, steps: 3, seed: 4 };
  const render = async (name: string, device: 'cpu' | 'webgpu', onProgress?: (progress: Progress) => void) => {
    const run = { settings: { ...settings, device }, ...(onProgress && { onProgress }) };
    const { notices } = await generate({ ...request, output: join(folder, `${name}-%d.png`) }, run);
    return { notices, picture: await loadPicture(join(folder, `${name}-1.png`)) };
  };
  let crashes = 1;
  const crashed = render('crashed', 'webgpu', ({ stage, step }) => {
    if (stage === 'steps' && step === 1 && crashes-- > 0)
      for (const pid of enginesOf(process.pid)) process.kill(pid, 'SIGSEGV');
  });
  if (!canRun) return expect(crashed).rejects.toMatchObject({ code: 'ENGINE_DIED' }); // it was the CPU
  const { notices, picture } = await crashed;
  expect(notices.join()).toMatch(
    /^webgpu failed in the middle of the render, which begins anew on the CPU\. .*was ended by SIGSEGV/,
  );
  expect(picture.data).toEqual((await render('whole', 'cpu')).picture.data);
});
