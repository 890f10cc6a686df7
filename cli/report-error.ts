// How the program ends: 0 done, 1 failed, 2 asked wrongly, 130 on Ctrl-C. Errors that were foreseen are a sentence on
// standard error (with --json also an object on standard output); others are bugs and show their stack.
import { CommanderError } from 'commander';
import { TesseraError } from '../jobs/errors.ts';
import { Interrupted, interruptCodes } from './interrupt.ts';

export const USAGE_ERROR = 2;

/** Tells what went wrong. @returns the exit code */
export function reportError(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help and --version
  const interrupted = interruptOf(error);
  const code = interrupted ? interruptCodes[interrupted.signal] : exitCodeOf(error);
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) process.stderr.write(`${sentence(error)}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ error: recordOf(error) })}\n`);
  return code;
}

/** What every foreseen error is for a program. */
function recordOf(error: unknown): { readonly code: string; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CommanderError) return { code: 'USAGE', message: message.replace(/^error: /, '') };
  return { code: error instanceof TesseraError ? error.code : 'BUG', message };
}

function exitCodeOf(error: unknown): number {
  const name = error instanceof TesseraError ? error.name : '';
  return error instanceof CommanderError || name === 'InvalidRequestError' ? USAGE_ERROR : 1;
}

function sentence(error: unknown): string {
  if (error instanceof TesseraError && error.name !== 'ShapeError') return `tessera: ${error.message}`;
  if (error instanceof Interrupted) return 'tessera: stopped.';
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `tessera: this is a bug, please report it.\n${stack}`;
}

/** The interrupt that made work fail, however deep it lies. */
function interruptOf(error: unknown): Interrupted | undefined {
  if (error instanceof Interrupted) return error;
  return error instanceof Error ? interruptOf(error.cause) : undefined;
}
