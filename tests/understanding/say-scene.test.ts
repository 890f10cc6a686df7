import { describe, expect, test } from 'vitest';
import type { SeenObject } from '../../understanding/captioner.ts';
import { things } from '../../understanding/coco.ts';
import { NOTHING, sayScene } from '../../understanding/say-scene.ts';

let track = 0;
/** A thing of so many sizes of the picture, that goes from one place to another in four seconds. */
function thing(label: string, from: readonly [number, number], to = from, size = 0.1, grown = size): SeenObject {
  const boxes = [0, 1, 2, 3, 4].map((seconds) => {
    const part = seconds / 4;
    const now = size + (grown - size) * part;
    const [x, y] = [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
    return { seconds, x: x - now / 2, y: y - now / 2, width: now, height: now };
  });
  return { label, confidence: 0.8, track: ++track, boxes };
}

test('there are 80 things', () => {
  expect(things).toHaveLength(80);
  expect(new Set(things.map(({ one }) => one)).size).toBe(80);
  expect(things[0]).toMatchObject({ one: 'person', many: 'people' });
  expect(things[79]!.many).toBe('toothbrushes');
});

describe('a scene in words', () => {
  test('nothing', () => {
    expect(sayScene([])).toBe(NOTHING);
  });

  test('things, counts and movement', () => {
    const people = [0.2, 0.4, 0.5, 0.6, 0.7].map((y) => thing('person', [0.2, y], [0.7, y]));
    const other = thing('person', [0.9, 0.5], [0.3, 0.5]);
    const car = thing('car', [0.15, 0.8]);
    expect(sayScene([...people, other, car])).toBe('Six people walk by; a car stands on the left.');
    expect(sayScene(people)).toBe('Five people walk to the right.');
    expect(sayScene([thing('airplane', [0.9, 0.2], [0.1, 0.2])])).toBe('An airplane flies to the left.');
  });

  test('what comes closer, and what only stands', () => {
    expect(sayScene([thing('truck', [0.5, 0.5], [0.5, 0.5], 0.1, 0.4)])).toBe('A truck drives closer.');
    expect(sayScene([thing('bench', [0.2, 0.5], [0.8, 0.5])])).toBe('A bench is in the middle.');
    expect(sayScene([thing('person', [0.9, 0.5]), thing('person', [0.1, 0.5])])).toBe('Two people are there.');
  });

  test('a telephone that goes about by itself is something else', () => {
    expect(sayScene([thing('cell phone', [0.2, 0.5], [0.8, 0.5])])).toBe('Something moves to the right.');
    expect(sayScene([thing('cell phone', [0.2, 0.5])])).toBe('A cell phone is on the left.');
  });

  test('one thing whose track broke is counted once', () => {
    const whole = thing('dog', [0.5, 0.5]);
    const parts = [whole.boxes.slice(0, 2), whole.boxes.slice(3)].map((boxes) => ({ ...whole, boxes, track: ++track }));
    expect(sayScene(parts)).toBe('A dog is in the middle.');
  });
});
