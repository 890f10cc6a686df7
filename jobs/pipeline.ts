// A model opened on an engine: prompts to conditions, conditions to a velocity, latents to frames. Joins conditioning, dit
// and compressor, which know nothing of each other. Graphs stay open from clip to clip as long as shapes stay the same.
import { join } from 'node:path';
import { decode } from '../compressor/autoencoder.ts';
import { type Autoencoder, openAutoencoder } from '../compressor/open-autoencoder.ts';
import { TinyDecoder } from '../compressor/open-tiny-decoder.ts';
import { type ClipSize, latentShape } from '../compressor/sizes.ts';
import { cut } from '../compressor/frames.ts';
import { denormalizeLatents, normalizeLatents } from '../compressor/statistics.ts';
import { defaultTiling } from '../compressor/tiling.ts';
import { folderStateCache } from '../conditioning/state-cache.ts';
import { inKnownWords } from '../conditioning/new-words.ts';
import { openTextEncoder, type PromptEncoder, wordMask } from '../conditioning/text-states.ts';
import type { Condition } from '../dit/denoiser.ts';
import { mixedText } from '../dit/mixed-text.ts';
import { withEmptyLayout } from '../dit/layout-channels.ts';
import { positionChannels, takesPositions } from '../dit/position-channels.ts';
import { tokenGrid } from '../dit/patchify.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import type { Engine } from '../graph/engine.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, sizeOf, tensor } from '../graph/tensor.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { type Frames, framesToTensor, tensorToFrames } from '../io/frames.ts';
import { isMixed, promptsOfLikeness, type PromptsOfLikeness } from './like.ts';
import { decodesInTiles } from './memory.ts';
import type { Model } from './model.ts';
import { type Conditions, type OpenVelocity, Transformers } from './open-velocity.ts';
import { isGuided, promptOf, type Render } from './resolve-request.ts';
import { partAt, timedPrompts } from './timed-prompts.ts';
import { visualConditions } from './visual-conditions.ts';

/** What a clip is to show, and what it is not. */
export interface PromptConditions extends Conditions {
  /** What it is to show from which second on, where the prompt says so. */
  readonly timed?: readonly { readonly from: number; readonly positive: Condition }[];
  /** What the model could not take from the prompt, in words for the user. */
  readonly notices: readonly string[];
}

export interface VelocityOptions {
  /** Whether each frame of tokens has a timestep of its own, as where frames are given. */
  readonly eachFrame?: boolean;
  /** Of the clip, for prompts that change with time. */
  readonly seconds?: number;
}

/** Up to so many pixels in all, a clip is decoded in one piece. */
const PIXELS_AT_ONCE = 2 ** 21;

export class Pipeline {
  readonly model: Model;
  readonly #text: PromptEncoder;
  readonly #autoencoders: { readonly whole: Autoencoder; readonly tiled: Autoencoder };
  readonly #engine: Engine;
  readonly #transformers: Transformers;
  readonly #tiny: TinyDecoder | undefined;

