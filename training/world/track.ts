// Ground truth of a scene over time: where the camera looks and where each actor's box is in each frame.
// The renderer draws from the same functions, so the boxes are what is seen. Knows nothing of pixels' colours.
import { alongPath } from '../../dit/box-layout.ts';
import { clipTimeOf, gestureAt } from './motion.ts';
import { PAN, ZOOM } from './placement.ts';
import type { Actor, Scene } from './scene.ts';
import { nounOf } from './vocabulary.ts';

/** The camera at clip time t: screen = (world + pan - focus) * zoom + focus, in fractions of the frame. */
export interface View {
  readonly pan: number;
  readonly zoom: number;
  readonly focusX: number;
  readonly focusY: number;
}

/** Where the camera looks at clip time t in [0, 1]. A pan to the left moves the picture to the right. */
export function viewAt(scene: Scene, t: number): View {
  const [first, second] = scene.actors;
  const alone = first !== undefined && second === undefined;
  const focus = alone ? { focusX: first.x, focusY: first.y } : { focusX: 0.5, focusY: 0.55 };
  switch (scene.camera) {
    case 'static':
      return { pan: 0, zoom: 1, ...focus };
    case 'pan left':
      return { pan: PAN * (t - 0.5), zoom: 1, ...focus };
    case 'pan right':
      return { pan: PAN * (0.5 - t), zoom: 1, ...focus };
    case 'zoom in':
      return { pan: 0, zoom: 1 + (ZOOM - 1) * t, ...focus };
    case 'zoom out':
      return { pan: 0, zoom: ZOOM - (ZOOM - 1) * t, ...focus };
  }
}

/** Clip time of a frame: 0 for the first, 1 for the last; a lone frame is the first. */
export function clipTime(frame: number, frames: number): number {
  return frames > 1 ? frame / (frames - 1) : 0;
}

/** An actor in one frame: middle, box before rotation (fractions of width and height), angle in radians clockwise. */
export interface ActorBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly angle: number;
  /** Share of the rotated box's bounds that lies inside the frame. */
  readonly visible: number;
  /** Height of the rest foot line on the screen, fraction of the frame: where a shadow falls. */
  readonly foot: number;
}

/** Bounds of the rotated box, in fractions of the frame, not clipped. */
export function boundsOf(box: ActorBox, aspect: number): { left: number; top: number; right: number; bottom: number } {
  const cos = Math.abs(Math.cos(box.angle));
  const sin = Math.abs(Math.sin(box.angle));
  const halfX = (box.width * cos + (box.height / aspect) * sin) / 2;
  const halfY = (box.height * cos + box.width * aspect * sin) / 2;
  return { left: box.x - halfX, top: box.y - halfY, right: box.x + halfX, bottom: box.y + halfY };
}

function visibleShare(box: ActorBox, aspect: number): number {
  const { left, top, right, bottom } = boundsOf(box, aspect);
  const inside =
    Math.max(0, Math.min(1, right) - Math.max(0, left)) * Math.max(0, Math.min(1, bottom) - Math.max(0, top));
  return inside / ((right - left) * (bottom - top));
}

interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** Clip time after which nothing is left of a motion that another one followed. */
const TAKEN_OVER = 0.3;

/** The box of an actor at clip time t in a frame of the given size in pixels. */
export function actorBoxAt(scene: Scene, actor: Actor, t: number, size: FrameSize): ActorBox {
  const box = posedBox(scene, actor, { t, done: (scene.start ?? 0) + t }, size);
  if (scene.before === undefined || t >= TAKEN_OVER) return box;
  const { at, ...was } = scene.before;
  return takenOver(box, posedBox(scene, { ...actor, ...was }, { t, done: at }, size), t / TAKEN_OVER, size);
}

/** The box before, on its smooth way to the other, turning the shorter way round. @param part of that way, in [0, 1] */
function takenOver(box: ActorBox, before: ActorBox, part: number, { width, height }: FrameSize): ActorBox {
  const left = 1 - part * part * (3 - 2 * part);
  const blend = (name: 'x' | 'y' | 'width' | 'height'): number => box[name] + left * (before[name] - box[name]);
  const whole = 2 * Math.PI * Math.round(before.angle / (2 * Math.PI));
  const angle = box.angle + left * (before.angle - whole - box.angle);
  const now = { ...box, x: blend('x'), y: blend('y'), width: blend('width'), height: blend('height'), angle };
  return { ...now, visible: visibleShare(now, width / height) };
}

/** @param t of the camera and of paths @param done clip time of the actor's own motion */
function posedBox(scene: Scene, actor: Actor, { t, done }: { t: number; done: number }, size: FrameSize): ActorBox {
  const { width, height } = size;
  const noun = nounOf(actor.noun);
  const { path } = actor;
  const motion = path ? 'still' : actor.motion;
  const gesture = gestureAt({ ...actor, mode: noun.mode, motion }, clipTimeOf(motion, done));
  const rest = path ? alongPath(path, t) : actor;
  const view = viewAt(scene, t);
  const short = Math.min(width, height);
  const [boxWidth, boxHeight] = noun.boxes[actor.style];
  const restHeight = actor.size * short * boxHeight; // pixels
  const scaledWidth = (actor.size * short * boxWidth * gesture.scale) / gesture.stretch;
  const scaledHeight = restHeight * gesture.scale * gesture.stretch;
  // About the feet if it stands or sways, else about the middle.
  const pivots = (actor.grounded && actor.motion !== 'spin') || actor.motion === 'sway' || actor.motion === 'bounce';
  const pivotY = pivots ? restHeight / 2 : 0;
  const arm = pivots ? scaledHeight / 2 : 0;
  const x = (rest.x + gesture.travelX) * width + arm * Math.sin(gesture.angle);
  const y = (rest.y + gesture.travelY) * height + pivotY - arm * Math.cos(gesture.angle) - gesture.hop * short;
  const screenY = (fraction: number): number => (fraction - view.focusY) * view.zoom + view.focusY;
  const box = {
    x: (x / width + view.pan - view.focusX) * view.zoom + view.focusX,
    y: screenY(y / height),
    width: (scaledWidth * view.zoom) / width,
    height: (scaledHeight * view.zoom) / height,
    angle: gesture.angle,
    foot: screenY(rest.y + restHeight / 2 / height),
  };
  return { ...box, visible: visibleShare({ ...box, visible: 1 }, width / height) };
}

/** Ground truth: for each actor, its box in each frame. */
export function sceneTrack(
  scene: Scene,
  frames: number,
  width: number,
  height: number,
): readonly (readonly ActorBox[])[] {
  return scene.actors.map((actor) =>
    Array.from({ length: frames }, (_, f) => actorBoxAt(scene, actor, clipTime(f, frames), { width, height })),
  );
}
