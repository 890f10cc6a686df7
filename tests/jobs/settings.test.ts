import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFolder } from '../../jobs/package-folder.ts';
import { readSettings } from '../../jobs/settings.ts';

describe('readSettings', () => {
  it('has defaults for everything', () => {
    const settings = readSettings({ XDG_CACHE_HOME: '/c' });
    expect(settings.modelFolders).toEqual([join(packageFolder, 'models')]);
    expect(settings.ffmpeg).toBeUndefined();
    expect(settings.threads).toBeUndefined();
  });

  it('reads every variable', () => {
    const settings = readSettings({
      TESSERA_MODELS: '/a:/b',
      TESSERA_CACHE: '/cache',
      TESSERA_DATA: '/data',
      TESSERA_QUEUE: 'redis://localhost',
      TESSERA_FFMPEG: '/bin/ffmpeg',
      TESSERA_FFPROBE: '/bin/ffprobe',
      TESSERA_THREADS: '3',
      TESSERA_TOKEN: '0123456789abcdef',
      HF_HOME: '/hf',
      HF_ENDPOINT: 'https://mirror.example/',
      HF_TOKEN: 'hf_secret',
      HF_HUB_OFFLINE: '1',
    });
    expect(settings).toEqual({
      modelFolders: ['/a', '/b', join(packageFolder, 'models')],
      cacheFolder: '/cache',
      dataFolder: '/data',
      queue: 'redis://localhost',
      ffmpeg: '/bin/ffmpeg',
      ffprobe: '/bin/ffprobe',
      threads: 3,
      token: '0123456789abcdef',
      hub: {
        endpoint: 'https://mirror.example',
        cacheFolder: '/hf/hub',
        token: 'hf_secret',
        tokenFile: '/hf/token',
        offline: true,
      },
    });
  });

  it('takes an empty variable for an unset one', () => {
    expect(readSettings({ TESSERA_FFMPEG: ' ', TESSERA_MODELS: '' })).toEqual(readSettings({}));
  });

  it('keeps what must not be lost apart from what can be made again', () => {
    const { cacheFolder, dataFolder, queue } = readSettings({ XDG_CACHE_HOME: '/c', XDG_DATA_HOME: '/d' });
    expect([cacheFolder, dataFolder]).toEqual(['/c/tessera', '/d/tessera']);
    expect(queue).toBeUndefined();
  });

  it('finds the hub where Python programs do', () => {
    expect(readSettings({ XDG_CACHE_HOME: '/c' }).hub).toEqual({
      endpoint: 'https://huggingface.co',
      cacheFolder: '/c/huggingface/hub',
      tokenFile: '/c/huggingface/token',
      offline: false,
    });
    expect(readSettings({ HF_HOME: '/hf', HF_HUB_CACHE: '/big/hub' }).hub?.cacheFolder).toBe('/big/hub');
    expect(() => readSettings({ HF_ENDPOINT: 'mirror' })).toThrow('HF_ENDPOINT (=mirror) must be an address');
  });

  it('refuses queues of other kinds', () => {
    expect(() => readSettings({ TESSERA_QUEUE: 'mysql://x' })).toThrow('must be an address that begins with redis://');
  });

  it('refuses a token that can be guessed, and does not repeat it', () => {
    expect(() => readSettings({ TESSERA_TOKEN: 'hunter2' })).toThrow(/^TESSERA_TOKEN must (?!.*hunter2)/);
  });

  it.each(['0', '-1', 'many', '1.5'])('refuses %s threads', (threads) => {
    expect(() => readSettings({ TESSERA_THREADS: threads })).toThrow(`TESSERA_THREADS (=${threads})`);
  });
});
