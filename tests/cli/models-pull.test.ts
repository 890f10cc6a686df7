// tessera models pull against a hub on this machine that misbehaves, on disks that fill up, and beside a cache that Python's programs
// left: real processes, each with its exit code and what it leaves behind.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gitSha1, type HubServer, hubServer, type HubServerOptions } from '../io/hub-server.ts';
import { scratch, sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';
import { filesOf } from './repository-files.ts';
import { type Ended, start, tessera } from './program.ts';

const shared = await sharedScratch();
const files = await filesOf(await writeTinyModel(join(shared, 'tiny')));
files['README.md'] = Buffer.from('# much text');
files['transformer/diffusion_pytorch_model.bin'] = Buffer.from('a pickle');
const weights = 'transformer/diffusion_pytorch_model.safetensors';
const config = 'vae/config.json';
const sha256 = createHash('sha256').update(files[weights]!).digest('hex');
const run = promisify(execFile);

interface Scene {
  readonly server: HubServer;
  readonly repository: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly pull: (args?: readonly string[], environment?: NodeJS.ProcessEnv) => Promise<Ended>;
}

/** @param cache the folder that the models go to; one on the usual disk if left out */
async function scene(options: Partial<HubServerOptions> = {}, cache?: string): Promise<Scene> {
  const server = await hubServer({ files, ...options });
  const folder = await scratch();
  const cacheFolder = cache ?? join(folder, 'hf/hub');
  const environment = {
    ...{ HF_HOME: join(folder, 'hf'), HF_ENDPOINT: server.endpoint, HF_TOKEN: '', HF_HUB_OFFLINE: '' },
    ...(cache && { HF_HUB_CACHE: cache }),
  };
  const pull: Scene['pull'] = (args = [], more = {}) =>
    tessera(folder, ['models', 'pull', 'someone/tiny', ...args], { ...environment, ...more });
  return { server, repository: join(cacheFolder, 'models--someone--tiny'), environment, pull };
}

/** A disk of its own in memory, or undefined where that is not allowed. */
async function smallDisk(size: string): Promise<string | undefined> {
  const disk = join(await scratch(), 'disk');
  await mkdir(disk);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]).then(() => true, () => false); // prettier-ignore
  if (mounted) onTestFinished(async () => void (await run('umount', [disk])));
  return mounted ? disk : undefined;
}

const requestsFor = ({ server }: Scene, name: string) => server.asked.filter(({ path }) => path === name);
const isThere = (path: string): Promise<boolean> => access(path).then(() => true, () => false); // prettier-ignore

/** Lets the server stop in the middle of the weights until `go` is called. */
function pauseServer({ server }: Scene, after: number): { readonly go: () => void } {
  let go!: () => void;
  server.misbehaviour.pause = { after, until: new Promise((resolve) => (go = resolve)) };
  onTestFinished(() => go());
  return { go: () => go() };
}

