// A captioner that also says where each moment lies in a joint space, so that films are looked at once for both, and what was seen is
// saved together.
import type { Captioner } from './captioner.ts';
import type { JointSpace } from './joint-space.ts';

/** Longer shots are cut: whoever searches wants to be led to the place. */
const LONGEST_SHOT_SECONDS = 20;
/** Dense enough to see how things move in clips of a few seconds. */
const EVERY_SECONDS = 0.5;

/** Closing it closes neither. */
export function placingCaptioner(captioner: Captioner, space: JointSpace): Captioner {
  return {
    ...captioner,
    // The detector takes nothing larger than it asks for, but no space wants larger pictures than the detector.
    longestSide: Math.max(captioner.longestSide, space.longestSide),
    momentSeconds: LONGEST_SHOT_SECONDS,
    everySeconds: EVERY_SECONDS,
    describe: async (moment, memory, signal) => {
      const description = await captioner.describe(moment, memory, signal);
      return { ...description, place: [...(await space.ofMoment(moment, signal))] };
    },
    close: () => Promise.resolve(),
  };
}
