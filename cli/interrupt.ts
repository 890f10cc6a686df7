// Ctrl-C and SIGTERM: the first asks the running work to stop after its step and keep what it has, the second ends at once.

/** Exit code of a program that a signal ended: 128 and the signal's number. */
export const interruptCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type InterruptSignal = keyof typeof interruptCodes;

/** Why work was aborted: which signal came. */
export class Interrupted extends Error {
  readonly signal: InterruptSignal;

  constructor(signal: InterruptSignal) {
    super(`Ended by ${signal}.`);
    this.signal = signal;
  }
}

/** Runs work with a signal that aborts on Ctrl-C; afterwards Ctrl-C has its usual meaning again. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (signal: InterruptSignal): void => {
    if (controller.signal.aborted) process.exit(interruptCodes[signal]);
    process.exitCode = interruptCodes[signal]; // also where work ends well early, as a training does
    process.stderr.write('\nStopping after this step. Press Ctrl-C again to stop at once.\n');
    controller.abort(new Interrupted(signal));
  };
  const signals = Object.keys(interruptCodes) as InterruptSignal[];
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}
