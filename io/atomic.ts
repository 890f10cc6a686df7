// Outputs appear by rename: a file is written under a temporary name in its own folder, flushed, then renamed,
// so that a crash, a full disk or a cancelled job never leaves half a file under the name that was asked for.

import { access, constants, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidRequestError, JobFailedError, TesseraError } from '../graph/errors.ts';
import { temporaryBeside } from './temporary.ts';

export interface OutputOptions {
  /** Replace a file that exists; otherwise it is an InvalidRequestError. */
  readonly overwrite?: boolean;
}

/**
 * Runs `write` with a temporary path beside `path` (same folder and ending), then renames the result to `path`.
 * When `write` fails the temporary file is removed and nothing appears. @throws InvalidRequestError, JobFailedError
 */
export async function writeBeside<T>(
  path: string,
  options: OutputOptions,
  write: (temporary: string) => Promise<T>,
): Promise<T> {
  await refuseExisting(path, options);
  const temporary = temporaryBeside(path);
  try {
    const result = await write(temporary);
    await flush(temporary);
    await publish(temporary, path, options);
    return result;
  } catch (error) {
    throw outputError(error, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Refuses a path where something stands already, unless it may be replaced. @throws InvalidRequestError */
export async function refuseExisting(path: string, options: OutputOptions): Promise<void> {
  if (options.overwrite ?? false) return;
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined) throw existsError(path);
}

/** Refuses a path whose folder is missing or may not be written, before work is done for it. @throws InvalidRequestError */
export async function refuseUnwritable(path: string): Promise<void> {
  try {
    const folder = dirname(resolve(path));
    if (!(await stat(folder)).isDirectory())
      throw Object.assign(new Error(`${folder} is no folder`), { code: 'ENOTDIR' });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw outputError(error, path);
  }
}

/** Says in words what the file system refused; other errors are returned as they are. */
export function outputError(error: unknown, path: string): unknown {
  if (error instanceof TesseraError) return error;
  const because = (reason: string): Error =>
    new InvalidRequestError(`cannot write ${path}: ${reason}`, { cause: error });
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new JobFailedError(`cannot write ${path}: the disk is full. Free some space or choose another folder.`, {
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return because(`no permission to write into ${dirname(path)}. Choose another folder.`);
    case 'ENOENT':
    case 'ENOTDIR':
      return because(`there is no folder ${dirname(path)}. Create it first.`);
    case 'ENAMETOOLONG':
      return because('the name is too long. Choose a shorter one.');
    case 'EISDIR':
    case 'ENOTEMPTY':
      return because('a folder stands there. Choose another name.');
    case 'EEXIST':
      return existsError(path);
    default:
      return error;
  }
}

function existsError(path: string): InvalidRequestError {
  return new InvalidRequestError(`${path} exists already. Choose another name or ask to overwrite it.`);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A hard link fails where a file stands already, also one that appeared meanwhile; rename would replace it silently. */
async function publish(temporary: string, path: string, options: OutputOptions): Promise<void> {
  if (options.overwrite ?? false) return rename(temporary, path);
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // Folders cannot be linked, nor can files on some file systems: look again, then rename.
    await refuseExisting(path, options);
    await rename(temporary, path);
  }
}
