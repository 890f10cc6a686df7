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
    expect(sayScene([...people, other, car])).toBe('Six people walk by; a car is parked on the left.');
    expect(sayScene(people)).toBe('Five people walk to the right.');
    expect(sayScene([thing('airplane', [0.9, 0.2], [0.1, 0.2])])).toBe('An airplane flies to the left.');
  });

  test('what comes closer, and what only stands', () => {
    expect(sayScene([thing('truck', [0.5, 0.5], [0.5, 0.5], 0.1, 0.4)])).toBe('A truck drives closer.');
    expect(sayScene([thing('bench', [0.2, 0.5], [0.8, 0.5])])).toBe('A bench is in the middle.');
    expect(sayScene([thing('person', [0.9, 0.5]), thing('person', [0.1, 0.5])])).toBe('Two people are in view.');
  });

  test('some on the move, others of the same not', () => {
    const walking = [0.2, 0.4].map((y) => thing('person', [0.2, y], [0.7, y]));
    const still = [0.1, 0.9].map((x) => thing('person', [x, 0.5]));
    const cars = [0.8, 0.9].map((x) => thing('car', [x, 0.2]));
    expect(sayScene([...walking, ...still, ...cars])).toBe('Two people walk to the right; two more are in view; two cars are parked on the right.'); // prettier-ignore
    expect(sayScene([walking[0]!, still[0]!])).toBe('A person walks to the right; another is on the left.');
  });

  test('things that do the same in the same place are told at once', () => {
    const [bed, chair, book] = ['bed', 'chair', 'book'].map((label) => thing(label, [0.5, 0.5])) as [SeenObject, SeenObject, SeenObject]; // prettier-ignore
    expect(sayScene([bed, chair])).toBe('A bed and a chair are in the middle.');
    expect(sayScene([bed, chair, book])).toBe('A bed, a chair and a book are in the middle.');
    expect(sayScene([thing('person', [0.2, 0.5], [0.6, 0.5]), thing('dog', [0.3, 0.5], [0.7, 0.5])])).toBe('A person and a dog walk to the right.'); // prettier-ignore
  });

  test('what is seen in one picture only may be on its way', () => {
    const car = thing('car', [0.2, 0.5]);
    expect(sayScene([{ ...car, boxes: car.boxes.slice(0, 1) }])).toBe('A car is on the left.');
  });

  test('a ball that lies still may be a stone', () => {
    const ball = thing('sports ball', [0.2, 0.5]);
    const person = thing('person', [0.5, 0.5]);
    expect(sayScene([ball, person])).toBe('A person is in the middle.');
    expect(sayScene([ball])).toBe('A sports ball is on the left.');
    expect(sayScene([thing('sports ball', [0.2, 0.5], [0.8, 0.5]), person])).toBe('A sports ball moves to the right; a person is in the middle.'); // prettier-ignore
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
