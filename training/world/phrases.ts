// The words that captions are made of: verbs for each motion, phrases for each place, style, camera, weather and size.
// Pure data, so that the whole vocabulary can be listed. Grammar is in captions.ts.
import type { Camera, Mode, Motion, Place, Relation, Style, Weather } from './vocabulary.ts';

/** 'base third-person gerund' and what follows the verb. */
export interface VerbPhrase {
  readonly base: string;
  readonly third: string;
  readonly gerund: string;
  readonly rest: string;
}

const verb = (forms: string, rest = ''): VerbPhrase => {
  const [base, third, gerund] = forms.split(' ');
  return { base: base!, third: third!, gerund: gerund!, rest };
};

const MOVE = verb('move moves moving');
const GO = verb('go goes going');

/** How each mode travels sideways; the direction follows. */
export const TRAVEL_VERBS = {
  walk: [
    verb('walk walks walking'),
    verb('walk walks walking'),
    verb('stroll strolls strolling'),
    verb('run runs running'),
    MOVE,
  ],
  fly: [verb('fly flies flying'), verb('fly flies flying'), verb('glide glides gliding'), MOVE],
  swim: [verb('swim swims swimming'), verb('swim swims swimming'), verb('glide glides gliding'), MOVE],
  drive: [verb('drive drives driving'), verb('drive drives driving'), verb('roll rolls rolling'), MOVE],
  sail: [verb('sail sails sailing'), verb('float floats floating'), MOVE],
  thing: [MOVE, MOVE, verb('slide slides sliding'), GO],
} as const satisfies Record<Mode, readonly VerbPhrase[]>;

export const DIRECTIONS = {
  left: ['left', 'to the left', 'from right to left'],
  right: ['right', 'to the right', 'from left to right'],
} as const;

/** Verbs of the motions that have no direction of travel. */
export const MOTION_VERBS = {
  still: [
    verb('stand stands standing', 'still'),
    verb('rest rests resting'),
    verb('stay stays staying', 'still'),
    verb('stay stays staying', 'in place'),
    verb('wait waits waiting'),
  ],
  rise: [
    verb('rise rises rising'),
    verb('rise rises rising', 'up'),
    verb('go goes going', 'up'),
    verb('float floats floating', 'up'),
    verb('float floats floating', 'upward'),
    verb('climb climbs climbing', 'higher'),
  ],
  fall: [
    verb('fall falls falling'),
    verb('fall falls falling', 'down'),
    verb('fall falls falling', 'from above'),
    verb('drop drops dropping'),
    verb('drop drops dropping', 'down'),
    verb('come comes coming', 'down'),
  ],
  bounce: [
    verb('bounce bounces bouncing'),
    verb('bounce bounces bouncing', 'up and down'),
    verb('bounce bounces bouncing', 'twice'),
    verb('hop hops hopping', 'up and down'),
  ],
  spin: [
    verb('spin spins spinning'),
    verb('spin spins spinning', 'around'),
    verb('turn turns turning', 'around in place'),
    verb('rotate rotates rotating'),
    verb('twirl twirls twirling'),
  ],
  grow: [
    verb('grow grows growing'),
    verb('get gets getting', 'bigger'),
    verb('grow grows growing', 'larger'),
    verb('become becomes becoming', 'bigger'),
  ],
  shrink: [
    verb('shrink shrinks shrinking'),
    verb('get gets getting', 'smaller'),
    verb('become becomes becoming', 'smaller'),
    verb('shrink shrinks shrinking', 'away'),
  ],
  circle: [
    verb('circle circles circling', 'around'),
    verb('move moves moving', 'in a circle'),
    verb('go goes going', 'in circles'),
    verb('loop loops looping', 'around'),
  ],
  sway: [
    verb('sway sways swaying'),
    verb('swing swings swinging', 'from side to side'),
    verb('rock rocks rocking', 'back and forth'),
    verb('sway sways swaying', 'from side to side'),
  ],
  jump: [
    verb('jump jumps jumping'),
    verb('jump jumps jumping', 'up'),
    verb('jump jumps jumping', 'once'),
    verb('leap leaps leaping'),
    verb('leap leaps leaping', 'into the air'),
  ],
  zigzag: [
    verb('zigzag zigzags zigzagging'),
    verb('move moves moving', 'in a zigzag'),
    verb('go goes going', 'in a zigzag'),
  ],
} as const satisfies Record<Exclude<Motion, 'left' | 'right'>, readonly VerbPhrase[]>;

export const SPIN_DIRECTIONS = { clockwise: 'clockwise', counter: 'counterclockwise' } as const;

export const STYLE_WORDS = {
  cartoon: ['cartoon', 'hand-drawn cartoon', 'drawn'],
  flat: ['flat', 'flat vector', 'simple flat'],
  '3d': ['3D', 'glossy 3D', 'shiny 3D'],
} as const satisfies Record<Style, readonly string[]>;

export const SIZE_WORDS = { big: ['big', 'large', 'huge'], small: ['small', 'little', 'tiny'] } as const;

/** How a place is said in a sentence, in a tag, and what it looks like; {it} is the actor or actors. */
export interface PlacePhrases {
  readonly inside: readonly string[];
  readonly tag: readonly string[];
  readonly look: readonly string[];
}

