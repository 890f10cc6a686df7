// Where graphs run. A device that works gives the CPU's pictures, one that does not is replaced by the CPU with a line. Chromium
// brings a Vulkan driver in software, on which WebGPU really runs; where it or Vulkan is missing, the fallback is what is tested.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { findLibrary } from '../../scripts/stores.mjs';
import { chooseDevice } from '../../jobs/device.ts';
import { loadPicture } from '../../io/pictures.ts';
import { generate } from '../../jobs/generate.ts';
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
