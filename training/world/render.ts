// Scene to pixels: backdrop through the camera, shadows, sprites, weather, frame by frame.
// Any width, height and number of frames; one frame is the clip's first. Knows nothing of words.
import { SPRITE_FILL, SPRITE_SIZE, type Atlas } from './atlas.ts';
import { BACKDROP_HEIGHT, BACKDROP_VARIANTS, BACKDROP_WIDTH } from './backdrops.ts';
import { drawBackdrop, drawShadow, drawSprite, type Canvas } from './composite.ts';
import { randomOf } from './random.ts';
import type { Actor, Scene } from './scene.ts';
import { actorBoxAt, clipTime, viewAt, type ActorBox, type View } from './track.ts';
import { nounOf, PLACE_FACTS, PLAIN_COLOURS } from './vocabulary.ts';
import { drawWeather } from './weather.ts';

/** Shape of a clip in frames and pixels. */
export interface ClipSize {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
}

/** Fills one frame with the place as the camera sees it. The backdrop's height is the frame's height. */
function drawPlace(canvas: Canvas, scene: Scene, atlas: Atlas, view: View): void {
  if (scene.place === 'plain') {
    const [r, g, b] = PLAIN_COLOURS[scene.colour];
    for (let at = canvas.offset, end = at + canvas.width * canvas.height * 3; at < end; at += 3) {
      canvas.data[at] = r;
      canvas.data[at + 1] = g;
      canvas.data[at + 2] = b;
    }
    return;
  }
  const random = randomOf(scene.seed, 7);
  const mip = atlas.backdrop(scene.place, random.int(BACKDROP_VARIANTS));
  const start = random.range(0, BACKDROP_WIDTH);
  const side = random.chance(0.5) ? 1 : -1;
  const texels = BACKDROP_HEIGHT / canvas.height; // per pixel, unzoomed
  const worldLeft = view.focusX - view.focusX / view.zoom - view.pan;
  const worldTop = view.focusY - view.focusY / view.zoom;
  drawBackdrop(canvas, mip, {
    left: start + side * worldLeft * canvas.width * texels,
    top: worldTop * BACKDROP_HEIGHT,
    stepX: (side * texels) / view.zoom,
    stepY: texels / view.zoom,
  });
}

/** The soft shadow under an actor, fainter and wider the higher it is. */
function drawActorShadow(canvas: Canvas, scene: Scene, actor: Actor, box: ActorBox, view: View): void {
  const { ground } = PLACE_FACTS[scene.place];
  if (ground === 0) return;
  const groundLine = (ground + 0.05 - view.focusY) * view.zoom + view.focusY;
  const line = actor.grounded ? box.foot : Math.max(groundLine, box.foot);
  const spriteFoot = box.y + box.height / 2;
  const height = Math.max(0, line - spriteFoot);
  drawShadow(canvas, {
    x: box.x * canvas.width,
    y: (line - 0.008) * canvas.height,
    radiusX: box.width * canvas.width * 0.52 * (1 + 0.3 * height),
    radiusY: Math.max(1.5, 0.12 * box.width * canvas.width),
    strength: 0.5 * Math.max(0.25, 1 - 1.3 * height),
  });
}

function drawActor(canvas: Canvas, atlas: Atlas, actor: Actor, box: ActorBox): void {
  const [boxWidth, boxHeight] = [box.width * canvas.width, box.height * canvas.height];
  const proportions = nounOf(actor.noun).boxes[actor.style];
  const fill = SPRITE_SIZE / SPRITE_FILL;
  drawSprite(canvas, atlas.sprite(actor.noun, actor.style), {
    x: box.x * canvas.width,
    y: box.y * canvas.height,
    width: (boxWidth / proportions[0]) * fill,
    height: (boxHeight / proportions[1]) * fill,
    angle: box.angle,
    mirrored: actor.mirrored,
  });
}

/**
 * Renders a scene.
 * @returns frames [T,H,W,3], 8-bit RGB
 */
export function renderScene(scene: Scene, atlas: Atlas, size: ClipSize): Uint8Array {
  const { frames, width, height } = size;
  const frameBytes = width * height * 3;
  const data = new Uint8Array(frames * frameBytes);
  for (let f = 0; f < frames; f++) {
    const t = clipTime(f, frames);
    const canvas: Canvas = { data, offset: f * frameBytes, width, height };
    const view = viewAt(scene, t);
    if (f > 0 && scene.camera === 'static') continue;
    drawPlace(canvas, scene, atlas, view);
  }
  if (scene.camera === 'static') for (let f = 1; f < frames; f++) data.copyWithin(f * frameBytes, 0, frameBytes);
  for (let f = 0; f < frames; f++) {
    const t = clipTime(f, frames);
    const canvas: Canvas = { data, offset: f * frameBytes, width, height };
    const view = viewAt(scene, t);
    const boxes = scene.actors.map((actor) => actorBoxAt(scene, actor, t, size));
    scene.actors.forEach((actor, i) => drawActorShadow(canvas, scene, actor, boxes[i]!, view));
    scene.actors.forEach((actor, i) => drawActor(canvas, atlas, actor, boxes[i]!));
    if (scene.weather !== 'none') drawWeather(canvas, scene.weather, scene.seed, t);
  }
  return data;
}
