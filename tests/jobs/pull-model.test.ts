// Pulling from a server that speaks the hub's protocol and misbehaves in every way that was seen of real ones.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { listRepositories, parseHubAddress } from '../../io/hub-cache.ts';
import { findModel, listPulledModels } from '../../jobs/model-names.ts';
import { loadModel } from '../../jobs/model.ts';
import { modelInfo } from '../../jobs/model-info.ts';
import { type PullOptions, type PullPlan, pullModel } from '../../jobs/pull-model.ts';
import { removePulledModel } from '../../jobs/remove-model.ts';
import type { HubSettings } from '../../jobs/settings.ts';
import { gitSha1, type HubServer, hubServer, type HubServerOptions } from '../io/hub-server.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const files: Record<string, Uint8Array> = {};
const weights = 'transformer/diffusion_pytorch_model.safetensors';

beforeAll(async () => {
  const folder = await writeTinyModel(join(shared, 'tiny'));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[relative(folder, path)] = await readFile(path);
  }
  files['README.md'] = Buffer.from('# much text');
  files['assets/picture.safetensors'] = Buffer.alloc(10);
  files['text_encoder/pytorch_model.bin'] = Buffer.from('a pickle');
  files['vae/diffusion_pytorch_model.fp16.safetensors'] = Buffer.alloc(10);
});

interface Scene {
  readonly server: HubServer;
  readonly settings: HubSettings;
  readonly pull: (options?: PullOptions) => ReturnType<typeof pullModel>;
}

async function scene(options: Partial<HubServerOptions> = {}, more: Partial<HubSettings> = {}): Promise<Scene> {
  const server = await hubServer({ files, ...options });
  const home = await scratch();
  const settings = {
    endpoint: server.endpoint,
    cacheFolder: join(home, 'hub'),
    tokenFile: join(home, 'token'),
    offline: false,
    ...more,
  };
  const pull = (own: PullOptions = {}) => pullModel('someone/tiny', settings, { pauseMs: 1, ...own });
  return { server, settings, pull };
}

const offline = (settings: HubSettings): HubSettings => ({
  ...settings,
  offline: true,
  endpoint: 'http://127.0.0.1:9',
});

