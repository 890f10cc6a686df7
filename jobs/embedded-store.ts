// The embedded queue as its users see it: `reach` gives the number of the host that answers in the folder, and starts one in
// a child process when there is none. When the host's process ends, the next to be refused becomes the host.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobFailedError } from '../graph/errors.ts';
import { forkModule } from '../graph/fork-module.ts';
import { isListening, latestHost, type ShortFolder, shortFolder, socketIn } from './embedded-election.ts';
import type { HostNews } from './embedded-host.ts';

/** Between looks at who became the host. */
const LOOK_AGAIN_MS = 100;
/** After this a host that was told to close is ended; its folder bears that. */
const CLOSE_MS = 20_000;

export class EmbeddedStore {
  /** Where the sockets are, short enough for their addresses. */
  readonly socketFolder: string;
  readonly #folder: string;
  readonly #short: ShortFolder;
  #child: ChildProcess | undefined;
  #reaching: Promise<number> | undefined;
  #isClosed = false;

  private constructor(folder: string, short: ShortFolder) {
    this.#folder = folder;
    this.#short = short;
    this.socketFolder = short.path;
  }

  /** @throws InvalidRequestError for a folder in which there can be no socket */
  static async open(folder: string): Promise<EmbeddedStore> {
    return new EmbeddedStore(folder, await shortFolder(folder));
  }

  /** The number of a host that listens. @throws JobFailedError when the folder cannot be opened */
  reach(): Promise<number> {
    this.#reaching ??= this.#reach().finally(() => (this.#reaching = undefined));
    return this.#reaching;
  }

  /** Lets go of the folder; whoever else uses it takes it over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reaching?.catch(() => undefined);
    if (this.#child !== undefined) await endOf(this.#child);
    this.#short.close();
  }

  async #reach(): Promise<number> {
    while (!this.#isClosed) {
      const latest = await latestHost(this.socketFolder);
      if (latest > 0 && (await isListening(socketIn(this.socketFolder, latest)))) return latest;
      const child = start(this.#folder);
      const news = await newsOf(child);
      if (news.kind === 'hosting') {
        this.#child = child;
        letGo(child);
        return news.host;
      }
      if (news.kind === 'failed') throw cannotOpen(this.#folder, news.why);
      await sleep(LOOK_AGAIN_MS);
    }
    throw new JobFailedError('The queue is closed.', { code: 'QUEUE_CLOSED' });
  }
}

function start(folder: string): ChildProcess {
  return forkModule('./embedded-host', import.meta.url, {
    args: [folder],
    // Standard output may carry a program's JSON.
    stdio: ['ignore', 'ignore', 2, 'ipc'],
  });
}

function newsOf(child: ChildProcess): Promise<HostNews> {
  return new Promise((told) => {
    const failed = (why: string): void => told({ kind: 'failed', why });
    child.once('message', (news: HostNews) => told(news));
    child.once('error', ({ message }) => failed(message));
    // Killed from outside: the next look finds who hosts, or starts another.
    child.once('exit', (code, signal) => (signal ? told({ kind: 'taken' }) : failed(`its process ended with ${code}`)));
  });
}

/** The host does not keep this process alive, but ends with it. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
  if (child.connected) child.disconnect();
  await ended;
  clearTimeout(timer);
}

function cannotOpen(folder: string, why: string): JobFailedError {
  return new JobFailedError(
    `The queue in ${folder} cannot be opened: ${why}. Check the folder's rights and the free space, ` +
      'or set TESSERA_QUEUE to a redis:// or postgres:// address.',
    { code: 'QUEUE_UNREACHABLE' },
  );
}
