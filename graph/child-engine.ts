// An engine whose sessions live in a child process: this process stays responsive while graphs run, can end a run at once by
// ending the child, and outlives the child's crash. A fresh child is started when the next graph is opened.
import type { ChildProcess } from 'node:child_process';
import { fromRecord, toRecord } from './child-protocol.ts';
import type { Reply, Request } from './child-protocol.ts';
import { refuseAborted } from './engine.ts';
import type { Engine, Session, Value } from './engine.ts';
import { JobFailedError } from './errors.ts';
import { forkModule } from './fork-module.ts';
import type { SessionOptions } from './session.ts';

export interface ChildEngine extends Engine {
  /** Ends the child at once. What it was doing rejects with JobFailedError (CANCELLED), kept tensors and sessions are lost. */
  kill(): void;
  /** The child's process id; -1 when none could be started. */
  readonly pid: number;
}

export interface ChildOptions {
  /** What the child prints is thrown away. */
  readonly quiet?: boolean;
  /** Of the child; this process's own if left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

function start(firstKept: number, { quiet = false, environment }: ChildOptions): ChildProcess {
  return forkModule('./child-main', import.meta.url, {
    args: [String(firstKept)],
    serialization: 'advanced',
    execArgv: ['--expose-gc'], // see collect() in child-main.ts
    // What the child prints goes to standard error: standard output may carry a program's JSON.
    stdio: quiet ? ['ignore', 'ignore', 'ignore', 'ipc'] : ['ignore', 2, 2, 'ipc'],
    ...(environment && { env: environment }),
  });
}

const usualCauses: Readonly<Record<string, string>> = {
  SIGKILL: 'Most often memory ran out: use a smaller width or height, fewer frames, or a smaller model.',
  SIGBUS: 'Most often a model file was changed while it was in use: start again.',
};

function deathOf(code: number | null, signal: NodeJS.Signals | null): JobFailedError {
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  const advice = usualCauses[signal ?? ''] ?? 'This should not happen: report it with the command that led here.';
  return new JobFailedError(`The engine's process ${how}. ${advice}`, { code: 'ENGINE_DIED' });
}

const lostWith = (cause: JobFailedError): JobFailedError =>
  new JobFailedError(`The session is lost with its process. ${cause.message} Open the graph again.`, {
    cause,
    code: cause.code,
  });

interface Call {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One child and the calls it has not answered yet. While there are none, it does not keep this process alive. */
class EngineProcess {
  /** Why it is no more. */
  ended: JobFailedError | undefined;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, Call>();
  readonly #exited: Promise<void>;
  #next = 1;

  constructor(firstKept: number, options: ChildOptions) {
    this.#child = start(firstKept, options);
    this.pid = this.#child.pid ?? -1;
    this.#child.on('message', (reply: Reply) => this.#settle(reply));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#end(deathOf(code, signal));
        resolve();
      });
      this.#child.once('error', (cause) => {
        const message = `The engine's process could not be started: ${cause.message}.`;
        this.#end(new JobFailedError(message, { code: 'ENGINE_DIED', cause }));
        resolve();
      });
    });
  }

  ask(request: Request): Promise<unknown> {
    if (this.ended !== undefined) return Promise.reject(lostWith(this.ended));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#hold();
      try {
        // A send that fails later is followed by the child's exit, which tells more.
        this.#child.send({ ...request, id }, () => undefined);
      } catch (cause) {
        this.#settle({ id, error: toRecord(cause) });
      }
    });
  }

  async stop(reason: JobFailedError): Promise<void> {
    this.#end(reason);
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #settle(reply: Reply): void {
    const call = this.#calls.get(reply.id);
    this.#calls.delete(reply.id);
    this.#hold();
    if ('error' in reply) call?.reject(fromRecord(reply.error));
    else call?.resolve(reply.value);
  }

  #end(reason: JobFailedError): void {
    this.ended ??= reason;
    for (const call of this.#calls.values()) call.reject(this.ended);
    this.#calls.clear();
    this.#hold();
  }

  #hold(): void {
    const busy = this.#calls.size > 0;
    for (const handle of [this.#child, this.#child.channel]) {
      if (busy) handle?.ref();
      else handle?.unref();
    }
  }
}

function sessionIn(process: EngineProcess, session: number): Session {
  return {
    run: async (feeds, { keep = [], over = {}, signal } = {}) => {
      refuseAborted(signal);
      return (await process.ask({ kind: 'run', session, feeds, keep, over })) as Record<string, Value>;
    },
    release: async () => {
      if (process.ended === undefined) await process.ask({ kind: 'release', session });
    },
  };
}

const keptPerProcess = 2 ** 32;

/**
 * Starts an engine in a child process. Its crash rejects what was running with JobFailedError (ENGINE_DIED); its sessions and
 * kept tensors are gone then, and the next `open` starts another child.
 */
export async function childEngine(defaults: SessionOptions = {}, options: ChildOptions = {}): Promise<ChildEngine> {
  let count = 0;
  const begin = () => new EngineProcess(1 + keptPerProcess * count++, options);
  let current = begin();
  let closed = false;
  await current.ask({ kind: 'hello' });
  const cancelled = () => new JobFailedError('The engine was stopped.', { code: 'CANCELLED' });
  return {
    device: defaults.device ?? 'cpu',
    get pid() {
      return current.pid;
    },
    open: async (graph, options) => {
      if (closed) throw new JobFailedError('The engine is closed.', { code: 'ENGINE_CLOSED' });
      if (current.ended !== undefined) current = begin();
      const process = current;
      const session = await process.ask({ kind: 'open', graph, options: { ...defaults, ...options } });
      return sessionIn(process, session as number);
    },
    drop: (values) => {
      if (current.ended === undefined) current.ask({ kind: 'drop', values }).catch(() => undefined);
    },
    kill: () => void current.stop(cancelled()),
    close: async () => {
      closed = true;
      await current.stop(cancelled());
    },
  };
}
