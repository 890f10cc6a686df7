// How a model takes pictures and videos as prompts, told by its configs, and what may be asked of each kind.
import { temporalFactor } from '../compressor/config.ts';
import { says } from '../conditioning/new-words.ts';
import { layoutChannels } from '../dit/layout-channels.ts';
import { takesPositions } from '../dit/position-channels.ts';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { parsePath } from './actor-path.ts';
import { filled } from './like.ts';
import type { Model } from './model.ts';
import type { ParsedRequest } from './request.ts';
import { promptSeconds } from './timed-prompts.ts';

/**
 * `none`: words alone. `timesteps`: a clean first frame, as Wan 2.2 TI2V. `channels`: mask and clean latents behind the noise, as
 * Wan's I2V and FLF2V models. `control`: VACE.
 */
export type VisualKind = 'none' | 'timesteps' | 'channels' | 'control';

type Visual = Pick<ParsedRequest, 'image' | 'last' | 'control' | 'mask' | 'reference'>;

/** @throws ModelFileError for channels that nothing known fills */
export function visualKind({ name, transformer, autoencoder, startsFromPicture }: Model): VisualKind {
  const { inChannels, outChannels, vace } = transformer.config;
  if (vace !== null) return 'control';
  if (startsFromPicture) return 'timesteps';
  const more = inChannels - outChannels;
  if (more === 0 || takesPositions(transformer.config)) return 'none';
  if (more === temporalFactor(autoencoder.config) + autoencoder.config.zDim) return 'channels';
  throw new ModelFileError(
    `${name}: its transformer takes ${more} channels beside the latents, and no model is known that fills so many. Use another one.`,
  );
}

/** @throws InvalidRequestError when a request shows what the model cannot take, or not what it needs */
export function checkVisuals(model: Model, request: ParsedRequest): void {
  const kind = visualKind(model);
  const taken = { none: [], timesteps: ['image', 'last'], channels: ['image', 'last'], control: controls }[
    kind
  ] as string[];
  const isRestyled = request.restyle !== undefined;
  for (const field of controls) {
    if (request[field] === undefined || taken.includes(field) || (field === 'mask' && isRestyled)) continue;
    const can = taken.length === 0 ? 'was taught to start from text' : `takes ${taken.join(', ')}`;
    throw new InvalidRequestError(
      `${field} (=${String(request[field])}) cannot be given to ${model.name}, which ${can}.`,
    );
  }
  if (kind === 'channels') checkPictures(model, request);
  if (request.mask !== undefined && request.control === undefined && !isRestyled)
    throw new InvalidRequestError(
      `mask (=${request.mask}) says what of control or restyle is made anew, and there is no control, and no restyle.`,
    );
  if (kind === 'channels' || kind === 'control') refuseDirection(model, request);
  if (request.like !== undefined) checkLike(model, request.like);
  if (request.path !== undefined) checkPath(model, request, request.path);
}

/** The picture is read by the model's own towers, and weighed by its mask of words. */
function checkLike({ name, hasTowerPair, masksPadding }: Model, like: string): void {
  if (hasTowerPair && masksPadding) return;
  const why = hasTowerPair
    ? 'attends to all of its text alike (mask_text_padding in tessera.json)'
    : 'has no picture tower in the space of its text tower (an image_encoder/ beside a CLIP text_encoder/, both with projections)';
  throw new InvalidRequestError(`like (=${like}) cannot be given to ${name}, which ${why}. Use nano.`);
}

/** One actor is led, through a model that makes layouts. */
function checkPath(model: Model, request: ParsedRequest, path: string): void {
  const { name, transformer, autoencoder } = model;
  if (layoutChannels(transformer.config, autoencoder.config.zDim) === 0)
    throw new InvalidRequestError(
      `path (=${path}) cannot be given to ${name}, which was not taught where actors are. Use nano.`,
    );
  const { actor } = parsePath(path);
  if (actor === undefined || isShown(actor, model, request)) return;
  throw new InvalidRequestError(`path (=${path}) leads "${actor}", which the prompt does not name.`);
}

/** Whether the prompt names an actor, or leaves open what a picture shows in its place. */
function isShown(actor: string, model: Model, { prompt, expanded = '', like, likeWeight = 0 }: ParsedRequest): boolean {
  const word = { name: actor.toLowerCase().split(/[\s_-]+/).join(' ') }; // prettier-ignore
  if (says(`${prompt} ${expanded}`, word)) return true;
  return like !== undefined && (likeWeight > 0 || says(filled(prompt, { thing: actor }, model), word));
}

const controls = ['image', 'last', 'control', 'mask', 'reference'] as const satisfies readonly (keyof Visual)[];

/** Their pictures and controls hold for one clip of one length. */
function refuseDirection({ name, defaults }: Model, request: ParsedRequest): void {
  const { fps = defaults.fps, frames = defaults.frames, seconds = promptSeconds(request.prompt) ?? 0 } = request;
  const field = (['extend', 'between', 'restyle', 'loop'] as const).find((one) => request[one] !== undefined && request[one] !== false); // prettier-ignore
  if (field === undefined && seconds * fps <= frames + 2) return;
  const asked =
    field === undefined ? `seconds (=${seconds}) of more than a clip` : `${field} (=${String(request[field])})`;
  throw new InvalidRequestError(
    `${asked} cannot be asked of ${name}, which takes pictures through channels of its own. Use a model that makes clips of words, or Wan 2.2 TI2V.`,
  );
}

function checkPictures({ name, transformer }: Model, { image, last }: Visual): void {
  const { posEmbedLength, attendsToImage } = transformer.config;
  if (image === undefined)
    throw new InvalidRequestError(`image is missing: ${name} starts from a picture. Give it one: --image first.png.`);
  if (posEmbedLength !== null && last === undefined)
    throw new InvalidRequestError(
      `last is missing: ${name} goes from a first to a last picture. Give it both: --image and --last.`,
    );
  if (posEmbedLength === null && attendsToImage && last !== undefined)
    throw new InvalidRequestError(
      `last (=${last}) cannot be given to ${name}, which was taught with a first picture alone.`,
    );
}
