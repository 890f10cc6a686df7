// tessera models pull, ls, info, verify, rm and generate on a model of the hub, as real processes against a local hub.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hubServer } from '../io/hub-server.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { filesOf } from './repository-files.ts';
import { tessera } from './program.ts';

const folder = await sharedScratch();

describe('tessera models', { timeout: 300_000 }, () => {
  it('pulls, lists, describes, verifies, renders and removes a model of the hub', async () => {
    const server = await hubServer({ files: await filesOf(await writeTinyModel(join(folder, 'tiny'))) });
    const environment = { HF_HOME: join(folder, 'hf'), HF_ENDPOINT: server.endpoint };
    const run = (...args: string[]) => tessera(folder, args, environment);

    const dry = await run('models', 'pull', 'someone/tiny', '--dry-run');
    expect(dry.stdout).toMatch(/transformer\/diffusion_pytorch_model\.safetensors +\S+ kB +\S+ kB to fetch/);
    expect((await run('models', 'info', 'someone/tiny')).code).toBe(2);
    const pulled = await run('models', 'pull', 'someone/tiny', '--json');
    expect(pulled.code).toBe(0);
    expect(JSON.parse(pulled.stdout)).toMatchObject({ id: 'someone/tiny', commit: server.commit });

    const off = (...args: string[]) => tessera(folder, args, { ...environment, HF_HUB_OFFLINE: '1', HF_ENDPOINT: '' });
    expect((await off('models', 'ls')).stdout).toMatch(/someone\/tiny +WanPipeline/);
    const info = await off('models', 'info', 'someone/tiny');
    expect(info.stdout).toContain('someone/tiny: Wan 2.2, text to video: 2 layers');
    expect((await off('models', 'verify', 'someone/tiny', '--all')).stdout).toContain('someone/tiny: ok');
    const made = await off('generate', 'a cat jumps', '--model', 'someone/tiny', '--steps', '1', '-o', 'cat.mp4');
    expect(made.stderr).not.toContain('bug');
    expect(made.stdout).toContain('cat.mp4');
    const removed = await off('models', 'rm', 'someone/tiny');
    expect(removed.stdout).toMatch(/someone\/tiny: \S+ kB freed/);
    const gone = await off('generate', 'a cat jumps', '--model', 'someone/tiny', '-o', 'cat2.mp4');
    expect(gone.stderr).toContain('Get it with: tessera models pull someone/tiny');
    expect(gone.code).toBe(2);
  });
});
