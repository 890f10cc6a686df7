// How an actor moves: each motion is a function of clip time in [0, 1], so it completes whatever the frame count.
// Squash and stretch, bobbing walks and anticipation are here, after the animators' principles (Thomas & Johnston, 1981).
// Knows nothing of pixels; lengths are fractions of the frame's width (travelX), height (travelY) or short side (hop).
import type { Mode, Motion } from './vocabulary.ts';

/** What a motion does to an actor at one moment, relative to its rest pose. */
export interface Gesture {
  /** Displacement, fraction of the frame's width, right positive. */
  readonly travelX: number;
  /** Displacement, fraction of the frame's height, down positive. */
  readonly travelY: number;
  /** Height above the rest pose, fraction of the short side. */
  readonly hop: number;
  /** Radians, clockwise on the screen. */
  readonly angle: number;
  /** Uniform scale. */
  readonly scale: number;
  /** Height factor at constant area: above 1 tall and thin, below 1 squashed. */
  readonly stretch: number;
}

/** What a motion needs to know of the actor. Amplitude: fraction of the side it moves along; direction +1 or -1. */
export interface MotionInput {
  readonly motion: Motion;
  readonly mode: Mode;
  readonly amplitude: number;
  readonly direction: 1 | -1;
  /** In [0, 1): where on the circle the actor starts. */
  readonly phase: number;
}

const REST: Gesture = { travelX: 0, travelY: 0, hop: 0, angle: 0, scale: 1, stretch: 1 };
const TURN = 2 * Math.PI;

/** Size at the small end of growing and shrinking. */
export const SMALLEST_SCALE = 0.38;

/** The gait that goes with travelling sideways: bobbing walks, humming engines, gliding wings, wriggling fins. */
function gait(mode: Mode, t: number): Pick<Gesture, 'hop' | 'angle' | 'stretch'> {
  const step = Math.sin(4 * TURN * t);
  switch (mode) {
    case 'walk':
      return { hop: 0.018 * Math.abs(Math.sin(2 * TURN * t)), angle: 0.07 * Math.sin(2 * TURN * t), stretch: 1 };
    case 'drive':
      return { hop: 0.006 * Math.abs(step), angle: 0, stretch: 1 + 0.015 * step };
    case 'fly':
      return { hop: 0.025 * Math.sin(2 * TURN * t), angle: 0.05 * Math.cos(2 * TURN * t), stretch: 1 };
    case 'swim':
      return { hop: 0.02 * Math.sin(2 * TURN * t), angle: 0.1 * Math.sin(2 * TURN * t), stretch: 1 };
    case 'sail':
      return { hop: 0.012 * Math.sin(2 * TURN * t), angle: 0.06 * Math.sin(2 * TURN * t), stretch: 1 };
    case 'thing':
      return { hop: 0.015 * Math.abs(Math.sin(2 * TURN * t)), angle: 0, stretch: 1 };
  }
}

/** Two bounces: parabolas with a squash at each touch of the ground and a stretch in flight. */
function bounce(amplitude: number, t: number): Gesture {
  const inBounce = (2 * t) % 1;
  const height = 4 * inBounce * (1 - inBounce);
  const touch = Math.max(0, 1 - height / 0.25);
  return { ...REST, hop: amplitude * height, stretch: 1 + 0.05 * (1 - touch) - 0.22 * touch };
}

/** One jump: crouch (until 0.2), flight, landing (from 0.8). */
function jump(amplitude: number, t: number): Gesture {
  const flight = Math.min(1, Math.max(0, (t - 0.2) / 0.6));
  const height = 4 * flight * (1 - flight);
  const crouch = t < 0.2 ? Math.sin((Math.PI * t) / 0.2) : t > 0.8 ? Math.sin((Math.PI * (t - 0.8)) / 0.2) : 0;
  return { ...REST, hop: amplitude * height, stretch: 1 - 0.2 * crouch + 0.08 * Math.sin(Math.PI * flight) };
}

/** Sideways travel from -amplitude to +amplitude with the gait of the mode. */
function travel(input: MotionInput, sign: number, t: number): Gesture {
  return { ...REST, ...gait(input.mode, t), travelX: sign * input.amplitude * (2 * t - 1) };
}

function zigzag(input: MotionInput, t: number): Gesture {
  const wave = 1 - 4 * Math.abs(((2 * t) % 1) - 0.5); // -1, 1, -1, 1, -1 at the quarters of the clip
  return { ...REST, travelX: input.direction * input.amplitude * (2 * t - 1), travelY: -0.13 * wave };
}

function circle(input: MotionInput, t: number): Gesture {
  const around = TURN * (input.phase + input.direction * t);
  return { ...REST, travelX: input.amplitude * Math.cos(around), travelY: input.amplitude * Math.sin(around) };
}

/** Motions that begin again and again; the others stay where they have led, and wait where they begin. */
const RECURRENT: readonly Motion[] = ['still', 'bounce', 'spin', 'circle', 'sway', 'jump'];

/** The clip time in [0, 1] that a motion shows at any time, before and after its clip: sways come and go one and a half times in a clip. */
export function clipTimeOf(motion: Motion, t: number): number {
  if (t >= 0 && t <= 1) return t;
  if (!RECURRENT.includes(motion)) return t < 0 ? 0 : 1;
  const period = motion === 'sway' ? 2 / 3 : 1;
  return t - period * Math.floor(t / period);
}

/** The gesture of a motion at clip time t in [0, 1]. */
export function gestureAt(input: MotionInput, t: number): Gesture {
  switch (input.motion) {
    case 'still':
      return { ...REST, stretch: 1 + 0.012 * Math.sin(2 * TURN * t) };
    case 'left':
      return travel(input, -1, t);
    case 'right':
      return travel(input, 1, t);
    case 'rise':
      return { ...REST, travelY: -input.amplitude * (2 * t - 1), angle: 0.04 * Math.sin(TURN * t) };
    case 'fall':
      return { ...REST, travelY: input.amplitude * (2 * t - 1), angle: 0.04 * Math.sin(TURN * t) };
    case 'bounce':
      return bounce(input.amplitude, t);
    case 'spin':
      return { ...REST, angle: input.direction * TURN * t };
    case 'grow':
      return { ...REST, scale: SMALLEST_SCALE + (1 - SMALLEST_SCALE) * t };
    case 'shrink':
      return { ...REST, scale: 1 - (1 - SMALLEST_SCALE) * t };
    case 'circle':
      return circle(input, t);
    case 'sway':
      return { ...REST, angle: input.direction * 0.36 * Math.sin(1.5 * TURN * t) };
    case 'jump':
      return jump(input.amplitude, t);
    case 'zigzag':
      return zigzag(input, t);
  }
}
