// A folder of a test's own that vanishes with it, and settings that keep the test's files in it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import type { Settings } from '../../jobs/settings.ts';

async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tessera-test-'));
}

/** For one test. */
export async function scratch(): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** For all tests of a file: call it in beforeAll or at the top. */
export async function sharedScratch(): Promise<string> {
  const folder = await makeFolder();
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function settingsIn(folder: string): Settings {
  return {
    modelFolders: [join(folder, 'models')],
    cacheFolder: join(folder, 'cache'),
    dataFolder: join(folder, 'data'),
    threads: 1,
  };
}
