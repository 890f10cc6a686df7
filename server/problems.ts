// What is answered when something is wrong, in the shape of OpenAI's errors. Callers see what they can mend; what is this
// machine's business (paths, stacks) stays in its log.
import { InvalidRequestError, JobFailedError, ModelFileError } from '../jobs/errors.ts';

export interface FieldProblem {
  /** Path of the field, with dots. */
  readonly param: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly code: string;
  readonly fields?: readonly FieldProblem[];
  readonly retryAfterSeconds?: number;
  /** How a token is to be shown (default Bearer); Basic makes browsers ask their user. */
  readonly scheme?: 'Bearer' | 'Basic';
}

/** An answer that is no success. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: readonly FieldProblem[];
  readonly retryAfterSeconds: number | undefined;
  readonly #scheme: 'Bearer' | 'Basic';

  constructor(status: number, message: string, options: ProblemOptions) {
    super(message);
    const { code, fields = [], retryAfterSeconds, scheme = 'Bearer' } = options;
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
    this.#scheme = scheme;
  }

  /** The body: `param` is the first field that does not fit, `errors` has all of them. */
  get body(): object {
    const { message, code, fields } = this;
    const error = { message, type: typeOf(this.status), param: fields[0]?.param ?? null, code };
    return { error: { ...error, ...(fields.length > 0 && { errors: fields }) } };
  }

  get headers(): Record<string, string> {
    return {
      ...(this.retryAfterSeconds !== undefined && { 'Retry-After': String(this.retryAfterSeconds) }),
      ...(this.status === 401 && { 'WWW-Authenticate': `${this.#scheme} realm="tessera"` }),
    };
  }
}

/** The queue moves on at the pace of renders. */
const FULL_RETRY_SECONDS = 15;
const AWAY_RETRY_SECONDS = 5;

export const notFound = (what: string): Problem => new Problem(404, `There is no ${what}.`, { code: 'not_found' });

export const unavailable = (why: string): Problem =>
  new Problem(503, why, { code: 'unavailable', retryAfterSeconds: AWAY_RETRY_SECONDS });

export const invalidFields = (fields: readonly FieldProblem[]): Problem =>
  new Problem(422, fields.map(({ param, message }) => `${param} ${message}.`).join(' '), {
    code: 'invalid_request',
    fields,
  });

/** The answer to whatever was thrown; 500 for what nobody foresaw. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidRequestError) return invalid(withoutPaths(error.message));
  if (error instanceof ModelFileError) {
    return unavailable('The files of this model are damaged. Its owner can look with "tessera models verify".');
  }
  if (error instanceof JobFailedError && error.code === 'QUEUE_FULL') {
    return new Problem(429, error.message, { code: 'queue_full', retryAfterSeconds: FULL_RETRY_SECONDS });
  }
  if (error instanceof JobFailedError || isAway(error)) {
    return unavailable('The queue cannot be reached. Ask again later.');
  }
  return new Problem(500, 'Something went wrong here that should not. The log of the server tells more.', {
    code: 'internal_error',
  });
}

/** What drivers of Redis and PostgreSQL throw when nobody answers. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    /^E(CONN|PIPE|TIMEDOUT|HOST|NOTFOUND)/.test(code ?? '') || /^Connection (is closed|terminated)/.test(error.message)
  );
}

/** A message for callers: of a path only the last name is left. */
export function withoutPaths(message: string): string {
  return message.replace(/(?<![\w.:/])(?:[A-Za-z]:)?(?:[\\/][^\s\\/,;:()"']+)+[\\/]([^\s\\/,;:()"']+)/g, '$1');
}

/**
 * The messages of stories name fields as `width (=33) must be …`, `sigmas (=…) and steps (=3) …`, `image is missing: …`, two that
 * quarrel as `loop and last do not go together`.
 */
function invalid(message: string): Problem {
  const pair = /^([a-z]\w*) (?:and ([a-z]\w*) do not go together|says something about ([a-z]\w*), which)/.exec(message);
  const single = Array.from(
    message.matchAll(/(?:^|[.,] |\band )([a-z]\w*) (?:\(=|is missing[.:])/g),
    ([, param]) => param!,
  );
  const params = pair === null ? single : pair.slice(1).filter((param) => param !== undefined);
  const fields = params.map((param) => ({ param, message }));
  return new Problem(422, message, { code: 'invalid_request', fields });
}

function typeOf(status: number): string {
  if (status === 401 || status === 403) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
