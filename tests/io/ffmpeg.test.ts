import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { availableEncoders, findFfmpeg } from '../../io/ffmpeg.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-ffmpeg-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('programs are found without a setting, and can write what we need', async () => {
  const tools = await findFfmpeg();
  for (const program of [tools.ffmpeg, tools.ffprobe]) {
    expect(['path', 'package']).toContain(program.source);
    expect(program.version).toMatch(/\S+/);
  }
  const encoders = await availableEncoders(tools);
  for (const name of ['libx264', 'libvpx-vp9', 'gif', 'ffv1', 'png']) expect(encoders).toContain(name);
});

test('a setting comes first', async () => {
  const { ffmpeg } = await findFfmpeg();
  const own = join(folder, 'my ffmpeg');
  await copyFile(ffmpeg.path, own).catch(() => writeFile(own, `#!/bin/sh\nexec ffmpeg "$@"\n`));
  await chmod(own, 0o755);
  const found = await findFfmpeg({ ffmpeg: own, ffprobe: '' });
  expect(found.ffmpeg).toEqual({ path: own, version: ffmpeg.version, source: 'setting' });
  expect(found.ffprobe.source).not.toBe('setting');
});

test('a setting that does not run is an error, not passed over', async () => {
  const fake = join(folder, 'fake');
  await writeFile(fake, '#!/bin/sh\necho hello\n');
  await chmod(fake, 0o755);
  for (const ffmpeg of [join(folder, 'nothing'), folder, fake]) {
    const failed = findFfmpeg({ ffmpeg });
    await expect(failed).rejects.toThrow(InvalidRequestError);
    await expect(failed).rejects.toThrow(
      /The ffmpeg that was set, .*, does not run: .* Correct the setting or remove it/,
    );
  }
});
