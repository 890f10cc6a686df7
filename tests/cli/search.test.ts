// `tessera index` and `tessera search` as people meet them: real processes, a film of plain colours.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BOAT, DOG, filmTeller } from '../jobs/film-teller.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeColours } from '../understanding/clips.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();

describe('tessera index and search', { timeout: 600_000 }, () => {
  it('find a shot by its words, as text, as JSON and as a page', async () => {
    await mkdir(join(folder, 'films'));
    await writeColours(join(folder, 'films', 'day.mp4'), [BOAT, DOG]);
    await writeFile(join(folder, 'films', 'broken.mp4'), 'nothing');
    const { captioner } = await filmTeller();
    const indexed = await tessera(folder, ['index', 'films', '--captioner', captioner]);
    expect(indexed.stdout).toMatch(/^failed {3}films\/broken\.mp4 .*\nindexed {2}films\/day\.mp4 {2}2 shots, took .*\n1 films? with 2 shots .*1 failed\.\n$/); // prettier-ignore
    expect(indexed.code).toBe(1);

    const opened = join(folder, 'opened');
    const opener = join(folder, 'bin', process.platform === 'darwin' ? 'open' : 'xdg-open');
    await mkdir(join(folder, 'bin'));
    await writeFile(opener, `#!/bin/sh\necho "$1" > "${opened}"\n`);
    await chmod(opener, 0o755);
    const PATH = [join(folder, 'bin'), process.env['PATH']].join(delimiter);
    const found = await tessera(folder, ['search', 'a dog in snow', '--limit', '1', '--open'], { PATH });
    expect(found.stdout).toBe('films/day.mp4  0:01.0–0:02.0  A dog runs in the snow.\n');
    const page = join(folder, 'cache', 'search.html');
    expect(found.stderr).toContain(page);
    expect(await readFile(page, 'utf8')).toMatch(/href="file:.*day\.mp4#t=1\.00"><img alt="" src="file:.*\.png">/);

    const json = await tessera(folder, ['search', 'a dog in snow', '--json']);
    const { hits } = JSON.parse(json.stdout) as { hits: { thumbnail: string }[] };
    expect(hits[0]).toMatchObject({ film: join(folder, 'films', 'day.mp4'), caption: 'A dog runs in the snow.' });
    expect((await readFile(hits[0]!.thumbnail)).subarray(1, 4).toString()).toBe('PNG');
  });

  it('end with 2 when they were asked wrongly', async () => {
    expect(await tessera(folder, ['search', '  '])).toMatchObject({ code: 2, stdout: '' });
    const refused = await tessera(folder, ['index', 'films', '--clip', 'nothing']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('there is no model of that name');
    expect((await tessera(folder, ['search', '--help'])).stdout).toContain('$ tessera search "a dog in the snow"');
  });

  it('stop on Ctrl-C, with 130', async () => {
    await writeColours(join(folder, 'films', 'long.mp4'), [DOG, BOAT, DOG, BOAT, DOG, BOAT]);
    const teller = await filmTeller();
    const running = start(folder, ['index', 'films/long.mp4', '--captioner', teller.captioner, '--concurrency', '1']);
    teller.onPicture = (number) => void (number === 2 && running.process.kill('SIGINT'));
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('goes on from there');
    expect(code).toBe(130);
  });
});
