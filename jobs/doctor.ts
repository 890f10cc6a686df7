// What this machine brings and what is wrong with it, each with what to do about it, for `tessera doctor`.
import { mkdir, statfs, writeFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { childEngine } from '../graph/child-engine.ts';
import { input, add } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { probeDevice } from './device.ts';
import { runtimeInfo } from '../graph/session.ts';
import { tensor } from '../graph/tensor.ts';
import { availableEncoders, findFfmpeg, type Program } from '../io/ffmpeg.ts';
import { listModels } from './model-names.ts';
import { packageFolder, packageVersion } from './package-folder.ts';
import {
  type Environment,
  environmentNow,
  readSettings,
  secretVariables,
  type Settings,
  settingVariables,
} from './settings.ts';
import { verifyModel } from './verify-model.ts';

export interface Finding {
  readonly name: string;
  /** `warning`: works, but could be better. `problem`: something will not work. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

const GB = 1e9;
const LEAST_NODE = [20, 19] as const;

/** Looks at everything that a render needs. Nothing is thrown: what fails is a finding. */
export async function examine(environment = environmentNow()): Promise<readonly Finding[]> {
  const settings = settingsOf(environment);
  if ('status' in settings) return [nodeVersion(), settings];
  const findings = [nodeVersion(), processor(), memory(), variables(environment)];
  const slow = await Promise.all([engine(), devices(settings), ffmpeg(settings), cache(settings)]);
  return [...findings, ...slow.flat(), ...(await models(settings))];
}

function settingsOf(environment: Environment): Settings | Finding {
  try {
    return readSettings(environment);
  } catch (error) {
    return { name: 'settings', status: 'problem', text: wordsOf(error), advice: 'Correct or unset the variable.' };
  }
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]);
  const text = `${process.version} (${process.platform} ${process.arch}), tessera ${packageVersion} in ${packageFolder}`;
  if (!isOld) return { name: 'node', status: 'ok', text };
  return { name: 'node', status: 'problem', text, advice: `Install Node ${LEAST_NODE.join('.')} or newer.` };
}

function processor(): Finding {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return { name: 'cores', status: 'ok', text: `${availableParallelism()} x ${model}` };
}

function memory(): Finding {
  const limit = process.constrainedMemory();
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const text = `${(total / GB).toFixed(1)} GB, ${(freemem() / GB).toFixed(1)} GB free`;
  if (total > 2 * GB) return { name: 'memory', status: 'ok', text };
  return { name: 'memory', status: 'warning', text, advice: 'Render small clips, or give the machine 4 GB or more.' };
}

function variables(environment: Environment): Finding {
  const set = Object.keys(settingVariables).filter((name) => environment[name]);
  const shown = (name: string): string => `${name}=${secretVariables.includes(name) ? '(secret)' : environment[name]}`;
  const text = set.length > 0 ? set.map(shown).join(' ') : 'none set';
  return { name: 'settings', status: 'ok', text };
}

async function engine(): Promise<Finding> {
  try {
    const { version, providers } = runtimeInfo();
    const start = performance.now();
    await addInChild();
    const text = `onnxruntime ${version}, providers: ${providers.join(', ')}; a child process answers in ${Math.round(performance.now() - start)} ms`;
    return { name: 'engine', status: 'ok', text };
  } catch (error) {
    const advice = 'Remove node_modules and install again on this machine; packages of another system do not run.';
    return { name: 'engine', status: 'problem', text: wordsOf(error), advice };
  }
}

/** What else graphs could run on, tried one after the other. */
async function devices({ threads, device = 'cpu' }: Settings): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const name of ['cpu', 'webgpu', 'cuda'] as const) {
    const { works, problem, flopsPerSecond = 0 } = await probeDevice(name, threads);
    const text = works
      ? `${(flopsPerSecond / 1e9).toPrecision(2)} GFLOP/s in a short product`
      : `not available: ${problem}`;
    const isMissed = !works && (device === name || name === 'cpu');
    const advice = 'Renders run on the CPU instead. Install its driver, or unset TESSERA_DEVICE.';
    findings.push({ name: `device ${name}`, status: isMissed ? 'warning' : 'ok', text, ...(isMissed && { advice }) });
  }
  return findings;
}

