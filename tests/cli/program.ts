// Starts the real `tessera` process from its sources, with settings that keep its files in a folder of the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../jobs/until.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Waits for something that happens while the process runs. @throws with what it printed when it ends before */
  until<T>(what: string, look: () => Promise<T | false | undefined>): Promise<T>;
}

/** @param folder working folder, with models/ and cache/ in it */
export function start(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(
    process.execPath,
    ['--import', join(root, 'node_modules/tsx/dist/esm/index.mjs'), main, ...args],
    {
      cwd: folder,
      env: {
        ...process.env,
        TESSERA_MODELS: join(folder, 'models'),
        TESSERA_CACHE: join(folder, 'cache'),
        TESSERA_DATA: join(folder, 'data'),
        TESSERA_THREADS: '1',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  let isOver = false;
  void ended.then(() => (isOver = true));
  return {
    process: child,
    ended,
    until: (what, look) =>
      until(what, async () => {
        const wasOver = isOver;
        const found = await look();
        if (!wasOver || (found !== false && found !== undefined)) return found;
        throw new Error(`It ended before ${what}: ${args.join(' ')}\n${output.stdout}${output.stderr}`);
      }),
  };
}

export function tessera(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start(folder, args, environment).ended;
}
