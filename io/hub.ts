// The Hugging Face hub, or a mirror of it: where a revision stands, which files it has, and their bytes. The only file that
// imports @huggingface/hub. Downloads go through hub-download.ts, because that package neither resumes nor checks.
import { HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { InvalidRequestError, JobFailedError, TesseraError } from '../graph/errors.ts';
import type { HubAddress } from './hub-cache.ts';

/** A hub, and who asks it. */
export interface Hub {
  /** Address without a slash at its end. */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

/** A file of a repository. */
export interface HubFile {
  /** Its name in the repository, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  /** What its bytes must hash to, which is also its name among the cache's blobs. */
  readonly checksum: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string };
}

export interface HubListing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** Looks a revision up: the commit it stands at and all files there. @throws InvalidRequestError, JobFailedError */
export async function listRevision(hub: Hub, address: HubAddress, signal?: AbortSignal): Promise<HubListing> {
  const asking = { hubUrl: hub.endpoint, fetch: hubFetch(hub, signal) };
  try {
    const { sha } = await modelInfo({
      name: address.id,
      revision: address.revision,
      additionalFields: ['sha'],
      ...asking,
    });
    if (!/^[0-9a-f]{40}$/.test(sha)) throw new JobFailedError(`${hub.endpoint} names no commit for ${shown(address)}.`);
    const files: HubFile[] = [];
    const repo = { type: 'model', name: address.id } as const;
    for await (const entry of listFiles({ repo, revision: sha, recursive: true, ...asking })) {
      if (entry.type === 'file') files.push(fileOf(entry, hub));
    }
    return { commit: sha, files };
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : hubError(error, hub, address);
  }
}

/** Where the bytes of a file are. Large ones are elsewhere; the hub answers with a redirect. */
export function fileUrl({ endpoint }: Hub, id: string, commit: string, path: string): string {
  return `${endpoint}/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** `fetch` that shows the token to the hub itself and to nobody else. */
export function hubFetch({ endpoint, token }: Hub, signal?: AbortSignal): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    const url = input instanceof Request ? input.url : String(input);
    if (token !== undefined && new URL(url).origin === new URL(endpoint).origin)
      headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers, ...(signal && !init?.signal && { signal }) });
  };
}

/** Says in words why the hub did not give what was asked for. */
export function hubError(error: unknown, hub: Hub, address: HubAddress): Error {
  if (error instanceof TesseraError) return error;
  if (error instanceof HubApiError) return refusal(error.statusCode, hub, address, error);
  const reason = reasonOf(error);
  return new JobFailedError(
    `${hub.endpoint} could not be reached (${reason}). Check the network, set HF_ENDPOINT to a mirror, or use what is there with HF_HUB_OFFLINE=1.`,
    { cause: error, code: 'HUB_UNREACHABLE' },
  );
}

/** Says what a status means. The hub hides private repositories: without a token they look as if they were not there. */
export function refusal(status: number, { endpoint, token }: Hub, address: HubAddress, cause?: unknown): Error {
  if (status === 401 || status === 403) {
    const [whom, how] =
      token === undefined
        ? ['strangers', 'Set HF_TOKEN to a token of an account that may read it']
        : ['this token', 'Use a token of an account that may read it'];
    return new InvalidRequestError(
      `${endpoint} does not show ${shown(address)} to ${whom}. ${how}, accept the model's terms on its page if it has any, and check the name.`,
      { cause, code: 'HUB_REFUSED' },
    );
  }
  if (status === 404) {
    return new InvalidRequestError(`${endpoint} has no ${shown(address)}. Check the name and the revision.`, {
      cause,
      code: 'HUB_NOT_FOUND',
    });
  }
  return new JobFailedError(`${endpoint} answered with status ${status} for ${shown(address)}. Try again later.`, {
    cause,
    code: 'HUB_FAILED',
  });
}

const shown = ({ id, revision }: HubAddress): string => (revision === 'main' ? id : `${id}@${revision}`);

/** fetch hides what went wrong in its cause. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/** Names and checksums become paths here, and a stranger wrote them. */
function fileOf({ path, size, oid, lfs }: Entry, hub: Hub): HubFile {
  const safe = path
    .split('/')
    .every((piece) => piece !== '' && piece !== '.' && piece !== '..' && !/[\\:\0]/.test(piece));
  const hex = lfs?.oid ?? oid ?? '';
  const kind = lfs === undefined ? 'git-sha1' : 'sha256';
  const sizeBytes = lfs?.size ?? size;
  const sound =
    (kind === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(hex) &&
    Number.isSafeInteger(sizeBytes) &&
    sizeBytes >= 0;
  if (!safe || !sound)
    throw new JobFailedError(
      `${hub.endpoint} lists a file that makes no sense: ${JSON.stringify({ path, size, oid, lfs })}.`,
    );
  return { path, sizeBytes, checksum: { kind, hex } };
}
