// What processes hold of memory, looked at often: private pages (RssAnon of /proc, Linux only) and pages of files that are in memory.
import { readdirSync, readFileSync } from 'node:fs';

export interface Held {
  readonly privateBytes: number;
  /** Pages of files, most of them mapped weights, which the system may drop. */
  readonly fileBytes: number;
}

/** This process and its engines, added up; ffmpeg and others are left out. */
export function heldByRender(): Held {
  const pids = [process.pid, ...childrenOf(process.pid).filter(isEngine)];
  return pids.map(heldBy).reduce((sum, one) => ({
    privateBytes: sum.privateBytes + one.privateBytes,
    fileBytes: sum.fileBytes + one.fileBytes,
  }));
}

const NONE: Held = { privateBytes: 0, fileBytes: 0 };

function heldBy(pid: number): Held {
  const status = textOf(`/proc/${pid}/status`);
  const bytes = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return status === '' ? NONE : { privateBytes: bytes('RssAnon'), fileBytes: bytes('RssFile') };
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) => textOf(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));
}

const isEngine = (pid: number): boolean => textOf(`/proc/${pid}/cmdline`).includes('child-main');

/** Empty for a process that has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
