// The way of an actor in words, and the boxes that it becomes.
import { describe, expect, it } from 'vitest';
import { boxesOnPath, parsePath, problemOfPath } from '../../jobs/actor-path.ts';
import { loadModel } from '../../jobs/model.ts';
import { type GenerateRequest, parseRequest } from '../../jobs/request.ts';
import { resolveRequest } from '../../jobs/resolve-request.ts';
import { scratch, settingsIn } from './scratch.ts';

const clip = { frames: 17, fps: 8, from: 0, count: 17, aspect: 1 };

describe('a path', () => {
  it('spreads its points over the clip, and stays at the last', () => {
    const boxes = boxesOnPath(parsePath('cat: 0.2,0.6 > 0.8,0.4'), clip);
    expect(boxes).toHaveLength(17);
    expect(boxes[0]).toMatchObject({ x: 0.2, y: 0.6, width: 0.44, height: 0.44, angle: 0 });
    expect(boxes[8]!.x).toBeCloseTo(0.5);
    expect(boxes[16]).toMatchObject({ x: 0.8, y: 0.4 });
  });

  it('keeps its times, and its place before and after them', () => {
    const boxes = boxesOnPath(parsePath('0.5s 0.2,0.5 > 1.5s 0.6,0.5'), clip);
    expect(boxes.map(({ x }) => Number(x.toFixed(2)))).toEqual([
      0.2, 0.2, 0.2, 0.2, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.6, 0.6, 0.6, 0.6,
    ]);
  });

  it('changes the size of its box where that is said', () => {
    const boxes = boxesOnPath(parsePath('a red cat: 0.5,0.5,0.2,0.3 > 0.5,0.5,0.6,0.5'), clip);
    expect(boxes[8]).toMatchObject({ x: 0.5, width: expect.closeTo(0.4) as number, height: expect.closeTo(0.4) as number }); // prettier-ignore
  });

  it('goes on from window to window, in wide frames as in square ones', () => {
    const path = parsePath('0,0 > 1,1');
    const long = { ...clip, frames: 33, aspect: 2 };
    const [whole, second] = [boxesOnPath(path, { ...long, count: 33 }), boxesOnPath(path, { ...long, from: 16 })];
    expect(second).toEqual(whole.slice(16));
    expect(second[0]).toMatchObject({ width: 0.22, height: 0.44 });
  });

  it.each([
    ['cat', 'has a point "cat", which is not x,y or x,y,width,height'],
    ['cat: 0.1,0.6 > ', 'has a point "", which is not x,y or x,y,width,height'],
    ['cat: 0.1,0.2,0.3', 'has a point "0.1,0.2,0.3", which is not x,y or x,y,width,height'],
    ['cat: 0.1,1.6', 'has a point "0.1,1.6" outside the frame; parts of it are from 0 to 1'],
    ['cat: 0.1,-0.6', 'has a point "0.1,-0.6", which is not x,y or x,y,width,height'],
    ['cat: 0.1,0.6,0,0.2', 'has a point "0.1,0.6,0,0.2" outside the frame; parts of it are from 0 to 1'],
    ['cat: 0.1,0.6 > 0.8,0.6; dog: 0.2,0.2', 'leads "cat" and "dog"; only one actor can be led'],
    ['cat: 0,0 > 1,1 dog: 0,1', 'leads "cat" and "dog"; only one actor can be led'],
    ['cat and dog: 0.1,0.6', 'leads "cat" and "dog"; only one actor can be led'],
    ['cat: 1s 0.1,0.6 > 0.2,0.2', 'has times at some of its points only'],
    ['cat: 1s 0.1,0.6 > 1s 0.2,0.2', 'has times that do not rise'],
    [`cat: ${new Array(65).fill('0,0').join('>')}`, 'has 65 points; 64 are the most'],
  ])('is refused: %s', (text, problem) => {
    expect(problemOfPath(text)).toBe(problem);
    expect(() => parsePath(text)).toThrow(`path (=${text}) ${problem}.`);
  });

  it('leads an actor that the prompt names by its whole name, or that the picture of like is', async () => {
    const settings = { ...settingsIn(await scratch()), modelFolders: ['models'] };
    const model = await loadModel('nano', settings);
    const resolve = (prompt: string, more: Partial<GenerateRequest> = {}) =>
      resolveRequest(parseRequest({ prompt, path: 'cat: 0.2,0.6 > 0.8,0.6', ...more }), model);
    const refusal = 'leads "cat", which the prompt does not name';
    expect(() => resolve('a Cat jumps')).not.toThrow();
    expect(() => resolve('a red  cat jumps', { path: 'red cat: 0,0 > 1,1' })).not.toThrow();
    expect(() => resolve('a dog before a cathedral')).toThrow(refusal);
    expect(() => resolve('jumps on a beach')).toThrow(refusal);
    expect(() => resolve('jumps on a beach', { like: 'cat.png' })).not.toThrow();
    expect(() => resolve('a dog jumps', { like: 'cat.png' })).toThrow(refusal);
    expect(() => resolve('a dog jumps', { like: 'cat.png', likeWeight: 0.8 })).not.toThrow();
  });

  it('ends with the clip, or before', async () => {
    const settings = { ...settingsIn(await scratch()), modelFolders: ['models'] };
    const model = await loadModel('nano', settings);
    const resolve = (end: string, more: Partial<GenerateRequest> = {}) =>
      resolveRequest(parseRequest({ prompt: 'a cat', path: `cat: 0s 0.2,0.6 > ${end} 0.8,0.6`, ...more }), model);
    expect(() => resolve('2s')).not.toThrow();
    expect(() => resolve('2.25s', { seconds: 2.25 })).not.toThrow(); // which nano rounds to 2.125
    expect(() => resolve('6s', { seconds: 6 })).not.toThrow();
    expect(() => resolve('5s')).toThrow(/^path \(=.*\) goes on until 5 s, and the clip has 2.13 s. Use earlier times/);
    expect(() => resolve('9s', { seconds: 6 })).toThrow(/goes on until 9 s/);
  });
});
