// LoRA files merged into a transformer before it is opened: W' = W + Σ weight * alpha / rank * up·down. Merged tensors are kept
// in the cache, so the next render maps them at once; tensors that no file changes stay in the model's own. A step costs the
// same as without.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type NewWord, readNewWords } from '../conditioning/new-words.ts';
import { type Adapter, matchAdapters } from '../dit/lora.ts';
import { add, input, matmul } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched, localEngine, type Session } from '../graph/engine.ts';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { floats, sizeOf, type Tensor, tensor } from '../graph/tensor.ts';
import { quantisedMatrix } from '../graph/quantised-weights.ts';
import { isStored, type StoredTensor, type Weights } from '../graph/weights.ts';
import { float32ToFloat16 } from '../io/float16.ts';
import { openSafetensors, readStored, readTensor, type SafetensorsFile } from '../io/safetensors.ts';
import { streamSafetensors } from '../io/safetensors-stream.ts';

/** A file and how strongly it acts. */
export interface LoraChoice {
  readonly path: string;
  readonly weight: number;
  /** The only one of two experts that it changes; left out, both. */
  readonly expert?: 'high' | 'low' | undefined;
}

/** A file that was opened and matched with a transformer. */
export interface OpenLora extends LoraChoice {
  readonly file: SafetensorsFile;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly unmatched: readonly string[];
  /** Names that it taught. */
  readonly words: readonly NewWord[];
  /** Checksum of the file. */
  readonly sha256: string;
}

const LISTED = 8;

/** The same choice with its whole path, so that it means the same elsewhere. */
export function loraText(text: string): string {
  const { path, weight, expert } = parseLora(text);
  return `${expert === undefined ? '' : `${expert}=`}${path}:${weight}`;
}

/** Reads `file` or `file:weight`, with `high=` or `low=` before it for one of two experts. @throws InvalidRequestError */
export function parseLora(text: string): LoraChoice {
  const [, expert, rest = text] = /^(high|low)=(.+)$/.exec(text) ?? [];
  return { ...parseFile(rest), ...(expert !== undefined && { expert: expert as 'high' | 'low' }) };
}

function parseFile(text: string): LoraChoice {
  const [, path = text, number] = /^(.+):([^:/\\]*)$/.exec(text) ?? [];
  if (number === undefined || /^[A-Za-z]$/.test(path)) return { path: resolve(text), weight: 1 }; // a drive's letter is no path
  const weight = Number(number);
  if (number.trim() === '' || !Number.isFinite(weight) || Math.abs(weight) > 100) {
    throw new InvalidRequestError(
      `lora (=${text}): the weight after the colon must be a number from -100 to 100, as in ${path}:0.8.`,
    );
  }
  return { path: resolve(path), weight };
}

/**
 * Opens LoRA files for a transformer with these parameters.
 * @param lenient leaves out what matches nothing
 * @throws ModelFileError listing the names that match nothing, or naming a tensor whose shape does not fit
 */
export async function openLoras(
  choices: readonly LoraChoice[],
  parameters: readonly string[],
  lenient = false,
): Promise<readonly OpenLora[]> {
  return Promise.all(
    choices.map(async (choice) => {
      const file = await openSafetensors(choice.path);
      const { adapters, unmatched } = matchAdapters([...file.tensors.keys(), ...file.unsupported.keys()], parameters);
      if (unmatched.length > 0 && !lenient) throw strange(choice.path, unmatched);
      if (adapters.size === 0)
        throw new ModelFileError(`${choice.path}: nothing in it changes this model. Is it a LoRA of another model?`);
      const words = readNewWords(file.metadata);
      return { ...choice, file, adapters, unmatched, words, sha256: await checksumOf(choice.path) };
    }),
  );
}

function strange(path: string, unmatched: readonly string[]): ModelFileError {
  return new ModelFileError(
    `${unmatchedText(path, unmatched)}. Is it a LoRA of another model? With --lora-lenient they are left out.`,
    { code: 'LORA_UNMATCHED' },
  );
}

function unmatchedText(path: string, unmatched: readonly string[]): string {
  const list = unmatched.slice(0, LISTED).join(', ');
  const more = unmatched.length > LISTED ? ` and ${unmatched.length - LISTED} more` : '';
  return `${path}: ${unmatched.length} of its tensors match nothing in this model: ${list}${more}`;
}

/** What was left out of each file, in words for the user. */
export const leftOutNotices = (loras: readonly OpenLora[]): readonly string[] =>
  loras.flatMap(({ path, unmatched }) =>
    unmatched.length === 0 ? [] : [`${unmatchedText(path, unmatched)}. They are left out.`],
  );

/** What tells merged weights apart: the files' contents and weights, in their order. */
export const loraKey = (loras: readonly OpenLora[]): readonly unknown[] =>
  loras.map(({ sha256, weight, expert }) => [sha256, weight, ...(expert === undefined ? [] : [expert])]);

/**
 * The weights with the files merged in; merges when the cache has them not.
 * @param key tells the base weights from others', such as their fingerprint
 */
