// What films are looked at and listened to with for the index, a captioner with a joint space and a listener, each opened when the first
// film needs it: mostly none does.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Captioner } from '../understanding/captioner.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { placingCaptioner } from '../understanding/placing-captioner.ts';
import type { Listener } from '../understanding/speech.ts';
import type { Download } from '../understanding/transformers.ts';
import { parseCaptionRequest } from './caption-request.ts';
import type { ChosenCaptioner } from './captioner-names.ts';
import type { IndexOptions } from './index-films.ts';
import type { ParsedIndexRequest } from './index-request.ts';
import { openCaptioner, openSpeech } from './open-captioner.ts';
import { type NamedSpace, openSpace } from './open-space.ts';
import type { IndexChoices } from './search-store.ts';
import type { Settings } from './settings.ts';

/** The code of what is wrong for all films, not for one. */
export const LOOK_PROBLEM = 'LOOK';

export interface LookParts {
  readonly request: ParsedIndexRequest;
  readonly choices: IndexChoices;
  readonly space: NamedSpace;
  readonly settings: Settings;
  readonly options: IndexOptions;
}

export class LazyLook {
  readonly #parts: LookParts;
  #opened: { readonly captioner: Captioner; readonly space: JointSpace } | undefined;
  #listener: Listener | undefined;

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  /** A captioner that places moments too. @throws InvalidRequestError (LOOK_PROBLEM), ModelFileError, JobFailedError */
  async open(): Promise<Captioner> {
    this.#opened ??= await this.#open().catch(ofAllFilms);
    return placingCaptioner(this.#opened.captioner, this.#opened.space);
  }

  /** Who hears what is said, where that is wanted. @throws as `open` */
  async listener(): Promise<Listener | undefined> {
    const { settings } = this.#parts;
    this.#listener ??= await openSpeech(this.#wish(), settings, this.#onDownload).catch(ofAllFilms);
    return this.#listener;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    await this.#opened?.space.close();
    await this.#opened?.captioner.close();
  }

  async #open(): Promise<{ readonly captioner: Captioner; readonly space: JointSpace }> {
    const { choices, space: named, settings, options } = this.#parts;
    const captioner = await openCaptioner(this.#wish(), settings, this.#onDownload);
    try {
      const space = await openSpace(named, settings, this.#onDownload);
      options.onNotice?.(`Films are looked at by ${choices.captioner}; meaning comes from ${choices.clip}.`);
      return { captioner, space };
    } catch (error) {
      await captioner.close();
      throw error;
    }
  }

  #wish(): ChosenCaptioner {
    const { clip: _clip, space: _name, every: _every, ...said } = this.#parts.choices;
    const { concurrency, timeout, retries } = this.#parts.request;
    return { ...parseCaptionRequest({ videos: ['-'], ...said, concurrency, timeout, retries }), captioner: said.captioner }; // prettier-ignore
  }

  readonly #onDownload = (download: Download): void =>
    this.#parts.options.onProgress?.({ stage: 'load', video: '', number: 1, videos: 1, seconds: 0, durationSeconds: 0, download }); // prettier-ignore
}

function ofAllFilms(error: unknown): never {
  if (error instanceof InvalidRequestError) throw new InvalidRequestError(error.message, { code: LOOK_PROBLEM, cause: error }); // prettier-ignore
  throw error;
}
