// `tessera batch` as people meet it: real processes, a tiny model, kills in the middle.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratch, sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();
beforeAll(() => writeTinyModel(join(folder, 'models', 'tiny')));

const lines = (count: number, more: object = {}): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ prompt: `a cat ${i}`, model: 'tiny', ...more })).join('\n');
const clipsIn = async (name: string): Promise<string[]> =>
  (await readdir(join(folder, name)).catch(() => [])).filter((file) => file.endsWith('.mp4'));

describe('tessera batch', { timeout: 900_000 }, () => {
  it('refuses a file with the line and field of all that is wrong, and queues nothing', async () => {
    const rows = ['prompt,model,width', 'a cat,tiny,33', 'a dog,tiny,32', ',tiny,32', 'a cow,tiny,wide'];
    await writeFile(join(folder, 'wrong.csv'), rows.join('\n'));
    const { code, stderr, stdout } = await tessera(folder, ['batch', 'wrong.csv', '--json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.csv:2: width/);
    expect(stderr).toMatch(/wrong\.csv:4: prompt/);
    expect(stderr).toMatch(/wrong\.csv:5: width \(="wide"\)/);
    const { error } = JSON.parse(stdout) as { error: { problems: { line: number }[] } };
    expect(error.problems.map(({ line }) => line)).toEqual([2, 4, 5]);
    expect(JSON.parse((await tessera(folder, ['jobs', 'ls', '--json'])).stdout)).toEqual([]);
  });

  it('renders what is asked for, tells each row, and does only what is missing when asked again', async () => {
    await writeFile(
      join(folder, 'some.jsonl'),
      `${lines(3)}\n${JSON.stringify({ prompt: 'x', model: 'tiny', output: 'own.mp4' })}`,
    );
    const dry = await tessera(folder, ['batch', 'some.jsonl', '--dry-run', '--json']);
    expect(JSON.parse(dry.stdout)).toMatchObject({ jobs: 4, clips: 4, finished: 0 });
    const { code, stdout } = await tessera(folder, ['batch', 'some.jsonl', '--json']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { each: { line: number; state: string; request: { output: string } }[] };
    expect(result).toMatchObject({ jobs: 4, succeeded: 4, failed: 0 });
    expect(result.each.map(({ line, state }) => `${line} ${state}`)).toEqual(['1 done', '2 done', '3 done', '4 done']);
    expect(result.each[3]!.request.output).toBe(join(folder, 'own.mp4'));
    const clips = await clipsIn('some');
    expect(clips).toHaveLength(3);
    await rm(join(folder, 'some', clips[0]!));
    const again = await tessera(folder, ['batch', 'some.jsonl', '--dry-run', '--json']);
    const estimate = JSON.parse(again.stdout) as { finished: number; seconds: number; bytes: number };
    expect(estimate).toMatchObject({ jobs: 4, finished: 3 });
    expect(estimate.bytes).toBeGreaterThan(0);
    expect((await tessera(folder, ['batch', 'some.jsonl'])).stdout).toContain('4 of 4 rows done.');
    expect(await clipsIn('some')).toHaveLength(3);
  });

  it('that is killed twice ends with the bytes of one that was not', async () => {
    const text = lines(6, { steps: 60 });
    await writeFile(join(folder, 'killed.jsonl'), text);
    for (const clips of [1, 3]) {
      const running = start(folder, ['batch', 'killed.jsonl']);
      await running.until('clips are there', async () => (await clipsIn('killed')).length >= clips);
      running.process.kill('SIGKILL');
      await running.ended;
    }
    const ended = await tessera(folder, ['batch', 'killed.jsonl', '--json']);
    expect(JSON.parse(ended.stdout)).toMatchObject({ jobs: 6, succeeded: 6, failed: 0 });
    await writeFile(join(folder, 'whole.jsonl'), text);
    const other = { TESSERA_DATA: join(await scratch(), 'data') };
    expect((await tessera(folder, ['batch', 'whole.jsonl'], other)).code).toBe(0);
    const clips = await clipsIn('killed');
    expect(clips).toHaveLength(6);
    for (const clip of clips)
      expect(await readFile(join(folder, 'killed', clip))).toEqual(await readFile(join(folder, 'whole', clip)));
  });
});
