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
      TESSERA_FFMPEG: '/bin/ffmpeg',
      TESSERA_FFPROBE: '/bin/ffprobe',
      TESSERA_THREADS: '3',
    });
    expect(settings).toEqual({
      modelFolders: ['/a', '/b', join(packageFolder, 'models')],
      cacheFolder: '/cache',
      ffmpeg: '/bin/ffmpeg',
      ffprobe: '/bin/ffprobe',
      threads: 3,
    });
  });

  it('takes an empty variable for an unset one', () => {
    expect(readSettings({ TESSERA_FFMPEG: ' ', TESSERA_MODELS: '' })).toEqual(readSettings({}));
  });

  it.each(['0', '-1', 'many', '1.5'])('refuses %s threads', (threads) => {
    expect(() => readSettings({ TESSERA_THREADS: threads })).toThrow(`TESSERA_THREADS (=${threads})`);
  });
});
