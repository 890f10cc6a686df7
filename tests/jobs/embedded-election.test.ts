// Who becomes the host of a folder: one process at a time, and another when it is gone.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { claimFolder, isListening, latestHost, shortFolder, socketIn } from '../../jobs/embedded-election.ts';
import { scratch } from './scratch.ts';

function server(): Server {
  const made = createServer((client) => client.end());
  onTestFinished(() => void made.close());
  return made;
}

const closed = (one: Server): Promise<void> => new Promise((done) => one.close(() => done()));

describe('the host of a folder', () => {
  it('is the first to claim it, and the next when that one is gone', async () => {
    const folder = await scratch();
    expect(await latestHost(folder)).toBe(0);
    const first = server();
    expect(await claimFolder(folder, 0, first)).toBe(1);
    expect(await isListening(socketIn(folder, 1))).toBe(true);
    expect(await claimFolder(folder, 0, server())).toBeUndefined();
    await closed(first);
    expect(await latestHost(folder)).toBe(1);
    expect(await isListening(socketIn(folder, 1))).toBe(false);
    expect(await claimFolder(folder, 1, server())).toBe(2);
    expect(await readdir(folder)).toEqual(['.s.PGSQL.2']);
  });

  it('is one of many that want to be', async () => {
    const folder = await scratch();
    const claims: (number | undefined)[] = [];
    for (let i = 0; i < 8; i++) claims.push(await claimFolder(folder, 0, server()));
    expect(claims.filter((one) => one !== undefined)).toEqual([1]);
  });

  it('is not who comes late with an old number', async () => {
    const folder = await scratch();
    await writeFile(socketIn(folder, 7), '');
    expect(await claimFolder(folder, 4, server())).toBeUndefined();
    expect(await readdir(folder)).toEqual(['.s.PGSQL.7']);
  });

  it('can be reached in a folder of any depth', async () => {
    const deep = join(await scratch(), 'a'.repeat(100), 'ü ü'.repeat(20));
    await mkdir(deep, { recursive: true });
    const short = await shortFolder(deep);
    const { path } = short;
    expect(await claimFolder(path, 0, server())).toBe(1);
    expect(await isListening(socketIn(path, 1))).toBe(true);
    expect(await readdir(deep)).toEqual(['.s.PGSQL.1']);
    short.close();
  });
});
