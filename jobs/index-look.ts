// What films are looked at with for the index, a captioner and a joint space, opened when the first film needs them: mostly none does.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Captioner } from '../understanding/captioner.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { placingCaptioner } from '../understanding/placing-captioner.ts';
import type { Download } from '../understanding/transformers.ts';
import { parseCaptionRequest } from './caption-request.ts';
import type { IndexOptions } from './index-films.ts';
import type { ParsedIndexRequest } from './index-request.ts';
import { openCaptioner } from './open-captioner.ts';
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

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  /** A captioner that places moments too. @throws InvalidRequestError (LOOK_PROBLEM), ModelFileError, JobFailedError */
  async open(): Promise<Captioner> {
    this.#opened ??= await this.#open().catch((error: unknown) => {
      throw error instanceof InvalidRequestError ? new InvalidRequestError(error.message, { code: LOOK_PROBLEM, cause: error }) : error; // prettier-ignore
    });
    return placingCaptioner(this.#opened.captioner, this.#opened.space);
  }

  async close(): Promise<void> {
    await this.#opened?.space.close();
    await this.#opened?.captioner.close();
  }

  async #open(): Promise<{ readonly captioner: Captioner; readonly space: JointSpace }> {
    const { request, choices, space: named, settings, options } = this.#parts;
    const { clip, space: _name, every: _every, ...said } = choices;
    const { concurrency, timeout, retries } = request;
    const wish = parseCaptionRequest({ videos: ['-'], ...said, concurrency, timeout, retries });
    const onDownload = (download: Download): void =>
      options.onProgress?.({ stage: 'load', video: '', number: 1, videos: 1, seconds: 0, durationSeconds: 0, download }); // prettier-ignore
    const captioner = await openCaptioner(wish, settings, onDownload);
    try {
      const space = await openSpace(named, settings, onDownload);
      options.onNotice?.(`Films are looked at by ${choices.captioner}; meaning comes from ${clip}.`);
      return { captioner, space };
    } catch (error) {
      await captioner.close();
      throw error;
    }
  }
}
