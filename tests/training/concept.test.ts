import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { input, matmul } from '../../graph/build.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { conceptName, readSprites, standIns } from '../../training/concept.ts';
import { cutOut } from '../../training/cut-out.ts';
import { lowRank } from '../../training/low-rank.ts';
import { conceptVariation } from '../../training/train-lora.ts';
import { worldTokenizer } from '../../training/words.ts';
import { loadAtlas } from '../../training/world/atlas.ts';
import { caption } from '../../training/world/captions.ts';
import { randomOf } from '../../training/world/random.ts';
import { renderScene } from '../../training/world/render.ts';
import { fullWorld, sampleScene } from '../../training/world/scene.ts';

const clear = { r: 0, g: 0, b: 0, alpha: 0 };
/** A red disc of 40 pixels, 24 from the left. */
const disc = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"><circle cx="44" cy="32" r="20" fill="#d02020"/></svg>'); // prettier-ignore
const withAlpha = sharp(disc).png();
const onWhite = sharp(disc).flatten({ background: '#ffffff' }).jpeg({ quality: 95 });
const noise = sharp({ create: { width: 64, height: 48, channels: 3, noise: { type: 'gaussian', mean: 128, sigma: 60 }, background: clear } }).png(); // prettier-ignore

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'tessera-concept-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function pictures(name: string, files: Readonly<Record<string, Buffer>>): Promise<string> {
  await mkdir(join(folder, name));
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, name, file), bytes);
  return join(folder, name);
}

describe('a picture as a sprite', () => {
  it('is cut out by its alpha or from a border of one colour, and trimmed', async () => {
    for (const [picture, by] of [
      [withAlpha, 'alpha'],
      [onWhite, 'border'],
    ] as const) {
      const { cutBy, width, height, colour, png } = await cutOut(await picture.toBuffer());
      expect(cutBy).toBe(by);
      expect(width / height).toBeCloseTo(1, 1);
      expect(colour[0]).toBeGreaterThan(180);
      expect(colour[1]).toBeLessThan(60);
      const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
      expect(data[3]).toBe(0); // the corner
    }
  });

  it('is whole where it has neither', async () => {
    const { cutBy, width, height } = await cutOut(await noise.toBuffer());
    expect([cutBy, width / height]).toEqual(['nothing', 4 / 3]);
  });

  it('is refused where nothing is to be seen', async () => {
    const empty = await sharp({ create: { width: 32, height: 32, channels: 4, background: clear } }).png().toBuffer(); // prettier-ignore
    await expect(cutOut(empty)).rejects.toThrow('nothing is to be seen');
  });
});

describe('the name of a thing', () => {
  it('is words, however they are joined', () => expect(conceptName(' My-Mascot ')).toBe('my mascot'));
  it.each(['', '  ', 'a/b', 'kitty!', '"x"', 'x'.repeat(41)])('refuses %j', (name) =>
    expect(() => conceptName(name)).toThrow(/must be words of letters and digits/),
  );
  it.each(['dog', 'Kitten', 'fire truck'])('refuses %s, which the world has', (name) =>
    expect(() => conceptName(name)).toThrow(/is a word for things of the world already/),
  );
});

describe('the folder of pictures', () => {
  it('has 3 to 10 that can be read', async () => {
    const atlas = await loadAtlas([], []);
    const png = await withAlpha.toBuffer();
    const few = await pictures('few', { 'a.png': png, 'b.png': png, 'notes.txt': png });
    await expect(readSprites(few, 'few', atlas)).rejects.toThrow(/has 2 pictures; a new thing is learned from 3 to 10/);
    await expect(readSprites(await pictures('none', {}), 'none', atlas)).rejects.toThrow(/has no pictures/);
    await expect(readSprites(join(folder, 'nowhere'), 'x', atlas)).rejects.toThrow(/is no folder/);
    const broken = await pictures('broken', { 'a.png': png, 'b.png': png, 'c.png': png.subarray(0, 60) });
    await expect(readSprites(broken, 'broken', atlas)).rejects.toThrow(/cannot be read as pictures: c\.png/);
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`${i}.png`, png]));
    await expect(readSprites(await pictures('many', many), 'many', atlas)).rejects.toThrow(/has 11 pictures/);
  });

  it('becomes a thing that moves in places, and that captions call by a word of the text tower', async () => {
    const world = await loadAtlas(['cartoon'], ['cat']);
    const png = await withAlpha.toBuffer();
    const given = await pictures('disc', { 'a.png': png, 'b.jpg': await onWhite.toBuffer(), 'c.png': png });
    const sprites = await readSprites(given, 'red disc', world);
    expect(sprites.cuts).toEqual({ 'a.png': 'alpha', 'b.jpg': 'border', 'c.png': 'alpha' });
    const options = { ...fullWorld, styles: ['cartoon'], nouns: ['cat'], twoActors: 0, places: ['snow'] } as const;
    const { sceneOf, wordsOf } = conceptVariation({ ...sprites, name: 'red disc', means: standIns[0]! }, 4, {});
    const random = randomOf(5);
    const scenes = Array.from({ length: 40 }, () => sceneOf(random, 100, options));
    const shown = scenes.filter(({ actors }) => sprites.nouns.includes(actors[0]!.noun));
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.length).toBeLessThan(30);
    const size = { frames: 1, width: 64, height: 64 };
    const frame = renderScene(sampleScene(3, { ...options, nouns: sprites.nouns, motions: ['still'] }), sprites.atlas, size); // prettier-ignore
    const red = Array.from({ length: 64 * 64 }, (_, i) => frame[3 * i]! - frame[3 * i + 1]!).filter((d) => d > 100);
    expect(red.length).toBeGreaterThan(150);
    const tokenizer = worldTokenizer();
    for (const [i, scene] of shown.entries()) {
      const told = wordsOf(caption(scene, i, 'full'));
      expect(told).toContain(standIns[0]!);
      expect(tokenizer.unknownWords(told)).toEqual([]);
    }
  });

  it('is called by a noun that no other scene of its training shows', async () => {
    const [means] = standIns;
    const concept = { nouns: [], name: 'x', means: means!, cuts: {}, sha256: '', atlas: await loadAtlas(['cartoon'], ['cat']) }; // prettier-ignore
    const { sceneOf } = conceptVariation(concept, 4, {});
    const random = { ...randomOf(5), chance: () => false };
    const world = { ...fullWorld, nouns: [means!, 'cat', 'rocket'], twoActors: 0 };
    const shown = Array.from({ length: 60 }, () => sceneOf(random, 1000, world).actors[0]!.noun);
    expect(new Set(shown)).toEqual(new Set(['cat', 'rocket']));
  });
});

describe('matrices of low rank', () => {
  it('learn beside the matrices of the blocks alone, which stay inputs', () => {
    const scope = parameterScope();
    const p = lowRank(scope, 4);
    const x = input('x', [2, 8]);
    matmul(x, p.at('blocks.0').at('attn1')('to_q.weight', [8, 8]));
    matmul(x, p('proj_out.weight', [8, 8]));
    expect(scope.specs().map(({ name, shape }) => [name, shape])).toEqual([
      ['blocks.0.attn1.to_q.lora_A.weight', [4, 8]],
      ['blocks.0.attn1.to_q.lora_B.weight', [8, 4]],
    ]);
  });
});