describe('tessera models pull', { timeout: 300_000 }, () => {
  it('says sizes first, then brings only what the model needs', async () => {
    const { pull, repository, server } = await scene();
    const { code, stdout } = await pull();
    expect(code).toBe(0);
    const snapshot = join(repository, 'snapshots', server.commit);
    expect(stdout.trim().split('\n').at(-1)).toBe(snapshot);
    expect(stdout).toMatch(/transformer\/diffusion_pytorch_model\.safetensors +\S+ kB +\S+ kB to fetch/);
    expect(stdout).toMatch(/of \S+ kB to fetch; \S+ GB are free\./);
    expect(server.asked.map(({ path }) => path).filter((path) => /README|\.bin/.test(path))).toEqual([]);
    expect(await readFile(join(snapshot, weights))).toEqual(files[weights]);
    expect(await readFile(join(repository, 'refs/main'), 'utf8')).toBe(server.commit);
  });

  it('takes what a Python program left, and finishes what one broke off', async () => {
    const its = await scene();
    const snapshot = join(its.repository, 'snapshots', its.server.commit);
    const blobs = join(its.repository, 'blobs');
    await mkdir(blobs, { recursive: true });
    await mkdir(join(snapshot, 'vae'), { recursive: true });
    await writeFile(join(blobs, gitSha1(files[config]!)), files[config]!);
    await symlink(`../../../blobs/${gitSha1(files[config]!)}`, join(snapshot, config));
    await writeFile(join(blobs, `${sha256}.incomplete`), files[weights]!.subarray(0, 1000));
    const { code, stdout } = await its.pull();
    expect(code).toBe(0);
    expect(stdout).toMatch(/vae\/config\.json +\S+ k?B +there/);
    expect(requestsFor(its, config)).toEqual([]);
    expect(requestsFor(its, weights).map(({ range }) => range)).toEqual(['bytes=1000-']);
    expect(await readFile(join(snapshot, weights))).toEqual(files[weights]);
    const before = its.server.asked.length;
    expect((await its.pull()).stdout).toContain('are there.');
    expect(its.server.asked.length).toBe(before);
  });

  it('goes on where connections were cut, through the redirect to where large files lie', async () => {
    const its = await scene();
    its.server.misbehaviour.cutAfter = 40_000;
    const { code, stderr } = await its.pull();
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(requestsFor(its, weights).map(({ range }) => range).slice(0, 2)).toEqual([undefined, 'bytes=40000-']); // prettier-ignore
    expect(await readFile(join(its.repository, 'snapshots', its.server.commit, weights))).toEqual(files[weights]);
  });

  it.each(['SIGKILL', 'SIGINT'] as const)('goes on where a process was ended by %s', async (signal) => {
    const its = await scene();
    const { go } = pauseServer(its, 20_000);
    const partial = join(its.repository, 'blobs', `${sha256}.incomplete`);
    const first = start(await scratch(), ['models', 'pull', 'someone/tiny', '--file', weights], its.environment);
    await first.until(
      'a part of the weights is there',
      async () =>
      stat(partial).then(({ size }) => size === 20_000, () => false), // prettier-ignore
    );
    first.process.kill(signal);
    const ended = await first.ended;
    expect(signal === 'SIGKILL' ? ended.signal : ended.code).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 130);
    expect(await isThere(join(its.repository, 'refs'))).toBe(false);
    go();
    delete its.server.misbehaviour.pause;
    expect((await its.pull()).code).toBe(0);
    expect(requestsFor(its, weights).at(-1)!.range).toBe('bytes=20000-');
    expect(await isThere(partial)).toBe(false);
  });

  it('refuses bytes with a wrong checksum and leaves none of them', async () => {
    const { server, repository, pull } = await scene();
    await pull(['--file', 'model_index.json']);
    server.misbehaviour.corrupts = true;
    const { code, stderr } = await pull(['--file', weights]);
    expect(stderr).toMatch(new RegExp(`^tessera: ${weights} of someone/tiny: .*does not have the sha256 ${sha256}`));
    expect(code).toBe(1);
    expect(await readdir(join(repository, 'blobs'))).toEqual([gitSha1(files['model_index.json']!)]);
    expect(await isThere(join(repository, 'snapshots', server.commit, weights))).toBe(false);
  });

  it('uses a mirror that HF_ENDPOINT names, with HF_TOKEN or the token that Python keeps, and shows it to nobody else', async () => {
    const its = await scene({ token: 'hf_right' });
    const refused = await its.pull();
    expect(refused.stderr).toContain('does not show someone/tiny to strangers. Set HF_TOKEN');
    expect(refused.code).toBe(2);
    expect((await its.pull(['--file', weights], { HF_TOKEN: 'hf_right' })).code).toBe(0);
    expect(requestsFor(its, weights)[0]!.authorization).toBeUndefined();
    await mkdir(its.environment['HF_HOME']!, { recursive: true });
    await writeFile(join(its.environment['HF_HOME']!, 'token'), 'hf_right\n');
    expect((await its.pull(['--file', config])).code).toBe(0);
    expect(requestsFor(its, config)[0]!.authorization).toBe('Bearer hf_right');
  });

  it('says without a network what is there and what is missing', async () => {
    const { pull } = await scene();
    const nowhere = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    const offline = { ...nowhere, HF_HUB_OFFLINE: '1' };
    const none = await pull([], offline);
    expect(none.stderr).toContain('someone/tiny is not on this machine');
    expect(none.stderr).toContain('Get it with: tessera models pull someone/tiny');
    expect(none.code).toBe(2);
    const unreachable = await pull([], nowhere);
    expect(unreachable.stderr).toMatch(/could not be reached .*HF_HUB_OFFLINE=1/);
    expect(unreachable.code).toBe(1);
    await pull(['--file', 'model_index.json', config]);
    const part = await pull([], offline);
    expect(part.stderr).toMatch(/only in part\. Missing in .*: text_encoder\/config\.json/);
    expect(part.code).toBe(2);
    await pull();
    expect((await pull([], offline)).code).toBe(0);
  });

  it('refuses before it begins what does not fit on the disk', async ({ skip }) => {
    const disk = await smallDisk('8m');
    if (disk === undefined) return skip('needs the right to mount a small disk');
    const its = await scene({}, disk);
    const { code, stdout, stderr } = await its.pull();
    expect(stdout).toMatch(/to fetch; \S+ MB are free\./);
    expect(stderr).toMatch(/^tessera: someone\/tiny: 1 MB are to be fetched and 68 MB left free, but the disk of .* has only 9 MB\. Free some space, or set HF_HUB_CACHE/); // prettier-ignore
    expect(code).toBe(1);
    expect(requestsFor(its, weights)).toEqual([]);
    expect(await isThere(join(its.repository, 'refs'))).toBe(false);
  });

  it('stops when the disk fills up meanwhile, shows nothing half-written, and goes on when there is room', async ({
    skip,
  }) => {
    const disk = await smallDisk('80m');
    if (disk === undefined) return skip('needs the right to mount a small disk');
    const its = await scene({}, disk);
    const { go } = pauseServer(its, 20_000);
    const pulling = its.pull(['--file', weights, '--json']);
    const partial = join(its.repository, 'blobs', `${sha256}.incomplete`);
    await until('a part of the weights is there', () => stat(partial).then(({ size }) => size === 20_000, () => false)); // prettier-ignore
    await expect(writeFile(join(disk, 'ballast'), Buffer.alloc(90 * 2 ** 20))).rejects.toThrow('ENOSPC');
    go();
    const { code, stdout, stderr } = await pulling;
    expect(stderr).toMatch(new RegExp(`^tessera: ${weights} of someone/tiny: the disk of ${disk} is full\\. Free some space; what arrived is kept`)); // prettier-ignore
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'DISK_FULL' } });
    expect(code).toBe(1);
    expect(await isThere(join(its.repository, 'refs'))).toBe(false);
    expect(await isThere(join(its.repository, 'snapshots', its.server.commit, weights))).toBe(false);
    expect(await readdir(join(its.repository, 'blobs'))).toEqual([`${sha256}.incomplete`]);

    await run('mount', ['-o', 'remount,size=200m', disk]);
    delete its.server.misbehaviour.pause;
    expect((await its.pull()).code).toBe(0);
    const range = requestsFor(its, weights).at(-1)!.range;
    expect(Number(/^bytes=(\d+)-$/.exec(range!)![1])).toBeGreaterThanOrEqual(20_000);
    expect(await readFile(join(its.repository, 'snapshots', its.server.commit, weights))).toEqual(files[weights]);
  });

  it('says so when nothing at all can be written', async ({ skip }) => {
    const disk = await smallDisk('200m');
    if (disk === undefined) return skip('needs the right to mount a small disk');
    const { pull } = await scene({}, disk);
    await expect(writeFile(join(disk, 'ballast'), Buffer.alloc(210 * 2 ** 20))).rejects.toThrow('ENOSPC');
    const { code, stderr } = await pull();
    expect(stderr).toMatch(/^tessera: .*the disk .*is full/);
    expect(code).toBe(1);
  });
});
