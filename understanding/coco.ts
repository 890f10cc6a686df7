// The things that detectors trained on COCO know (Lin et al., 2014), with how to speak of them: one, many, and how they get about.

export type Gait = 'walks' | 'drives' | 'flies' | 'floats' | 'moves';

export interface Thing {
  readonly one: string;
  readonly many: string;
  readonly gait: Gait;
  /** Stands where it is: nobody would say that it is on the move; when it is, then the camera moves. */
  readonly isFixed: boolean;
  /** Does not get about by itself: when it does and nobody is there, it is something else. */
  readonly isHeld: boolean;
  /** Is seldom told apart from a stone while it lies still. */
  readonly isThrown: boolean;
}

const list = `person/people:w, bicycle:d, car:d, motorcycle:d, airplane:f, bus/buses:d, train:d, truck:d, boat:s, traffic light:!,
  fire hydrant:!, stop sign:!, parking meter:!, bench/benches:!, bird:f, cat:w, dog:w, horse:w, sheep/sheep:w, cow:w, elephant:w,
  bear:w, zebra:w, giraffe:w, backpack, umbrella, handbag, tie, suitcase, frisbee:t, pair of skis/pairs of skis, snowboard,
  sports ball:t, kite:m, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass/wine glasses, cup, fork,
  knife/knives, spoon, bowl, banana, apple, sandwich/sandwiches, orange, broccoli/broccoli, carrot, hot dog, pizza, donut, cake,
  chair:!, couch/couches:!, potted plant:!, bed:!, dining table:!, toilet:!, television:!, laptop, mouse/mice, remote control,
  keyboard, cell phone, microwave:!, oven:!, toaster:!, sink:!, refrigerator:!, book, clock:!, vase, pair of scissors/pairs of scissors,
  teddy bear, hair dryer, toothbrush/toothbrushes`;

const gaits: Readonly<Record<string, Gait>> = { w: 'walks', d: 'drives', f: 'flies', s: 'floats' };

/** In the order of the detector's 80 classes. */
export const things: readonly Thing[] = list.split(',').map((entry) => {
  const [names = '', mark = ''] = entry.trim().split(':');
  const [one = '', many = `${one}s`] = names.split('/');
  return {
    one,
    many,
    gait: gaits[mark] ?? 'moves',
    isFixed: mark === '!',
    isHeld: mark === '',
    isThrown: mark === 't',
  };
});

const byName = new Map(things.map((thing) => [thing.one, thing]));

export const thingOf = (label: string): Thing =>
  byName.get(label) ?? { one: label, many: `${label}s`, gait: 'moves', isFixed: false, isHeld: false, isThrown: false };