export const PLACE_PHRASES = {
  meadow: {
    inside: ['on a grassy field', 'in a meadow', 'on the grass', 'in a green meadow'],
    tag: ['meadow', 'grassy field', 'green meadow'],
    look: [
      'Green hills roll behind {it} under a bright blue sky.',
      'White flowers dot the grass and clouds drift in the sky.',
    ],
  },
  beach: {
    inside: ['on a beach', 'on the sand', 'at the beach', 'on a sandy shore'],
    tag: ['beach', 'sandy shore', 'seaside'],
    look: ['The sand is pale yellow and the sea is turquoise.', 'A calm sea glitters behind the sand.'],
  },
  desert: {
    inside: ['in a desert', 'in the desert', 'among sand dunes'],
    tag: ['desert', 'sand dunes'],
    look: ['The dunes are orange and the sky is hazy.', 'Warm dunes stretch far away under a pale sun.'],
  },
  snow: {
    inside: ['on a snowy field', 'in the snow', 'in a snowy landscape'],
    tag: ['snow', 'snowy field', 'winter landscape'],
    look: ['White hills stand under a pale winter sky.', 'Cold snow covers the ground.'],
  },
  forest: {
    inside: ['in a forest', 'in the forest', 'in the woods'],
    tag: ['forest', 'woods', 'green forest'],
    look: ['Tall tree trunks stand behind {it} in green light.', 'Dark leaves hang above tall trunks.'],
  },
  night: {
    inside: ['at night', 'under a starry night sky', 'on a dark hill at night', 'under the stars'],
    tag: ['night', 'starry night', 'night sky'],
    look: ['The night sky is deep blue and full of stars.', 'Stars shine in the dark blue sky above dark hills.'],
  },
  sunset: {
    inside: ['at sunset', 'under an orange sunset sky', 'in front of a sunset', 'at dusk'],
    tag: ['sunset', 'dusk', 'orange sunset sky'],
    look: ['A low sun sinks into an orange and purple sky.', 'The evening sky glows orange and pink.'],
  },
  ocean: {
    inside: ['on the ocean', 'on the sea', 'over blue waves', 'above the ocean'],
    tag: ['ocean', 'sea', 'blue waves'],
    look: ['Rows of blue waves fill the lower half under a light sky.', 'White crests run along the blue water.'],
  },
  underwater: {
    inside: ['underwater', 'under the sea', 'deep in blue water', 'under water'],
    tag: ['underwater', 'under the sea', 'deep water'],
    look: ['Light rays come down through blue water with bubbles.', 'Bubbles rise in the deep blue water.'],
  },
  city: {
    inside: ['in the city', 'in a city', 'on a road in town', 'on a city street'],
    tag: ['city', 'town', 'city street'],
    look: ['Grey and coloured buildings line the road.', 'Windows glow in the tall buildings.'],
  },
  space: {
    inside: ['in outer space', 'in space', 'among the stars in space'],
    tag: ['space', 'outer space'],
    look: ['The background is black with stars and a faint nebula.', 'Tiny stars shine around {it} in the darkness.'],
  },
  sky: {
    inside: ['in the sky', 'in a blue sky', 'among the clouds', 'high in the sky'],
    tag: ['sky', 'blue sky', 'clouds'],
    look: ['The sky is light blue with fluffy clouds.', 'Fluffy white clouds float all around {it}.'],
  },
  plain: {
    inside: ['on a {colour} background', 'against a plain {colour} background', 'in front of a {colour} wall'],
    tag: ['{colour} background', 'plain {colour} background'],
    look: ['The background is plain {colour}.', 'There is nothing else in the picture.'],
  },
} as const satisfies Record<Place, PlacePhrases>;

export const WEATHER_PHRASES = {
  rain: {
    inside: ['in the rain', 'while it rains'],
    tag: ['rain', 'rainy'],
    sentence: ['It is raining.', 'Rain pours down.'],
  },
  snow: {
    inside: ['in falling snow', 'while it snows'],
    tag: ['snowfall', 'snowing'],
    sentence: ['It is snowing.', 'Snowflakes drift down.'],
  },
} as const satisfies Record<Exclude<Weather, 'none'>, Record<'inside' | 'tag' | 'sentence', readonly string[]>>;

/** The static camera is only mentioned in full descriptions. */
export const CAMERA_PHRASES = {
  static: { inside: [''], tag: [''], sentence: ['Static camera.', 'The shot is static.', 'The camera stays still.'] },
  'pan left': {
    inside: ['as the camera pans left', 'while the camera pans to the left'],
    tag: ['camera pans left', 'pan left'],
    sentence: ['The camera pans left.', 'The camera slowly turns to the left.'],
  },
  'pan right': {
    inside: ['as the camera pans right', 'while the camera pans to the right'],
    tag: ['camera pans right', 'pan right'],
    sentence: ['The camera pans right.', 'The camera slowly turns to the right.'],
  },
  'zoom in': {
    inside: ['as the camera zooms in', 'while the camera moves closer'],
    tag: ['zoom in', 'camera zooms in'],
    sentence: ['The camera zooms in.', 'The camera slowly moves closer.'],
  },
  'zoom out': {
    inside: ['as the camera zooms out', 'while the camera moves back'],
    tag: ['zoom out', 'camera zooms out'],
    sentence: ['The camera zooms out.', 'The camera slowly moves back.'],
  },
} as const satisfies Record<Camera, Record<'inside' | 'tag' | 'sentence', readonly string[]>>;

export const RELATION_PHRASES = {
  'left of': ['left of', 'to the left of', 'on the left of'],
  'right of': ['right of', 'to the right of', 'on the right of'],
  above: ['above', 'over'],
  below: ['below', 'under'],
} as const satisfies Record<Relation, readonly string[]>;

/** Words that the grammar itself puts between phrases. */
export const GRAMMAR_WORDS = ['a', 'an', 'the', 'some', 'that', 'it', 'them'] as const;
