// Finds ffmpeg and ffprobe and runs them. The only file that knows fluent-ffmpeg, which is no longer maintained.
// No shell is involved; files are named by absolute path behind `file:`, so that a name which starts with a dash
// or looks like a URL stays a name.

import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import ffmpeg from 'fluent-ffmpeg';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { guardProcess } from './ffmpeg-guard.ts';

/** A program that was found and ran. */
export interface Program {
  /** What to start: a path, or the bare name for a program on the PATH. */
  readonly path: string;
  readonly version: string;
  /** Where it was found: an explicit setting, the PATH, or the npm package that carries it. */
  readonly source: 'setting' | 'path' | 'package';
}

export interface FfmpegTools {
  readonly ffmpeg: Program;
  readonly ffprobe: Program;
}

/** One run of ffmpeg: options come before the input or output that they are about. */
export interface FfmpegJob {
  readonly inputs: readonly { readonly source: string | Readable; readonly options: readonly string[] }[];
  readonly outputs: readonly { readonly target: string | Writable; readonly options: readonly string[] }[];
  readonly filter?: string;
  /** Called with each line that ffmpeg says as it works, told apart by their level: `[info] …`, `[error] …`. */
  readonly onLine?: (line: string) => void;
}

/** How a run ended; `stderr` has ffmpeg's own complaints, `inputError` what went wrong in a stream that fed it. */
export interface FfmpegResult {
  readonly ok: boolean;
  /** By a signal that is not ours: what it gave is not the whole, though it may not have complained. */
  readonly died: boolean;
  readonly stderr: string;
  readonly inputError: Error | undefined;
}

export interface RunningFfmpeg {
  readonly finished: Promise<FfmpegResult>;
  /** Ends the process at once; `finished` then resolves with `ok: false`. */
  readonly kill: () => void;
}

/** Errors only, and no commands are read from the terminal. */
const QUIET = ['-hide_banner', '-nostdin', '-v', 'error'];
const TALKING = ['-hide_banner', '-nostdin', '-nostats', '-v', 'level+info'];
/**
 * The ffprobe that npm carries is linked statically and crashes when it loads this system's tables of characters, as it does for every
 * MPEG transport stream, whose programmes have names. It can do without them, and needs nothing else from its environment.
 */
const ALONE = { GCONV_PATH: '/nonexistent' };
const PROBE_TIMEOUT_MS = 60_000;
const MAX_PROBE_BYTES = 16 << 20;

/**
 * Finds both programs: the given path, else the PATH, else the npm packages that carry binaries.
 * @throws InvalidRequestError when a given path does not run, JobFailedError when there is none at all
 */
export async function findFfmpeg(
  settings: { ffmpeg?: string | undefined; ffprobe?: string | undefined } = {},
): Promise<FfmpegTools> {
  const [found, prober] = await Promise.all([
    findProgram('ffmpeg', settings.ffmpeg, '@ffmpeg-installer/ffmpeg'),
    findProgram('ffprobe', settings.ffprobe, '@ffprobe-installer/ffprobe'),
  ]);
  return { ffmpeg: found, ffprobe: prober };
}

/** A file's name as ffmpeg takes it, whatever characters it has. */
export function fileArgument(path: string): string {
  return `file:${resolve(path)}`;
}

/** For a film that was being read. */
export const ffmpegDied = (path: string): JobFailedError =>
  new JobFailedError(`ffmpeg ended before the end of ${path}, as a program does that is killed or has no memory left.`, { code: 'FFMPEG_DIED' }); // prettier-ignore

/** Names of the encoders that this ffmpeg has. */
export async function availableEncoders(tools: FfmpegTools): Promise<ReadonlySet<string>> {
  const { stdout } = await execute(tools.ffmpeg.path, ['-hide_banner', '-encoders']);
  return new Set(Array.from(stdout.matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm), ([, name]) => name!));
}

/** Runs ffprobe and returns its JSON. @throws the error of the process, with `stderr` */
export async function runFfprobe(
  tools: FfmpegTools,
  options: readonly string[],
  signal?: AbortSignal,
): Promise<unknown> {
  const { path, source } = tools.ffprobe;
  const env = source === 'package' && process.platform === 'linux' ? ALONE : undefined;
  const { stdout } = await execute(path, ['-v', 'error', '-of', 'json', ...options], { signal, env });
  return JSON.parse(stdout) as unknown;
}

