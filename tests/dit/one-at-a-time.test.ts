// Of two experts only the one that ran last is open.
import { expect, it } from 'vitest';
import type { Denoiser } from '../../dit/denoiser.ts';
import { oneAtATime } from '../../dit/one-at-a-time.ts';

it('closes one before it opens another, and opens nothing twice in a row', async () => {
  const log: string[] = [];
  const opener = (name: string) => (): Promise<Denoiser> => {
    log.push(`open ${name}`);
    return Promise.resolve({
      run: () => Promise.resolve([Float32Array.of(log.push(`run ${name}`))]),
      release: () => Promise.resolve(void log.push(`close ${name}`)),
    });
  };
  const [high, low] = await oneAtATime([opener('high'), opener('low')]);
  const run = (one: Denoiser | undefined) => one!.run(new Float32Array(1), new Float32Array(1), []);
  await run(high);
  await run(high);
  await run(low);
  await run(low);
  await high!.release();
  await low!.release();
  expect(log).toEqual([
    'open high',
    'run high',
    'run high',
    'close high',
    'open low',
    'run low',
    'run low',
    'close low',
  ]);
});
