// Who hosts the embedded queue's folder. A host listens on a socket in the folder named with its number; the system closes it
// when its process ends, however it ends, so a socket that refuses means that its host is gone. Whoever finds that takes the
// next number by making that name, which only one process can. Names of earlier hosts are removed by later ones only, so a
// slow process that takes an old number finds a higher one beside it and steps back.
import { closeSync, openSync } from 'node:fs';
import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';

/** As PostgreSQL names its sockets, with our number for the port, so that its clients find them. */
const PREFIX = '.s.PGSQL.';
/** What a socket's address holds on Linux; some systems take less. */
const LONGEST_ADDRESS = 100;

export const socketIn = (folder: string, host: number): string => join(folder, `${PREFIX}${host}`);

/** A way to a folder that is short enough for sockets in it. Hold it as long as sockets are made or reached by it. */
export interface ShortFolder {
  readonly path: string;
  close(): void;
}

/** Makes the folder if need be. @throws InvalidRequestError where its path is too long and there is no shorter way */
export async function shortFolder(folder: string): Promise<ShortFolder> {
  const path = resolve(folder);
  if (process.platform === 'win32') {
    throw new InvalidRequestError(
      'The embedded queue needs Unix sockets, which Windows has not. Set TESSERA_QUEUE to a redis:// or postgres:// address.',
    );
  }
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (Buffer.byteLength(socketIn(path, 999_999)) <= LONGEST_ADDRESS) return { path, close: () => undefined };
  if (process.platform !== 'linux') {
    throw new InvalidRequestError(
      `TESSERA_DATA (=${folder}) is too long a path for a socket in it. Use a path of at most 80 characters.`,
    );
  }
  const handle = openSync(path, 'r');
  return { path: `/proc/self/fd/${handle}`, close: () => closeSync(handle) };
}

/** The number of the latest host, which may be gone; 0 where there was none. */
export async function latestHost(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).filter((name) => name.startsWith(PREFIX)).map((name) => Number(name.slice(PREFIX.length))); // prettier-ignore
  return Math.max(0, ...numbers.filter(Number.isInteger));
}

/** Whether a process listens on the socket: it counts as alive when it is too busy to answer. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path });
    const end = (listens: boolean): void => {
      socket.destroy();
      done(listens);
    };
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** Makes a server the host after `last`, which is gone. @returns its number, or undefined when another was faster */
export async function claimFolder(folder: string, last: number, server: Server): Promise<number | undefined> {
  const number = last + 1;
  // It listens before it has its name, so that whoever sees the name reaches it.
  const unnamed = join(folder, `.claim-${process.pid}`);
  await rm(unnamed, { force: true });
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen({ path: unnamed, backlog: 1024 }, done);
  });
  try {
    await link(unnamed, socketIn(folder, number));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  } finally {
    await rm(unnamed, { force: true });
  }
  if ((await latestHost(folder)) !== number) {
    await rm(socketIn(folder, number), { force: true });
    return undefined;
  }
  await removeEarlier(folder, number);
  return number;
}

async function removeEarlier(folder: string, number: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(PREFIX) && Number(name.slice(PREFIX.length)) < number) await rm(join(folder, name), { force: true }); // prettier-ignore
  }
}
