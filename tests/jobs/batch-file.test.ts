import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBatchFile } from '../../jobs/batch-file.ts';
import { scratch } from './scratch.ts';

async function read(name: string, text: string) {
  const path = join(await scratch(), name);
  await writeFile(path, text);
  return readBatchFile(path);
}

describe('a batch file', () => {
  test('of lines of JSON is read with its line numbers, empty lines left out', async () => {
    const { rows, problems } = await read('a.jsonl', '{"prompt":"a cat"}\r\n\n{"prompt":"a dog","seed":7}\n');
    expect(rows).toEqual([
      { line: 1, request: { prompt: 'a cat' } },
      { line: 3, request: { prompt: 'a dog', seed: 7 } },
    ]);
    expect(problems).toEqual([]);
  });

  test('of a table takes its first row as field names, in any spelling, and leaves out empty cells', async () => {
    const table = '\uFEFFprompt,negative-prompt,Width,seed\n"a cat, asleep",,,random\na dog,blur,128,3\n';
    const { rows, problems } = await read('a.csv', table.replace('Width', 'width'));
    expect(problems).toEqual([]);
    expect(rows.map(({ request }) => request)).toEqual([
      { prompt: 'a cat, asleep', seed: 'random' },
      { prompt: 'a dog', negativePrompt: 'blur', width: 128, seed: 3 },
    ]);
  });

  test.each(['\n', '\r\n'])('of a table counts the lines that cells hold, which end in %j', async (end) => {
    const before = ['"prompt', '",negative-prompt', '"a cät', '', 'asleep",blur', ''];
    const whole = [...before, 'a dog,', '"a', 'bird",', ',no prompt', ''];
    const { problems, rows } = await read('a.csv', whole.join(end));
    expect(rows.map(({ line }) => line)).toEqual([3, 7, 8]);
    expect(problems.map(({ line }) => line)).toEqual([10]);
    for (const row of ['a dog,blur,3', '"a dog,', 'a "dog",']) {
      const [problem] = (await read('a.csv', [...before, row, 'a cat,', ''].join(end))).problems;
      expect(problem!.line).toBe(7);
      expect(problem!.message).not.toContain('line');
    }
  });

  test('of YAML is a list, or jobs with defaults', async () => {
    expect((await read('a.yaml', '- prompt: a cat\n- prompt: a dog\n  steps: 4\n')).rows).toEqual([
      { line: 1, request: { prompt: 'a cat' } },
      { line: 2, request: { prompt: 'a dog', steps: 4 } },
    ]);
    const { rows } = await read(
      'b.yml',
      'defaults: {steps: 9, fps: 8}\njobs:\n  - prompt: a cat\n  - {prompt: a dog, fps: 12}\n',
    );
    expect(rows.map(({ request }) => request)).toEqual([
      { prompt: 'a cat', steps: 9, fps: 8 },
      { prompt: 'a dog', steps: 9, fps: 12 },
    ]);
  });

  test('tells all that does not fit, by line and field', async () => {
    const { rows, problems } = await read(
      'a.jsonl',
      '{"prompt":"a cat","frames":2.5}\n{"prompt":"ok","output":"a.mp4"}\nnot json\n{"prompt":"","colour":1}\n{"prompt":"b","output":"a.mp4"}\n',
    );
    expect(rows).toHaveLength(2);
    expect(problems.map(({ line }) => line)).toEqual([1, 3, 4, 5]);
    expect(problems[0]!.message).toContain('frames (=2.5)');
    expect(problems[1]!.message).toContain('not json');
    expect(problems[2]!.message).toContain('colour');
    expect(problems[3]!.message).toContain('line 2');
  });

  test.each([
    [{ output: 'a.mp4' }, { output: './b/../a.mp4' }, 'a.mp4'],
    [{ output: 'a.mp4', clips: 2 }, { output: 'a-2.mp4' }, 'a-2.mp4'],
    [{ output: 'a-01.webm' }, { output: 'a.mp4', clips: 10 }, 'the record a-01.json'],
    [{ output: 'a.mp4' }, { output: 'a.webm' }, 'the record a.json'],
    [{ output: 'shot' }, { output: 'shot/%04d.png' }, '0001.png'],
  ])('refuses rows whose files meet: %j and %j', async (one, two, what) => {
    const asked = [one, { output: 'other.mp4' }, two].map((row) => JSON.stringify({ prompt: 'a cat', ...row }));
    const { problems } = await read('a.jsonl', asked.join('\n'));
    const message = `output (=${two.output}) writes ${what}, and so does line 1. Name another.`;
    expect(problems).toEqual([{ line: 3, message }]);
  });

  test('takes rows whose files only look alike', async () => {
    const outputs = ['a.mp4', 'b/a.mp4', 'a-1.mp4', 'a-3.webm', 'shot', 'shot/a.mp4'];
    const asked = outputs.map((output) => JSON.stringify({ prompt: 'a cat', output }));
    const several = JSON.stringify({ prompt: 'a cat', output: 'c.mp4', clips: 2 });
    expect((await read('a.jsonl', [...asked, several].join('\n'))).problems).toEqual([]);
  });

  test.each([
    ['a.csv', 'prompt,seed\n"a cat,1\n', 'row of the table'],
    ['a.yaml', 'jobs: [\n', 'YAML'],
    ['b.yaml', 'prompt: a cat\n', 'list of requests'],
    ['empty.jsonl', '\n', 'no row'],
  ])('%s that cannot be read tells why', async (name, text, why) => {
    const { rows, problems } = await read(name, text);
    expect(rows).toEqual([]);
    expect(problems[0]!.message).toContain(why);
  });

  test('of another kind, or missing, is refused', async () => {
    await expect(read('a.txt', 'a cat')).rejects.toThrow(/\.jsonl, \.csv/);
    await expect(readBatchFile(join(await scratch(), 'missing.csv'))).rejects.toThrow('cannot be read');
  });
});
