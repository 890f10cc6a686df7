import { describe, expect, it } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { parseRequest } from '../../jobs/request.ts';

const problemsOf = (input: unknown): string => {
  try {
    parseRequest(input);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.message;
    throw error;
  }
  return '';
};

describe('parseRequest', () => {
  it('keeps what was sent and adds nothing', () => {
    expect(parseRequest({ prompt: '  a cat ', steps: 3 })).toEqual({ prompt: 'a cat', steps: 3 });
  });

  it.each([
    [{ prompt: '' }, 'prompt (="") is empty. Say what the clip is to show'],
    [{ prompt: '\u200b \n' }, 'prompt'],
    [{ prompt: '...' }, 'is empty'],
    [{ prompt: 'a cat\0' }, 'holds characters that are no text'],
    [{ prompt: 'a cat', negativePrompt: 'half a \ud83d' }, 'negativePrompt'],
    [{}, 'prompt is missing.'],
    [{ prompt: 'a', frames: 0 }, 'frames (=0) must be a whole number from 1 to 10001.'],
    [{ prompt: 'a', width: 1e9 }, 'width (=1000000000) must be a whole number from 8 to 8192.'],
    [{ prompt: 'a', steps: 2.5 }, 'steps (=2.5) must be a whole number from 1 to 1000.'],
    [{ prompt: 'a', sampler: 'ddim' }, 'sampler (="ddim") must be one of unipc, euler, dpmpp.'],
    [{ prompt: 'a', seed: -1 }, 'seed (=-1) must be a whole number from 0 to 9007199254740991, or "random".'],
    [{ prompt: 'a', guidance: NaN }, 'guidance'],
    [{ prompt: 'a'.repeat(5001) }, '…) must have at most 5000 characters.'],
    [{ prompt: 'a', hight: 3 }, 'There is no field hight. Known are prompt, negativePrompt,'],
    [null, 'A request must be an object with a prompt, not null.'],
  ])('refuses what does not fit, %#', (input, problem) => {
    expect(problemsOf(input)).toContain(problem);
  });

  it('names every field that does not fit', () => {
    const problems = problemsOf({ prompt: '', fps: 0, clips: 'two' });
    expect(problems).toMatch(/prompt .* fps \(=0\) must be a number from 1 to 120\. clips \(="two"\)/);
  });

  it('takes emoji for words', () => {
    expect(parseRequest({ prompt: '🐧' }).prompt).toBe('🐧');
  });
});
