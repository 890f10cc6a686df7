// The child process that owns the sessions, started by child-engine.ts. It answers requests in the order in which they come
// and ends with its parent, in the middle of a run if need be. Its one argument is the first number for kept tensors.
import { writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { toRecord } from './child-protocol.ts';
import type { Numbered, Reply } from './child-protocol.ts';
import { KeptTensors, runKeeping } from './engine.ts';
import { ShapeError } from './errors.ts';
import { openRuntimeSession } from './session.ts';
import type { RuntimeSession } from './session.ts';

const tensors = new KeptTensors(Number(process.argv[2]));
const sessions = new Map<number, RuntimeSession>();

function sessionOf(number: number): RuntimeSession {
  const session = sessions.get(number);
  if (session === undefined) throw new ShapeError('The session was released.');
  return session;
}

async function answer(request: Numbered): Promise<unknown> {
  switch (request.kind) {
    case 'hello':
      return undefined;
    case 'open':
      sessions.set(request.id, await openRuntimeSession(request.graph, request.options));
      return request.id;
    case 'run':
      return runKeeping(sessionOf(request.session), tensors, request.feeds, { keep: request.keep, over: request.over });
    case 'release':
      await sessions.get(request.session)?.release();
      return void sessions.delete(request.session);
    case 'drop':
      return request.values.forEach((value) => tensors.drop(value));
  }
}

/** Copies of what a run kept are garbage as soon as they are made, and a large clip's are as large as all that it keeps. */
function collect(request: Numbered): void {
  if (request.kind === 'run' && request.keep.length > 0) globalThis.gc?.();
}

/** A run blocks the event loop, and with it the news that the parent is gone; a thread that looks once a second does not wait. */
function endWithParent(): void {
  const watch = `const parent = process.ppid;
    const gone = () => { try { return process.ppid !== parent || !process.kill(parent, 0); } catch { return true; } };
    setInterval(() => gone() && process.kill(process.pid, 'SIGKILL'), 1000);`;
  new Worker(watch, { eval: true, execArgv: [] }).unref();
  process.on('disconnect', () => process.exit());
}

/** Where memory runs out, Linux should end this process and not the parent, which can tell the user why. */
function volunteerForMemory(): void {
  try {
    if (process.platform === 'linux') writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // Some containers forbid it; the kernel then chooses by size, which is most often this process too.
  }
}

endWithParent();
volunteerForMemory();
// Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of the running work.
process.on('SIGINT', () => undefined);
process.on('message', (request: Numbered) => {
  answer(request).then(
    (value) => {
      process.send?.({ id: request.id, value } satisfies Reply);
      collect(request);
    },
    (error: unknown) => process.send?.({ id: request.id, error: toRecord(error) } satisfies Reply),
  );
});
