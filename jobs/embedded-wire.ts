// PostgreSQL's wire protocol, version 3, as far as a host of PGlite needs it: what clients send, cut into pieces that must
// run without another client's in between, and what the database answers, parted from its notifications. Pure functions.

/** Something a client sent, whole. */
export type Piece =
  | { readonly kind: 'start' }
  /** Asks for TLS, which there is none of. */
  | { readonly kind: 'encrypt' }
  /** Asks to cancel another's query; nothing runs long enough. */
  | { readonly kind: 'cancel' }
  | { readonly kind: 'run'; readonly bytes: Buffer }
  | { readonly kind: 'end' };

const TLS_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
const letter = (text: string): number => text.charCodeAt(0);
/** Messages that end a piece: a simple query, and Sync after an extended one; Flush, because its sender waits. */
const closing = new Set([letter('Q'), letter('S'), letter('H')]);

/** Collects what arrives from one client and cuts it into pieces. */
export class ClientReader {
  #buffer: Buffer = Buffer.alloc(0);
  #pending: Buffer[] = [];
  #isStarted = false;

  push(chunk: Buffer): readonly Piece[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const pieces: Piece[] = [];
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) {
      if (piece !== 'more') pieces.push(piece);
    }
    return pieces;
  }

  #next(): Piece | 'more' | undefined {
    if (!this.#isStarted) return this.#opening();
    const message = this.#take(1);
    if (message === undefined) return undefined;
    if (message[0] === letter('X')) return { kind: 'end' };
    this.#pending.push(message);
    if (!closing.has(message[0]!)) return 'more';
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    return { kind: 'run', bytes };
  }

  /** The first messages have no letter before their length. */
  #opening(): Piece | undefined {
    const message = this.#take(0);
    if (message === undefined) return undefined;
    const code = message.length >= 8 ? message.readInt32BE(4) : 0;
    if (code === TLS_REQUEST || code === GSS_REQUEST) return { kind: 'encrypt' };
    if (code === CANCEL_REQUEST) return { kind: 'cancel' };
    this.#isStarted = true;
    return { kind: 'start' };
  }

  /** A whole message whose length stands after so many bytes, or undefined while it has not all arrived. */
  #take(before: number): Buffer | undefined {
    if (this.#buffer.length < before + 4) return undefined;
    const length = before + Math.max(4, this.#buffer.readInt32BE(before));
    if (this.#buffer.length < length) return undefined;
    const message = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return message;
  }
}

/** What a server says to a client that has come in: no password, its settings, ready. */
export function greeting(serverVersion: string): Buffer {
  const settings = { server_version: serverVersion, client_encoding: 'UTF8', standard_conforming_strings: 'on' };
  const statuses = Object.entries(settings).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`)));
  return Buffer.concat([message('R', Buffer.alloc(4)), ...statuses, message('K', Buffer.alloc(8)), ready]);
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const ready = message('Z', Buffer.from('I'));

/** A query that ends a transaction whose client has gone. */
export const rollback = message('Q', Buffer.from('ROLLBACK\0'));

/** Parts an answer from the notifications within it, which go to every client: all share one session. */
export function partNotifications(answer: Uint8Array): { readonly answer: Buffer; readonly notifications: Buffer } {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  const [own, notifications]: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    (bytes[at] === letter('A') ? notifications : own).push(bytes.subarray(at, end));
    at = end;
  }
  return { answer: Buffer.concat(own), notifications: Buffer.concat(notifications) };
}