/** Starts ffmpeg. It never rejects: `finished` tells how it ended, after the process is gone. */
export function startFfmpeg(tools: FfmpegTools, job: FfmpegJob): RunningFfmpeg {
  const command = commandOf(tools, job);
  let child: ChildProcess | undefined;
  let killed = false;
  let release = (): void => undefined;
  const finished = new Promise<FfmpegResult>((settle) => {
    const end = (ok: boolean, stderr: string, inputError?: Error): void => {
      for (const { source } of job.inputs) if (typeof source !== 'string') source.destroy();
      // fluent-ffmpeg may report before the process is gone; files are safe to touch only after.
      const gone = child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
      void (gone ? once(child!, 'exit') : Promise.resolve()).then(() => {
        release();
        settle({ ok: ok && !killed, died: !killed && (child?.signalCode ?? null) !== null, stderr, inputError });
      });
    };
    command.on('start', () => {
      child = (command as unknown as { ffmpegProc?: ChildProcess }).ffmpegProc;
      if (killed) child?.kill('SIGKILL');
      else if (child?.pid !== undefined && isFromFileToFile(job)) release = guardProcess(child.pid);
    });
    command.on('end', (_stdout: string | null, stderr: string | null) => end(true, stderr ?? ''));
    command.on('error', (error: Error & { inputStreamError?: Error }, _stdout, stderr) => {
      if (error.inputStreamError !== undefined) child?.kill('SIGKILL');
      end(false, stderr?.trim() ? stderr : error.message, error.inputStreamError);
    });
    command.run();
  });
  const kill = (): void => {
    killed = true;
    child?.kill('SIGKILL');
  };
  return { finished, kill };
}

/** Such a run does not notice when this process is gone. */
function isFromFileToFile({ inputs, outputs }: FfmpegJob): boolean {
  return [...inputs.map(({ source }) => source), ...outputs.map(({ target }) => target)].every((end) => typeof end === 'string'); // prettier-ignore
}

function commandOf(tools: FfmpegTools, job: FfmpegJob): ffmpeg.FfmpegCommand {
  const command = ffmpeg().setFfmpegPath(tools.ffmpeg.path);
  const manner = job.onLine === undefined ? QUIET : TALKING;
  for (const { source, options } of job.inputs) command.input(source).inputOptions(...manner, ...options);
  if (job.onLine !== undefined) command.on('stderr', job.onLine);
  if (job.filter !== undefined) command.complexFilter(job.filter);
  for (const { target, options } of job.outputs) command.output(target).outputOptions('-y', ...options);
  return command;
}

async function findProgram(
  name: 'ffmpeg' | 'ffprobe',
  setting: string | undefined,
  packageName: string,
): Promise<Program> {
  if (setting !== undefined && setting !== '') {
    const version = await versionOf(setting).catch((cause: unknown) => {
      throw new InvalidRequestError(
        `The ${name} that was set, ${setting}, does not run: ${reason(cause)}. Correct the setting or remove it.`,
        { cause },
      );
    });
    return { path: setting, version, source: 'setting' };
  }
  const onPath = await versionOf(name).catch(() => undefined);
  if (onPath !== undefined) return { path: name, version: onPath, source: 'path' };
  try {
    const path = carriedBinary(packageName);
    return { path, version: await versionOfCarried(path), source: 'package' };
  } catch (cause) {
    throw new JobFailedError(
      `There is no ${name}: none on the PATH, and ${packageName} has none that runs here (${reason(cause)}). Install ffmpeg.`,
      {
        code: 'FFMPEG_MISSING',
        cause,
      },
    );
  }
}

function carriedBinary(packageName: string): string {
  // Loaded only when needed: on a platform without a binary the package throws, and a text at that.
  return (createRequire(import.meta.url)(packageName) as { path: string }).path;
}

/** Some installs lose the mark that a file is a program. */
async function versionOfCarried(path: string): Promise<string> {
  try {
    return await versionOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    await chmod(path, 0o755);
    return versionOf(path);
  }
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await execute(path, ['-version']);
  const version = /^ff(?:mpeg|probe) version (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error('it does not answer like ffmpeg');
  return version;
}

function execute(
  path: string,
  args: readonly string[],
  { signal, env }: { readonly signal?: AbortSignal | undefined; readonly env?: NodeJS.ProcessEnv | undefined } = {},
): Promise<{ stdout: string; stderr: string }> {
  const options = {
    timeout: PROBE_TIMEOUT_MS,
    maxBuffer: MAX_PROBE_BYTES,
    killSignal: 'SIGKILL',
    signal,
    env,
  } as const;
  return new Promise((settle, refuse) => {
    const child = execFile(path, args, options, (error: Error | null, stdout, stderr) => {
      if (error === null) settle({ stdout, stderr });
      else refuse(Object.assign(error, { stderr }));
    });
    child.stdin?.end();
  });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n')[0]!.trim() : String(cause);
}
