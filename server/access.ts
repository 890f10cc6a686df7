// Who may ask: whoever shows the token, or, where there is none, this machine alone. A page of another site that is open in a
// browser here is not this machine, so without a token the names of host and origin are looked at.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { InvalidRequestError } from '../jobs/errors.ts';
import { Problem } from './problems.ts';

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/** @throws InvalidRequestError when others could reach a server without a token */
export function checkExposure(host: string, token: string | undefined): void {
  if (token !== undefined || isLoopback(host)) return;
  throw new InvalidRequestError(
    `host (=${host}) can be reached from other machines, so callers must show a token. Set TESSERA_TOKEN, or use 127.0.0.1.`,
  );
}

/** Lets through who may ask. @throws Problem 401, 403 */
export function guard(token: string | undefined): MiddlewareHandler {
  const check = token === undefined ? checkLocal : checkToken(token);
  return async (c, next) => {
    check(c.req.raw.headers);
    await next();
  };
}

/**
 * As `guard`, for pages that only show: browsers ask their user for a name and a password, which is the token, and send it
 * with all that a page loads.
 */
export function pageGuard(token: string | undefined): MiddlewareHandler {
  if (token === undefined) return guard(token);
  return async (c, next) => {
    const headers = c.req.raw.headers;
    if (!isToken(passwordOf(headers) ?? bearerOf(headers), token)) {
      const message = 'The token is missing or wrong. Give it as the password; the name does not matter.';
      throw new Problem(401, message, { code: 'invalid_api_key', scheme: 'Basic' });
    }
    await next();
  };
}

function checkToken(token: string): (headers: Headers) => void {
  return (headers) => {
    if (isToken(bearerOf(headers), token)) return;
    const message = 'The token is missing or wrong. Send it as "Authorization: Bearer <token>".';
    throw new Problem(401, message, { code: 'invalid_api_key' });
  };
}

const bearerOf = (headers: Headers): string | undefined =>
  /^Bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1];

function passwordOf(headers: Headers): string | undefined {
  const [, shown] = /^Basic +(\S+) *$/i.exec(headers.get('authorization') ?? '') ?? [];
  return (
    shown &&
    Buffer.from(shown, 'base64')
      .toString()
      .replace(/^[^:]*:/, '')
  );
}

/** Digests are compared, in a time that tells nothing: they have one length whatever was sent. */
function isToken(shown: string | undefined, token: string): boolean {
  return shown !== undefined && timingSafeEqual(digest(shown), digest(token));
}

function checkLocal(headers: Headers): void {
  const [host, origin] = [headers.get('host') ?? 'localhost', headers.get('origin')];
  const isForeign = origin !== null && origin !== `http://${host}`;
  if (!isForeign && isLoopback(host.replace(/:\d+$/, ''))) return;
  const message =
    'Pages of other sites may not ask this server. Set TESSERA_TOKEN and send it, or ask from this machine.';
  throw new Problem(403, message, { code: 'foreign_origin' });
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
