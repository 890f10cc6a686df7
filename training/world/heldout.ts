// Which combinations of noun, place and motion are kept from training: a tenth of them, chosen by hash, so that
// the split needs no file and never changes. Scores on the held-out tenth tell composing from remembering.
import { hashString } from './random.ts';
import type { Motion, Place } from './vocabulary.ts';

export type Split = 'train' | 'heldout' | 'all';

/** True for the tenth of (noun, place, motion) that training never shows. */
export function isHeldOut(noun: string, place: Place, motion: Motion): boolean {
  return hashString(`${noun}|${place}|${motion}`) % 10 === 0;
}
