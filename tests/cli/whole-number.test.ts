import { expect, it } from 'vitest';
import { wholeNumber } from '../../cli/whole-number.ts';

it.each([
  ['0', {}, 0],
  ['7', { least: 1 }, 7],
  ['100', { most: 100 }, 100],
  ['123456789', {}, 123456789],
])('reads %s', (text, bounds, value) => expect(wholeNumber('n', text, bounds)).toBe(value));

it.each([
  ['-1', {}, 'n (=-1) must be a whole number.'],
  ['1e3', {}, 'n (=1e3) must be a whole number.'],
  ['', {}, 'n (=) must be a whole number.'],
  ['1234567890', {}, 'n (=1234567890) must be a whole number.'],
  ['0', { least: 1 }, 'n (=0) must be a whole number above 0.'],
  ['101', { most: 100 }, 'n (=101) must be a whole number from 0 to 100.'],
  ['0', { least: 1, most: 128 }, 'n (=0) must be a whole number from 1 to 128.'],
])('refuses "%s" within %j', (text, bounds, message) => expect(() => wholeNumber('n', text, bounds)).toThrow(message));
