import { describe, expect, test } from 'vitest';
import type { Detection } from '../../understanding/detect.ts';
import { follow, noTracks, type Tracked } from '../../understanding/track.ts';

const box = (label: string, x: number, y = 0.5, confidence = 0.8, size = 0.12): Detection => ({
  label,
  confidence,
  x: x - size / 2,
  y: y - size / 2,
  width: size,
  height: size,
});

/** Tracks of pictures a second apart, by the number in each picture. */
function tracksOf(pictures: readonly (readonly Detection[])[]): number[][] {
  let state = noTracks;
  return pictures.map((detections, seconds) => {
    const next = follow(JSON.parse(JSON.stringify(state)) as typeof state, detections, seconds);
    state = next.state;
    return next.found.map(({ track }: Tracked) => track);
  });
}

describe('a track', () => {
  test('follows what moves by more than its size from picture to picture', () => {
    expect(tracksOf([[box('person', 0.1)], [box('person', 0.28)], [box('person', 0.46)], [box('person', 0.64)]])).toEqual([[1], [1], [1], [1]]); // prettier-ignore
  });

  test('keeps to its thing when two pass each other', () => {
    const pictures = [0.1, 0.25, 0.4, 0.6, 0.75].map((x) => [box('person', x, 0.45), box('person', 0.9 - x, 0.6)]);
    for (const found of tracksOf(pictures)) expect(found).toEqual([1, 2]);
  });

  test('goes on through a picture where its thing is hidden, and ends when it stays away', () => {
    expect(tracksOf([[box('dog', 0.3)], [], [box('dog', 0.34)]])).toEqual([[1], [], [1]]);
    expect(tracksOf([[box('dog', 0.3)], [], [], [], [box('dog', 0.34)]])).toEqual([[1], [], [], [], [2]]);
  });

  test('is kept alive by an unsure detection, but not begun', () => {
    expect(tracksOf([[box('cat', 0.3, 0.5, 0.3)], [box('cat', 0.3)], [box('cat', 0.3, 0.5, 0.3)]])).toEqual([
      [],
      [1],
      [1],
    ]);
  });

  test('is called what it was called most', () => {
    let state = noTracks;
    let found: readonly Tracked[] = [];
    for (const [seconds, label] of ['car', 'car', 'truck'].entries())
      ({ state, found } = follow(state, [box(label, 0.5)], seconds));
    expect(found[0]).toMatchObject({ label: 'car', track: 1 });
  });

  test('of another thing elsewhere is another', () => {
    expect(tracksOf([[box('car', 0.1)], [box('person', 0.9)]])).toEqual([[1], [2]]);
  });
});