async function addInChild(): Promise<void> {
  const engine = await childEngine();
  try {
    const x = input('x', [1]);
    const session = await engine.open(compile({ outputs: { y: add(x, x) }, weights: () => undefined }));
    await session.run({ x: tensor(Float32Array.of(1), [1]) });
  } finally {
    await engine.close();
  }
}

async function ffmpeg(settings: Settings): Promise<readonly Finding[]> {
  try {
    const tools = await findFfmpeg(settings);
    const encoders = await availableEncoders(tools);
    const missing = [
      ...(encoders.has('libx264') || encoders.has('libopenh264') ? [] : ['.mp4']),
      ...(encoders.has('libvpx-vp9') || encoders.has('libvpx') ? [] : ['.webm']),
    ];
    const found = [program('ffmpeg', tools.ffmpeg), program('ffprobe', tools.ffprobe)];
    if (missing.length === 0) return found;
    const advice = 'Install an ffmpeg with libx264 and libvpx, or write .gif, .webp or .png.';
    return [...found, { name: 'encoders', status: 'warning', text: `none for ${missing.join(', ')}`, advice }];
  } catch (error) {
    const advice = 'Install ffmpeg, or set TESSERA_FFMPEG and TESSERA_FFPROBE to where it is.';
    return [{ name: 'ffmpeg', status: 'problem', text: wordsOf(error), advice }];
  }
}

function program(name: string, { path, version, source }: Program): Finding {
  const from = { setting: 'from the setting', path: 'from the PATH', package: 'from the npm package' }[source];
  const text = `${version}, ${from}: ${path}`;
  if (source !== 'package') return { name, status: 'ok', text };
  return { name, status: 'ok', text, advice: 'Works, but is old: a newer one on the PATH will be used instead.' };
}

async function cache({ cacheFolder }: Settings): Promise<Finding> {
  const probe = join(cacheFolder, `.probe-${process.pid}`);
  try {
    await mkdir(cacheFolder, { recursive: true });
    await writeFile(probe, 'x');
    const { bavail, bsize } = await statfs(cacheFolder);
    const text = `${cacheFolder}, ${((bavail * bsize) / GB).toFixed(1)} GB free on its disk`;
    if (bavail * bsize > GB) return { name: 'cache', status: 'ok', text };
    return { name: 'cache', status: 'warning', text, advice: 'Free some space, or set TESSERA_CACHE to another disk.' };
  } catch (error) {
    const advice = 'Renders work, but cannot be resumed. Set TESSERA_CACHE to a folder that can be written.';
    return { name: 'cache', status: 'warning', text: wordsOf(error), advice };
  } finally {
    await rm(probe, { force: true });
  }
}

async function models(settings: Settings): Promise<readonly Finding[]> {
  const found = await listModels(settings);
  const findings = await Promise.all(
    found.map(async ({ name, folder }): Promise<Finding> => {
      const { ok, problems, sizeBytes } = await verifyModel(folder, settings);
      if (ok) return { name: `model ${name}`, status: 'ok', text: `${(sizeBytes / 1e6).toFixed(1)} MB in ${folder}` };
      const advice = 'Get the files that are named again.';
      return { name: `model ${name}`, status: 'problem', text: problems.join(' '), advice };
    }),
  );
  if (found.some(({ name }) => name === 'nano')) return findings;
  const text = `not in ${settings.modelFolders.join(', ')}`;
  const advice = 'Install tessera again, or name another model with --model.';
  return [...findings, { name: 'model nano', status: 'problem', text, advice }];
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