export async function mergeLoras(
  base: Weights,
  loras: readonly OpenLora[],
  place: { key: string; cacheFolder: string },
): Promise<Weights> {
  const name = createHash('sha256')
    .update(JSON.stringify(['lora 1', place.key, loraKey(loras)]))
    .digest('hex');
  const path = join(place.cacheFolder, 'merged', `${name}.safetensors`);
  if (!(await stat(path).then(() => true, () => false))) await writeMerged(path, base, loras); // prettier-ignore
  const merged = await openSafetensors(path);
  // What a file changed is used as it was merged, and not by a quantised form that was made before.
  const isOutdated = (parameter: string): boolean => merged.tensors.has(quantisedMatrix(parameter) ?? '');
  return (parameter) => merged.weights(parameter) ?? (isOutdated(parameter) ? undefined : base(parameter));
}

async function writeMerged(path: string, base: Weights, loras: readonly OpenLora[]): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const names = [...new Set(loras.flatMap(({ adapters }) => [...adapters.keys()]))];
  const sources = new Map(names.map((name) => [name, storedOf(base, name)]));
  // bfloat16 becomes float16, which is finer where weights lie and is cast while a step runs.
  const specs = names.map((name) => {
    const { dtype, shape } = sources.get(name)!;
    return { name, shape, dtype: dtype === 'float32' ? dtype : ('float16' as const) };
  });
  const engine = localEngine();
  const sums = new Sums(engine);
  try {
    await streamSafetensors(path, specs, async ({ name, dtype, shape }) => {
      const merged = await mergeOne(sums, name, sources.get(name)!, loras);
      if (dtype === 'float32') return { dtype, shape, data: merged };
      if (merged.some((value) => Math.abs(value) > 65504))
        throw new ModelFileError(
          `tensor ${name}: merged with its LoRA it has values that float16 cannot hold. Use a smaller weight.`,
        );
      return { dtype, shape, data: float32ToFloat16(merged) };
    });
  } finally {
    await engine.close();
  }
}

function storedOf(base: Weights, name: string): StoredTensor {
  const source = base(name);
  if (source !== undefined && isStored(source)) return source;
  throw new ModelFileError(`The model has no tensor ${name}, which a LoRA changes.`);
}

/** All files' changes of one tensor, as one product: their ranks side by side. */
async function mergeOne(
  sums: Sums,
  name: string,
  stored: StoredTensor,
  loras: readonly OpenLora[],
): Promise<Float32Array> {
  const whole = floats(await readStored(stored));
  const [rows, columns] = [stored.shape[0] ?? 1, sizeOf(stored.shape.slice(1))];
  const ups: Tensor[] = [];
  const downs: Float32Array[] = [];
  for (const { file, adapters, weight, path } of loras) {
    const { up, down, alpha, diff } = adapters.get(name) ?? {};
    if (diff !== undefined) {
      const change = floats(await readTensor(file, diff));
      if (change.length !== whole.length) throw unfit(path, diff, name, stored);
      change.forEach((value, i) => (whole[i]! += weight * value));
    }
    if (up === undefined || down === undefined) continue;
    const [left, right] = [await readTensor(file, up), await readTensor(file, down)];
    const rank = right.shape[0] ?? 0;
    if (sizeOf(left.shape) !== rows * rank || left.shape[0] !== rows) throw unfit(path, up, name, stored);
    if (sizeOf(right.shape) !== rank * columns) throw unfit(path, down, name, stored);
    const scale = (weight * (alpha === undefined ? rank : floats(await readTensor(file, alpha))[0]!)) / rank;
    ups.push(tensor(floats(left).map((value) => value * scale), [rows, rank])); // prettier-ignore
    downs.push(floats(right));
  }
  return ups.length === 0 ? whole : sums.add(whole, sideBySide(ups, rows), below(downs, columns));
}

function unfit(path: string, tensorName: string, name: string, { shape }: StoredTensor): ModelFileError {
  return new ModelFileError(
    `tensor "${tensorName}" of ${path} does not fit ${name} [${shape.join(',')}] of this model. It is a LoRA of another model.`,
  );
}

/** [rows,r1], [rows,r2] -> [rows,r1+r2]. */
function sideBySide(parts: readonly Tensor[], rows: number): Tensor {
  const width = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const joined = new Float32Array(rows * width);
  let at = 0;
  for (const part of parts) {
    const columns = part.shape[1]!;
    for (let row = 0; row < rows; row++)
      joined.set(floats(part).subarray(row * columns, (row + 1) * columns), row * width + at);
    at += columns;
  }
  return tensor(joined, [rows, width]);
}

/** [r1,columns], [r2,columns] -> [r1+r2,columns]. */
function below(parts: readonly Float32Array[], columns: number): Tensor {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return tensor(joined, [joined.length / columns, columns]);
}

/** W + U·D in the engine; one session for each shape. */
class Sums {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async add(whole: Float32Array, up: Tensor, down: Tensor): Promise<Float32Array> {
    const [rows, rank] = up.shape as [number, number];
    const columns = down.shape[1]!;
    const key = [rows, columns, rank].join('x');
    const session = this.#sessions.get(key) ?? this.#engine.open(sumGraph(rows, columns, rank));
    this.#sessions.set(key, session);
    const result = await (await session).run({ whole: tensor(whole, [rows, columns]), up, down });
    return floats(fetched(result, 'merged'));
  }
}

function sumGraph(rows: number, columns: number, rank: number) {
  const product = matmul(input('up', [rows, rank]), input('down', [rank, columns]));
  return compile({ outputs: { merged: add(input('whole', [rows, columns]), product) }, weights: () => undefined });
}

async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
