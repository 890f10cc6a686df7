// `tessera eval --lora --images`: whether clips of a thing that a LoRA taught show it. Its pictures stand among the nouns that a clip
// may be taken for, so the score is that of the world's own nouns.
import { inKnownWords, type NewWord } from '../conditioning/new-words.ts';
import { readSprites, sayingName } from './concept.ts';
import { type EvaluationRequest, openSampledModel } from './evaluate.ts';
import { transformerStages } from './curriculum.ts';
import { scoreSamples } from './score-samples.ts';
import { makeReferences } from './scores/references.ts';
import { factsOf } from './scores/score.ts';
import { placeRight, share, type Share } from './scores/summary.ts';
import { loadAtlas } from './world/atlas.ts';
import { caption } from './world/captions.ts';
import { sampleScene } from './world/scene.ts';

export interface ConceptEvaluation {
  /** Clips whose likeliest noun is the thing, by whichever picture. */
  readonly shown: Share;
  readonly motion: Share;
  readonly place: Share;
  /** What each prompt's clip was taken for. */
  readonly each: readonly { readonly prompt: string; readonly shown: string | undefined }[];
}

/** @param images folder of the pictures @throws InvalidRequestError, ModelFileError, the signal's reason */
export async function evaluateConcept(
  request: EvaluationRequest,
  images: string,
  word: NewWord,
): Promise<ConceptEvaluation> {
  const { world } = transformerStages[request.stage];
  const sprites = await readSprites(images, word.name, await loadAtlas(world.styles, world.nouns));
  const references = makeReferences(sprites.atlas, world.styles, [...world.nouns, ...sprites.nouns]);
  const prompts = Array.from({ length: request.prompts }, (_, i) => {
    const scene = sampleScene(11_000_000 + i, { ...world, nouns: sprites.nouns, holdOut: 'all' });
    const said = sayingName(caption(scene, i, request.captions), word.name);
    return { said, prompt: inKnownWords(said, [word]), facts: factsOf(scene) };
  });
  const model = await openSampledModel(request.model, request.weights);
  const scores = await scoreSamples(model, prompts, references, request);
  return {
    shown: share(scores.map(({ nouns }) => sprites.nouns.includes(nouns[0] ?? ''))),
    motion: share(scores.map(({ motion, facts }) => motion === facts.motion)),
    place: share(scores.map(placeRight)),
    each: scores.map(({ nouns }, i) => ({ prompt: prompts[i]!.said, shown: nouns[0] })),
  };
}