describe('pullModel', { timeout: 120_000 }, () => {
  it('says sizes first, then brings only what the model needs, and the model opens', async () => {
    const { settings, pull, server } = await scene();
    const plans: PullPlan[] = [];
    const progress: number[] = [];
    const pulled = await pull({
      onPlan: (plan) => plans.push(plan),
      onProgress: ({ doneBytes }) => progress.push(doneBytes),
    });
    const names = plans[0]!.files.map(({ path }) => path);
    expect(names).toContain(weights);
    expect(names).toContain('tokenizer/tokenizer.json');
    expect(names.filter((name) => /README|assets|\.bin|fp16/.test(name))).toEqual([]);
    expect(plans[0]!.missingBytes).toBeGreaterThan(0);
    expect(plans[0]!.freeBytes).toBeGreaterThan(0);
    expect(progress.at(-1)).toBe(pulled.sizeBytes);
    expect(await readFile(join(settings.cacheFolder, 'models--someone--tiny/refs/main'), 'utf8')).toBe(server.commit);
    const link = await readlink(join(pulled.folder, weights));
    expect(link).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    const own = { ...settingsIn(shared), hub: settings };
    const [byName, byFolder] = [await loadModel('someone/tiny', own), await loadModel(join(shared, 'tiny'), own)];
    expect(byName.fingerprint).toBe(byFolder.fingerprint);
    expect(byName.name).toBe('someone/tiny');
    expect(await listPulledModels(own)).toEqual([{ name: 'someone/tiny', folder: pulled.folder }]);
    const info = await modelInfo('someone/tiny', own);
    expect(info.parts.map(({ name, dtypes }) => [name, dtypes])).toContainEqual(['transformer', ['float32']]);
    expect(info.architecture).toContain('2 layers, 32 wide, 2 heads');
    expect(info.memory).toMatchObject({ fits: true, stages: [{ stage: 'text' }, { stage: 'steps' }, { stage: 'decode' }] }); // prettier-ignore
  });

  it('asks for nothing twice', async () => {
    const { server, pull } = await scene();
    await pull();
    const before = server.asked.length;
    const again = await pull();
    expect(again.missingBytes).toBe(0);
    expect(server.asked.length).toBe(before);
  });

  it('takes what a Python program left, under either kind of checksum', async () => {
    const { server, settings, pull } = await scene();
    const config = 'vae/config.json';
    const repository = join(settings.cacheFolder, 'models--someone--tiny');
    const snapshot = join(repository, 'snapshots', server.commit);
    await mkdir(join(repository, 'blobs'), { recursive: true });
    await mkdir(join(snapshot, 'vae'), { recursive: true });
    await writeFile(join(repository, 'blobs', gitSha1(files[config]!)), files[config]!);
    await symlink(`../../../blobs/${gitSha1(files[config]!)}`, join(snapshot, config));
    await pull();
    expect(server.asked.map(({ path }) => path)).not.toContain(config);
  });

  it('goes on where connections were cut', async () => {
    const { server, pull } = await scene();
    server.misbehaviour.cutAfter = 40_000;
    const pulled = await pull();
    expect(await readFile(join(pulled.folder, weights))).toEqual(files[weights]);
    const ranges = server.asked.filter(({ path }) => path === weights).map(({ range }) => range);
    expect(ranges.slice(0, 2)).toEqual([undefined, 'bytes=40000-']);
  });

  it('goes on where an earlier process was killed', async () => {
    const { server, settings, pull } = await scene();
    await pull({ only: ['model_index.json'] });
    const blobs = join(settings.cacheFolder, 'models--someone--tiny/blobs');
    const { path, checksum } = { path: weights, checksum: sha256Of(weights) };
    await writeFile(join(blobs, `${checksum}.incomplete`), files[path]!.subarray(0, 1000));
    const pulled = await pull({ only: [weights] });
    expect(pulled.missingBytes).toBe(files[weights]!.length - 1000);
    expect(server.asked.at(-1)!.range).toBe('bytes=1000-');
    expect(await readFile(join(pulled.folder, weights))).toEqual(files[weights]);
  });

  it('begins anew when what was left is damaged, or the server knows no ranges', async () => {
    const { server, settings, pull } = await scene();
    await pull({ only: ['model_index.json'] });
    const left = join(settings.cacheFolder, 'models--someone--tiny/blobs', `${sha256Of(weights)}.incomplete`);
    await writeFile(left, Buffer.alloc(1000, 7));
    const first = await pull({ only: [weights] });
    expect(await readFile(join(first.folder, weights))).toEqual(files[weights]);
    await removePulledModel('someone/tiny', settings);
    server.misbehaviour.ignoresRanges = true;
    server.misbehaviour.cutAfter = files[weights]!.length - 10;
    await expect(pull({ only: [weights], tries: 2 })).rejects.toThrow(
      /broke off at byte \d+ of \d+ .* goes on from there/,
    );
    server.misbehaviour.cutAfter = undefined!;
    expect(await readFile(join((await pull({ only: [weights] })).folder, weights))).toEqual(files[weights]);
  });

  it('refuses bytes with a wrong checksum and leaves none of them', async () => {
    const { server, settings, pull } = await scene();
    await pull({ only: ['model_index.json'] });
    server.misbehaviour.corrupts = true;
    await expect(pull({ only: [weights] })).rejects.toThrow(new RegExp(`${weights} of someone/tiny: .* sha256`));
    const blobs = await readdir(join(settings.cacheFolder, 'models--someone--tiny/blobs'));
    expect(blobs).toEqual([gitSha1(files['model_index.json']!)]);
  });

  it('tries again after failures of the server, and when nothing comes', async () => {
    const { server, pull } = await scene();
    server.misbehaviour.failures = 3;
    await pull({ only: ['tokenizer/tokenizer.json'] });
    server.misbehaviour.stalls = true;
    await expect(pull({ only: [weights], tries: 2, stallMs: 300 })).rejects.toThrow('nothing came for 0.3 s');
    server.misbehaviour.stalls = false;
    await pull({ only: [weights] });
  });

  it('shows the token to the hub and not to where it redirects', async () => {
    const { server, pull, settings } = await scene({ token: 'hf_right' });
    await expect(pull()).rejects.toThrow(/does not show someone\/tiny to strangers\. Set HF_TOKEN/);
    await expect(pullModel('someone/tiny', { ...settings, token: 'hf_wrong' })).rejects.toThrow('this token');
    await writeFile(settings.tokenFile, 'hf_right\n');
    await pull({ only: [weights, 'vae/config.json'] });
    const shown = Object.fromEntries(server.asked.map(({ path, authorization }) => [path, authorization]));
    expect(shown).toEqual({ [weights]: undefined, 'vae/config.json': 'Bearer hf_right' });
  });

  it('says what is missing without a network', async () => {
    const { settings, pull } = await scene();
    await expect(pullModel('someone/tiny', offline(settings))).rejects.toThrow('someone/tiny is not on this machine');
    await expect(pullModel('someone/tiny', { ...settings, endpoint: 'http://127.0.0.1:9' })).rejects.toThrow(
      /could not be reached \(.*\)\. Check the network, set HF_ENDPOINT/,
    );
    await pull({ only: ['model_index.json', 'vae/config.json'] });
    await expect(findModel('someone/tiny', { ...settingsIn(shared), hub: settings })).rejects.toThrow(
      /only in part\. Missing in .*: text_encoder\/config\.json, .*tessera models pull someone\/tiny/,
    );
    const { folder } = await pull();
    expect((await pullModel('someone/tiny', offline(settings))).folder).toBe(folder);
    expect((await pullModel(`someone/tiny@${folder.slice(-40)}`, offline(settings))).folder).toBe(folder);
  });

  it.each([
    ['someone/other', /has no someone\/other\. Check the name/],
    ['someone/tiny@v3', /has no someone\/tiny@v3/],
    ['tiny', /tiny is no name on the hub/],
    ['../tiny', /is no name on the hub/],
  ])('says why there is no %s', async (name, words) => {
    const { settings } = await scene();
    await expect(pullModel(name, settings)).rejects.toThrow(words);
  });

  it('says what to do with a repository of another layout', async () => {
    const { pull } = await scene({
      files: { 'Wan2.1_VAE.pth': Buffer.alloc(1), 'diffusion_pytorch_model.safetensors': Buffer.alloc(1) },
    });
    await expect(pull()).rejects.toThrow(
      /no model_index\.json.*"-Diffusers" repository.*--file, such as diffusion_pytorch_model/,
    );
    await expect(pull({ only: ['lora.safetensors'] })).rejects.toThrow('has no file lora.safetensors. It has');
  });

  it('removes one revision or all, and keeps what another revision needs', async () => {
    const { settings, pull, server } = await scene();
    await pull();
    const repository = join(settings.cacheFolder, 'models--someone--tiny');
    const other = join(repository, 'snapshots', 'd'.repeat(40));
    await mkdir(other);
    await symlink(`../../blobs/${gitSha1(files['model_index.json']!)}`, join(other, 'model_index.json'));
    const { freedBytes } = await removePulledModel(`someone/tiny@${server.commit}`, settings);
    expect(freedBytes).toBeGreaterThan(files[weights]!.length);
    expect(await readFile(join(other, 'model_index.json'))).toEqual(files['model_index.json']);
    await expect(removePulledModel('someone/tiny@v9', settings)).rejects.toThrow('is not there at revision v9');
    await removePulledModel('someone/tiny', settings);
    expect(await listRepositories(settings.cacheFolder)).toEqual([]);
    await expect(removePulledModel('someone/tiny', settings)).rejects.toThrow('is not in');
    await expect(stat(repository)).rejects.toThrow();
  });
});

describe('parseHubAddress', () => {
  it.each([
    ['Wan-AI/Wan2.1-T2V-1.3B-Diffusers', { id: 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers', revision: 'main' }],
    ['a/b@refs/pr/3', { id: 'a/b', revision: 'refs/pr/3' }],
    ['./a/b', undefined],
    ['a/b/c', undefined],
    ['nano', undefined],
    ['a/..', undefined],
    ['a/b@../../x', undefined],
    ['a--b/c', undefined],
  ])('reads %s', (text, address) => {
    expect(parseHubAddress(text)).toEqual(address);
  });
});

function sha256Of(path: string): string {
  return createHash('sha256').update(files[path]!).digest('hex');
}