  /** Opens nothing yet. @param cacheFolder where text states are kept for other processes; in memory if left out */
  constructor(model: Model, engine: Engine, cacheFolder?: string) {
    const cache = cacheFolder === undefined ? undefined : folderStateCache(join(cacheFolder, 'text-states'));
    this.model = model;
    this.#engine = engine;
    this.#tiny = model.tinyDecoder && new TinyDecoder(engine, model.tinyDecoder);
    this.#transformers = new Transformers(model, engine);
    this.#text = openTextEncoder(engine, {
      ...model.textEncoder,
      tokenizer: model.tokenizer,
      ...(cache && { cache }),
    });
    this.#autoencoders = {
      whole: openAutoencoder(engine, model.autoencoder),
      tiled: openAutoencoder(engine, { ...model.autoencoder, tiling: defaultTiling }),
    };
  }

  get device(): string | undefined {
    return this.#engine.device;
  }

  /** What is sampled for a clip, without the batch: [C,T,H,W], the latents and, behind them, the layout where there is one. */
  latentShape(size: ClipSize & Pick<Render, 'reference'>): readonly [number, number, number, number] {
    const { autoencoder, transformer } = this.model;
    const [, , t, h, w] = latentShape(autoencoder.config, size) as [number, number, number, number, number];
    return [transformer.config.outChannels, t + (size.reference?.length ?? 0), h, w]; // references stand in front of the clip
  }

  /** What pictures and videos say, added to the prompts' conditions. */
  async withVisuals(render: Render, prompts: PromptConditions, tools: FfmpegTools): Promise<PromptConditions> {
    const { whole, tiled } = this.#autoencoders;
    const autoencoder = decodesInTiles(this.model.autoencoder.config, render) ? tiled : whole;
    const visuals = await visualConditions(this.model, render, { engine: this.#engine, autoencoder, tools });
    const shown = (condition: Condition): Condition => ({ ...condition, ...visuals });
    const timed = prompts.timed?.map(({ from, positive }) => ({ from, positive: shown(positive) }));
    const { positive, negative } = prompts;
    return { ...prompts, positive: shown(positive), negative: shown(negative), ...(timed && { timed }) };
  }

  /**
   * Text states of both prompts; without guidance nothing asks for the negative one's, and the prompt's stand for them. UMT5, of up to
   * 11 GB, is closed before the transformer opens.
   */
  async conditions(render: Render): Promise<PromptConditions> {
    const { negativePrompt } = render;
    const { textLength, textEncoder, name, newWords = [] } = this.model;
    const prompt = inKnownWords(promptOf(render), newWords);
    const timed: { from: number; positive: Condition }[] = [];
    for (const part of timedPrompts(prompt)) {
      const positive = await this.#condition(promptsOfLikeness(part.prompt, render, this.model), render);
      timed.push({ from: part.from, positive });
    }
    const negative = isGuided(render)
      ? await this.#condition({ own: inKnownWords(negativePrompt, newWords) }, render)
      : timed[0]!.positive;
    if (textEncoder.kind === 'umt5') await this.#text.release();
    const parts = timedPrompts(prompt).map((part) => part.prompt);
    const unknown = [...new Set(parts.flatMap((part) => this.#text.unknownWords(part)))];
    const notices = [
      ...(unknown.length > 0 ? [`${name} does not know these words: ${unknown.join(', ')}.`] : []),
      ...(parts.some((part) => this.#text.isTruncated(part, textLength))
        ? [`The prompt is longer than the ${textLength} tokens that ${name} reads; its end is left out.`]
        : []),
    ];
    return { positive: timed[0]!.positive, ...(timed.length > 1 && { timed }), negative, notices };
  }

  async #condition({ own, like }: PromptsOfLikeness, render: Render): Promise<Condition> {
    const { textLength, masksPadding, transformer } = this.model;
    const text = await this.#text.encode(own, textLength);
    const other = like === undefined ? undefined : await this.#text.encode(like, textLength);
    const [, ...grid] = this.latentShape(render);
    return {
      ...(isMixed(render)
        ? mixedText([text, wordMask(text)], other && [other, wordMask(other)], render.likeWeight)
        : { text, ...(masksPadding && { textMask: wordMask(text) }) }),
      ...(takesPositions(transformer.config) && { channels: positionChannels(grid) }),
    };
  }

  /** Normalised latents [C*t*H*W] of a clip's first frames, or of any frames as if they were a clip. */
  async encode(frames: Frames): Promise<Float32Array> {
    const { config } = this.model.autoencoder;
    const { whole, tiled } = this.#autoencoders;
    const { mean } = await (decodesInTiles(config, frames) ? tiled : whole).encode(framesToTensor(frames));
    const latents = floats(normalizeLatents(config, mean));
    return withEmptyLayout(latents, sizeOf(this.latentShape(frames)));
  }

  /** Opens the transformer for a clip's shape and follows the prompt, or its part for a second, with guidance. */
  async velocity(render: Render, prompts: PromptConditions, options: VelocityOptions = {}): Promise<OpenVelocity> {
    const { timed, negative } = prompts;
    const positive = timed?.[partAt(timed, options.seconds ?? 0)]?.positive ?? prompts.positive;
    const shape = this.latentShape(render);
    const timesteps = options.eachFrame === true ? tokenGrid(this.model.transformer.config, shape).frames : 1;
    const opened = await this.#transformers.velocity(render, { positive, negative }, { shape, timesteps });
    if (this.#transformers.isLarge) await this.#closeAutoencoders();
    return opened;
  }

  /** Latents [C*T*H*W] as the sampler leaves them to frames, in pieces as they are ready. */
  async *frames(render: Render, latents: Float32Array): AsyncGenerator<Frames> {
    if (this.#transformers.isLarge) await this.#transformers.close();
    const [, ...grid] = this.latentShape(render);
    const references = render.reference?.length ?? 0;
    const { config } = this.model.autoencoder;
    const shape = [1, config.zDim, ...grid];
    const sampled = tensor(latents.subarray(0, sizeOf(shape)), shape); // without the layout
    const shaped = references === 0 ? sampled : cut(sampled, { frames: [references, grid[0]] });
    if (this.#tiny !== undefined) {
      for await (const piece of this.#tiny.decodeStream(shaped)) yield tensorToFrames(piece);
      return;
    }
    const autoencoder = this.#autoencoders[decodesInTiles(config, render) ? 'tiled' : 'whole'];
    const z = denormalizeLatents(config, shaped);
    if (render.width * render.height * render.frames <= PIXELS_AT_ONCE) {
      yield tensorToFrames(await autoencoder.decode(z));
    } else {
      for await (const piece of autoencoder.decodeStream(z)) yield tensorToFrames(piece);
    }
  }

  /** Floating point operations of decoding a clip. */
  decodeFlops(render: Render): number {
    if (this.#tiny !== undefined) return this.#tiny.flops(this.latentShape(render));
    const { config, weights } = this.model.autoencoder;
    const video = decode(parameterScope().parameters, config, input('z', latentShape(config, render)));
    return compile({ outputs: { video }, weights }).flops;
  }

  /** Releases all graphs; the engine stays open. */
  async close(): Promise<void> {
    await this.#text.release();
    await this.#closeAutoencoders();
    await this.#transformers.close();
    await this.#tiny?.close();
  }

  async #closeAutoencoders(): Promise<void> {
    await Promise.all(Object.values(this.#autoencoders).map((autoencoder) => autoencoder.close()));
  }
}
