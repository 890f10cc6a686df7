// A picture that is dropped into a folder starts a clip. What the clip shows stands in a file of the same name beside it
// (cat.png and cat.txt, or cat.json for more than a prompt), or else in the picture's own name. Knows names only.
import { basename, extname } from 'node:path';

const pictureEndings = ['.png', '.jpg', '.jpeg', '.webp', '.avif', '.tif', '.tiff'];
const wishEndings = ['.txt', '.json', '.yaml', '.yml'];

const endingOf = (name: string): string => extname(name).toLowerCase();
const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

export const isPicture = (name: string): boolean => pictureEndings.includes(endingOf(name));

/** The file among `others` that says what the picture's clip shows. */
export function wishFor(picture: string, others: readonly string[]): string | undefined {
  return others.find((other) => wishEndings.includes(endingOf(other)) && isOf(stemOf(other), picture));
}

/** The picture among `others` that a file tells about. */
export function pictureFor(wish: string, others: readonly string[]): string | undefined {
  if (!wishEndings.includes(endingOf(wish))) return undefined;
  return others.find((other) => isPicture(other) && isOf(stemOf(wish), other));
}

/** The name under which a wish stands beside its picture once both were taken. The clip's own record is cat.png.json. */
export const wishBeside = (picture: string, wish: string): string => `${picture}.prompt${endingOf(wish)}`;

/** "a cat walks_left.png" is a prompt. */
export const promptInName = (picture: string): string => basename(stemOf(picture)).replace(/[_\s-]+/g, ' ').trim(); // prettier-ignore

/** cat.txt, cat.png.txt and cat.png.prompt.txt belong to cat.png. */
function isOf(stem: string, picture: string): boolean {
  return [stemOf(picture), picture, `${picture}.prompt`].includes(stem);
}
