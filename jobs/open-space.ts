// What `--clip` means: the towers of a model in Wan's layout, nano's among them, or a CLIP or SigLIP for transformers.js. Names are
// resolved without opening anything, so that a folder of films that are all known is looked through in no time.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { childEngine } from '../graph/child-engine.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { openComponent } from '../io/model-folder.ts';
import { openHfSpace } from '../understanding/hf-space.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { openTowerSpace } from '../understanding/tower-space.ts';
import type { Download } from '../understanding/transformers.ts';
import { fingerprintOf } from './fingerprint.ts';
import { findModel } from './model-names.ts';
import type { Settings } from './settings.ts';

/** A space that can be opened. */
export interface NamedSpace {
  readonly kind: 'towers' | 'hf';
  /** What it is called by whoever asks for it again, from whichever folder. */
  readonly clip: string;
  /** Tells it from all others: towers that were trained again have another name. */
  readonly name: string;
  /** The folder of the towers, the model of the hub or its folder. */
  readonly where: string;
}

const isFolder = (path: string): Promise<boolean> => stat(path).then((found) => found.isDirectory(), () => false); // prettier-ignore

/** @throws InvalidRequestError for what names none, ModelFileError */
export async function findSpace(clip: string, settings: Settings): Promise<NamedSpace> {
  if (clip.startsWith('hf:')) return hubSpace(clip.slice(3));
  const { name, folder } = await findModel(clip, settings);
  if (await isFolder(join(folder, 'image_encoder'))) {
    const towers = [
      await openComponent(join(folder, 'text_encoder')),
      await openComponent(join(folder, 'image_encoder')),
    ];
    return { kind: 'towers', clip: name, name: `${name}@${(await fingerprintOf(towers)).slice(0, 12)}`, where: folder };
  }
  if (await isFolder(join(folder, 'onnx'))) return hubSpace(folder);
  throw new InvalidRequestError(
    `clip (=${clip}) is no CLIP: ${folder} has neither image_encoder/ nor onnx/. Use nano, or hf:<model> such as hf:Xenova/clip-vit-base-patch32.`,
  );
}

/** A folder is called by its whole path. Its files have no part in the name: whoever puts others there gives it another. */
async function hubSpace(model: string): Promise<NamedSpace> {
  const [folder = '', precision] = model.split('#');
  const isThere = await isFolder(resolve(folder));
  const where = isThere ? [resolve(folder), ...(precision === undefined ? [] : [precision])].join('#') : model;
  return { kind: 'hf', clip: `hf:${where}`, name: `hf:${where}`, where };
}

/** Opens it, towers in a process of their own. @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openSpace(
  { kind, name, where }: NamedSpace,
  { cacheFolder, modelFolders, threads }: Settings,
  onDownload?: (download: Download) => void,
): Promise<JointSpace> {
  if (kind === 'hf') return openHfSpace(where, name, { cacheFolder, modelFolders, onDownload });
  const engine = await childEngine(threads === undefined ? {} : { threads });
  try {
    const space = await openTowerSpace(engine, where, name);
    return { ...space, close: () => space.close().finally(() => engine.close()) };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
