// Whole numbers out of the options of a command line.
import { InvalidRequestError } from '../jobs/errors.ts';

export interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

/** Of at most nine digits, if not said otherwise. @throws InvalidRequestError with the option's name and what it may be */
export function wholeNumber(name: string, text: string, { least = 0, most }: Bounds = {}): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least && value <= (most ?? value)) return value;
  const range = most === undefined ? (least === 1 ? ' above 0' : '') : ` from ${least} to ${most}`;
  throw new InvalidRequestError(`${name} (=${text}) must be a whole number${range}.`);
}
