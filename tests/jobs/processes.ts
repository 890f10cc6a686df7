// Processes that the program starts, for tests that kill or hold them. Read from /proc.
import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      parent: Number(read(`/proc/${name}/stat`).split(') ')[1]?.split(' ')[1]),
      command: read(`/proc/${name}/cmdline`),
    }));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** Processes that host the embedded store of a folder. */
export function hostsOf(dataFolder: string): readonly number[] {
  return processes()
    .filter(({ command }) => command.includes('embedded-host') && command.includes(dataFolder))
    .map(({ pid }) => pid);
}

/** Processes that a process has started to run graphs in, the latest first: earlier ones may still be ending. */
export function enginesOf(parent: number): readonly number[] {
  return childrenOf(parent, 'child-main');
}

/** Processes that a process has started with this word in their commands, the latest first. */
export function childrenOf(parent: number, word: string): readonly number[] {
  return processes()
    .filter((one) => one.parent === parent && one.command.includes(word))
    .map(({ pid }) => pid)
    .sort((a, b) => b - a);
}

/** One that has ended and is not yet waited for has no command any more. */
export const isRunning = (pid: number): boolean => read(`/proc/${pid}/cmdline`) !== '';

/** Stops a process without its knowing, until it is released. */
export function hold(pid: number): { release(): void } {
  process.kill(pid, 'SIGSTOP');
  return { release: () => process.kill(pid, 'SIGCONT') };
}
