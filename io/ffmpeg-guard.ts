// Sees that ffmpeg does not outlive who started it. One that is fed by its starter, or writes to it, notices the end of the pipe; one
// that goes from file to file would work on for as long as its film takes, into a file that nobody waits for. A process that is killed
// can do nothing about it any more, so another one listens for its end.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Of the guard, which is Node without a file of its own: its input ends with whoever holds the other end, however they end. */
const listening = `
  const [pid] = process.argv.slice(-1);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined); // they come to the whole group
  process.stdin.resume().on('end', () => {
    try { process.kill(Number(pid), 'SIGKILL'); } catch { /* it has ended */ }
    process.exit();
  });
`;

/** Kills a process when this one has ended. @returns to be called when that process has ended */
export function guardProcess(pid: number): () => void {
  const guard = spawn(process.execPath, ['-e', listening, '--', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
  guard.on('error', () => undefined); // without a guard it is as it was
  guard.stdin.on('error', () => undefined);
  guard.unref();
  (guard.stdin as Socket).unref();
  return () => void guard.kill('SIGKILL');
}
