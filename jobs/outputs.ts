// Where the clips of a request go: one file each, and beside it a .json from which it can be made again.
import { basename, dirname, extname, join, resolve } from 'node:path';
import { refuseExisting } from '../io/atomic.ts';
import { firstPng } from '../io/png-sequence.ts';
import { sidecarPath } from '../io/sidecar.ts';
import { checkOutput } from '../io/write-video.ts';
import { findClip, type Found } from './finished-clip.ts';
import type { Model } from './model.ts';
import type { ParsedRequest } from './request.ts';
import type { Render } from './resolve-request.ts';

export interface ClipOutput extends Found {
  /** Absolute: a file, a folder of pictures, or their pattern. */
  readonly path: string;
  readonly sidecar: string;
}

/** Whether clips that are there already are kept; see planOutputs. */
export type KeepFinished = boolean | 'begun';

/**
 * One output for each clip, checked before any work is done.
 * @param model by whose records clips are known that are there already; they are kept, or else stand in the way
 * @param keepFinished `begun`: they are kept where others of the request are missing, as after a stop, and nothing is to be overwritten
 * @throws InvalidRequestError for a name that cannot be written or a file that stands in the way
 */
export async function planOutputs(
  request: ParsedRequest,
  renders: readonly Render[],
  model?: Model,
  { keepFinished = true }: { readonly keepFinished?: KeepFinished } = {},
): Promise<readonly ClipOutput[]> {
  const paths = clipPaths(request.output ?? defaultName(request.prompt), renders.length);
  const overwrite = request.overwrite ?? false;
  const there: ClipOutput[] = [];
  for (const [i, path] of paths.entries()) {
    const output = { path, sidecar: sidecarPath(path) };
    const found: Found = model ? await findClip(renders[i]!, output, model) : { isRecorded: false };
    there.push({ ...output, ...found });
  }
  const isBegun = !overwrite && there.some(({ finished }) => finished === undefined);
  const keeps = keepFinished === 'begun' ? isBegun : keepFinished;
  const outputs: readonly ClipOutput[] = keeps ? there : there.map(({ finished: _, ...output }) => output);
  for (const [i, { path, sidecar, isRecorded, finished }] of outputs.entries()) {
    if (finished !== undefined) continue;
    await checkOutput(path, renders[i]!, { overwrite });
    await refuseExisting(sidecar, { overwrite: overwrite || isRecorded });
  }
  return outputs;
}

/** What is written for an output, to find out whether two meet: of each clip the file, of pictures the first one, and the record. */
export function filesOf(output: string, clips: number): readonly string[] {
  return clipPaths(output, clips).flatMap((path) => {
    const isPictures = /^(\.png)?$/i.test(extname(path));
    return [isPictures ? firstPng(path) : path, sidecarPath(path)];
  });
}

/** The absolute path of each clip. */
function clipPaths(output: string, clips: number): readonly string[] {
  const asked = resolve(output);
  return clips === 1 ? [asked] : Array.from({ length: clips }, (_, i) => numbered(asked, i + 1, clips));
}

/** The first words of the prompt, as a file name that every system takes. */
export function defaultName(prompt: string): string {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  let name = '';
  for (const word of words) {
    if (name.length + word.length > 48) break;
    name += name === '' ? word : `-${word}`;
  }
  return `${name || 'clip'}.mp4`;
}

/** `clip.mp4` -> `clip-07.mp4` for the seventh of up to 99; before the pattern of pictures, `clip-07-%04d.png`. */
function numbered(path: string, number: number, count: number): string {
  const ending = extname(path);
  const label = String(number).padStart(String(count).length, '0');
  const stem = basename(path, ending);
  const pattern = /[-_. ]*%(0\d{1,2})?d/;
  const name = pattern.test(stem) ? stem.replace(pattern, (found) => `-${label}${found}`) : `${stem}-${label}`;
  return join(dirname(path), `${name}${ending}`);
}
