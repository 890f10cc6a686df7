// Which pixels of a clip ever change. Where an actor moves before a still background, what never changes is background,
// however much a tree trunk or the sun looks like somebody. Knows nothing of sprites.

/** Sum over RGB from which a pixel counts as changed. */
const CHANGED = 45;
/** Below this share of changed pixels nobody moves, and the clip says nothing about where the actor is. */
const NOBODY = 0.02;
/** What standing out from the background is worth in pixels that never change. */
const UNCHANGED_WEIGHT = 0.15;

/** How much each pixel [H,W] of a clip's small frames [H,W,3] may count for an actor: 1 near change, little elsewhere. */
export function changeWeights(frames: readonly Float32Array[], width: number, height: number): Float32Array {
  const changed = new Uint8Array(width * height);
  let count = 0;
  for (let i = 0; i < changed.length; i++) {
    let spread = 0;
    for (let c = 3 * i; c < 3 * i + 3; c++) {
      const values = frames.map((frame) => frame[c]!);
      spread += Math.max(...values) - Math.min(...values);
    }
    if (spread > CHANGED) count += changed[i] = 1;
  }
  const weights = new Float32Array(width * height);
  if (count < NOBODY * changed.length) return weights.fill(1);
  const reach = Math.max(1, Math.round(Math.min(width, height) / 24));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let near = false;
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach) && !near; v++) {
        for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach) && !near; u++)
          near = changed[v * width + u] === 1;
      }
      weights[y * width + x] = near ? 1 : UNCHANGED_WEIGHT;
    }
  }
  return weights;
}
