// The four kinds of error, told apart by who must act: the caller, the owner of a model file, us, the operator.
// Each has a stable `code` for programs and a message that says what, why and how to mend it.

/** Base of every error that Tessera raises on purpose. `code` is stable, the message is for people. */
export class TesseraError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The request cannot be carried out as it is (exit 2, HTTP 422, never retried). */
export class InvalidRequestError extends TesseraError {
  constructor(message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? 'INVALID_REQUEST', message, options);
  }
}

/** A model file is missing, damaged or of another shape than its config says; the message names file and tensor. */
export class ModelFileError extends TesseraError {
  constructor(message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? 'MODEL_FILE', message, options);
  }
}

/** Shapes that do not fit: a bug in the code that builds a graph, raised where the node is added. */
export class ShapeError extends TesseraError {
  constructor(message: string, options?: ErrorOptions) {
    super('SHAPE', message, options);
  }
}

/** Work that was accepted has failed on the way: the engine died, memory or disk ran out, it was cancelled. */
export class JobFailedError extends TesseraError {
  constructor(message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? 'JOB_FAILED', message, options);
  }
}
