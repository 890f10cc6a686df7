// Spoken words with their times, by a Whisper or Wav2Vec2 model that @huggingface/transformers can run. Sound is read in pieces of
// half a minute, as Whisper hears it, so that memory stays flat.
import { PassThrough } from 'node:stream';
import { ffmpegDied, type FfmpegTools, fileArgument, startFfmpeg } from '../io/ffmpeg.ts';
import { SAFE_SOUND_INPUT } from '../io/probe-sound.ts';
import type { Caption } from './cues.ts';
import { loadFromHub, type ModelSource } from './transformers.ts';
import { whisperOptions } from './whisper.ts';

export interface Listener {
  readonly name: string;
  /** What is said in one piece of sound; times count from its beginning. */
  hear(sound: Float32Array): Promise<readonly Said[]>;
  close(): Promise<void>;
}

export interface Said {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly text: string;
}

export const SAMPLE_RATE = 16_000;
const PIECE_SECONDS = 30;
/** Quieter than this is silence (root mean square); models make words up of it. */
const SILENCE = 0.002;
/** Shorter than this is no word, as the rest after the last half minute may be; models make words up of it, or fail. */
const SHORTEST_SECONDS = 0.1;

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openListener(
  model: string,
  language: string | undefined,
  source: ModelSource,
): Promise<Listener> {
  const run = await loadFromHub(model, source, (library, where, options) =>
    library.pipeline('automatic-speech-recognition', where, options as object),
  );
  const isWhisper = (run.model.config as { model_type?: string }).model_type === 'whisper';
  const optionsFor = isWhisper ? whisperOptions(run, language) : undefined;
  return {
    name: `hf:${model}`,
    hear: async (sound) => {
      const { text, chunks } = await run(sound, await optionsFor?.(sound));
      const lastsSeconds = sound.length / SAMPLE_RATE;
      const parts = chunks ?? [{ text, timestamp: [0, lastsSeconds] as [number, number] }];
      return parts.map(({ text, timestamp: [start, end] }) => ({
        startSeconds: Math.min(start, lastsSeconds),
        endSeconds: Math.min(end ?? lastsSeconds, lastsSeconds),
        text: text.trim(),
      }));
    },
    close: async () => void (await run.dispose()),
  };
}

/** What is said in a film, as it is heard. Yields after each piece, also where nothing is said. */
export async function* listen(
  tools: FfmpegTools,
  path: string,
  listener: Listener,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly untilSeconds: number; readonly captions: readonly Caption[] }, void> {
  let from = 0;
  for await (const sound of pieces(tools, path, signal)) {
    const untilSeconds = from + sound.length / SAMPLE_RATE;
    const said = isSilent(sound) || sound.length < SHORTEST_SECONDS * SAMPLE_RATE ? [] : await listener.hear(sound);
    const captions = said
      .filter(({ text, startSeconds, endSeconds }) => text !== '' && endSeconds > startSeconds)
      .map(({ text, startSeconds, endSeconds }) => ({
        startSeconds: from + startSeconds,
        endSeconds: from + endSeconds,
        text,
        source: 'heard' as const,
      }));
    yield { untilSeconds, captions };
    from = untilSeconds;
  }
}

function isSilent(sound: Float32Array): boolean {
  let sum = 0;
  for (const value of sound) sum += value * value;
  return Math.sqrt(sum / sound.length) < SILENCE;
}

/** The first sound track as floats, one channel; gaps are filled, so that a sample's number tells its time. */
async function* pieces(tools: FfmpegTools, path: string, signal?: AbortSignal): AsyncGenerator<Float32Array, void> {
  signal?.throwIfAborted();
  const pipe = new PassThrough({ autoDestroy: false });
  const filter = `aresample=${SAMPLE_RATE}:async=1:first_pts=0`;
  const output = ['-map', '0:a:0', '-vn', '-sn', '-dn', '-filter:a', filter, '-ac', '1', '-ar', String(SAMPLE_RATE)];
  const { finished, kill } = startFfmpeg(tools, {
    inputs: [{ source: fileArgument(path), options: SAFE_SOUND_INPUT }],
    outputs: [{ target: pipe, options: [...output, '-f', 'f32le'] }],
  });
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const size = PIECE_SECONDS * SAMPLE_RATE * 4;
    let held: Buffer[] = [];
    let filled = 0;
    const take = (): Float32Array => {
      const bytes = Buffer.concat(held);
      const now = bytes.subarray(0, Math.min(size, bytes.length - (bytes.length % 4)));
      held = [bytes.subarray(now.length)];
      filled = bytes.length - now.length;
      return new Float32Array(new Uint8Array(now).buffer);
    };
    for await (const bytes of pipe.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      held.push(bytes);
      filled += bytes.length;
      while (filled >= size) {
        signal?.throwIfAborted();
        yield take();
      }
    }
    const { died } = await finished;
    signal?.throwIfAborted();
    if (died) throw ffmpegDied(path);
    if (filled >= 4) yield take();
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
    await finished;
    pipe.destroy();
  }
}
