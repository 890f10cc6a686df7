// What language models are asked, so that they write captions as the video model was taught them: those of nano's world, or long ones
// such as large models were trained on (Betker et al. 2023, DALL-E 3, appendix C; Wan's prompt extension).
import type { CaptionStyle } from './expander.ts';
import { meaningsOf } from './lexicon.ts';

const keep =
  'Keep every thing, number, motion, place, style, colour, weather and camera move of the wish, in its own words, and contradict none. ' +
  'Say no "caption:" and no quotes: answer with the caption alone, in English.';

const world = `Rewrite a wish for a two-second clip as its caption. Captions are three short sentences, like these:
A cartoon cat jumps on a snowy field. White hills stand under a pale winter sky. Static camera.
A cartoon rocket rises up at night. The night sky is deep blue and full of stars. Static camera.
A drawn car drives to the left in a city. Windows glow in the tall buildings. Static camera.
The first sentence says what is there, what it does and where. If the wish leaves it open, choose one motion of
${meaningsOf('motion').filter((one) => one !== 'go').join(', ')}, one place of ${meaningsOf('place').join(', ')}, and the style cartoon. Add no other things.
${keep}`; // prettier-ignore

const free = `Rewrite a wish for a short video clip as one detailed caption of 40 to 80 words, as if you saw the clip: what is there, what it does, where, the light, the style and the camera. Invent only what the wish leaves open, and let everything move in one continuous shot.
${keep}`;

/** The question for one wish. */
export const questionFor = (wish: string, style: CaptionStyle): string =>
  `${style === 'world' ? world : free}\n\nWish: ${wish}`;

/** Of a caption. */
export const mostTokens = { world: 120, free: 200 } as const satisfies Record<CaptionStyle, number>;
