// Whether a clip is there already: its file, whole, beside a record that names this very render and these weights. What a
// killed process had finished is found this way, and what is asked for twice is rendered once.
import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { firstPng } from '../io/png-sequence.ts';
import type { GeneratedClip } from './generate.ts';
import type { Model } from './model.ts';
import type { ClipOutput } from './outputs.ts';
import type { Render } from './resolve-request.ts';
import { checksum, readSidecar, type Sidecar } from './sidecar.ts';

export interface Found {
  /** There is a record of this render, though its clip may be gone. */
  readonly isRecorded: boolean;
  /** The clip, where it is there and whole. */
  readonly finished?: GeneratedClip;
}

/** What an earlier render of the same clip left. */
export async function findClip(
  render: Render,
  { path, sidecar }: Pick<ClipOutput, 'path' | 'sidecar'>,
  model: Model,
): Promise<Found> {
  const record = await readSidecar(sidecar).catch(() => undefined);
  if (record === undefined || !isOf(record, render, model)) return { isRecorded: false };
  if (!(await isWhole(record, path))) return { isRecorded: true };
  const { width, height, fps } = render;
  const { sizeBytes, sha256, frames = render.frames } = record.output;
  return { isRecorded: true, finished: { path, width, height, frames, fps, sizeBytes, sidecar, sha256, render } };
}

/** A model's name may differ where its weights do not; what was not yet made of a prompt or read from a picture may be any. */
function isOf(record: Sidecar, render: Render, model: Model): boolean {
  const asked = { ...render, model: '' };
  const { expanded, likeness, ...request } = record.request;
  const made = {
    ...request,
    ...(render.expanded !== undefined && expanded !== undefined && { expanded }),
    ...(render.likeness !== undefined && likeness !== undefined && { likeness }),
    model: '',
  };
  return record.model.fingerprint === model.fingerprint && isDeepStrictEqual(made, asked);
}

/** Of pictures the first one tells, as it appears last; it may still be that of a clip which they replace. */
async function isWhole({ output }: Sidecar, path: string): Promise<boolean> {
  if (output.sha256 !== undefined) return (await checksum(path)) === output.sha256;
  if (output.firstSha256 !== undefined) return (await checksum(firstPng(path))) === output.firstSha256;
  return stat(firstPng(path)).then((found) => found.isFile(), () => false); // prettier-ignore
}
