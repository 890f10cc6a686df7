// `npm start`: builds where that is needed and runs the built program, whose child processes and assets are plain JavaScript.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { scratch, settingsIn } from '../jobs/scratch.ts';
import { generate } from '../../jobs/generate.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';

const start = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));

describe('npm start', { timeout: 300_000 }, () => {
  it('renders the same bytes as the sources, relative to where it was called', async () => {
    const folder = await scratch();
    await writeTinyModel(join(folder, 'models', 'tiny'));
    const environment = {
      ...process.env,
      INIT_CWD: folder,
      TESSERA_MODELS: join(folder, 'models'),
      TESSERA_CACHE: join(folder, 'cache'),
      TESSERA_THREADS: '1',
    };
    const args = [start, 'generate', 'a cat', '--model', 'tiny', '-o', 'built.mp4', '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment });
    const built = JSON.parse(stdout) as { path: string; sha256: string };
    expect(built.path).toBe(join(folder, 'built.mp4'));
    const request = { prompt: 'a cat', model: 'tiny', output: join(folder, 'source.mp4') };
    const { clips } = await generate(request, { engine: 'local', settings: settingsIn(folder) });
    expect(clips[0]!.sha256).toBe(built.sha256);
  });

  it('passes arguments and exit codes on', async () => {
    const refused = promisify(execFile)(process.execPath, [start, 'generate', ' ']);
    await expect(refused).rejects.toMatchObject({ code: 2 });
  });
});
