// What `generate` does, from its parts: words, noise, steps, frames. Usage: tsx examples/sample-by-hand.ts [model] [output]
import * as tessera from '../index.ts';

const [name = 'nano', output = 'by-hand.gif'] = process.argv.slice(2);
const model = await tessera.loadModel(name);
const engine = tessera.localEngine();
const { width, height, frames, fps, steps, guidance } = model.defaults;

// Words -> states [1,L,D], with or without the padding behind them.
const encoder = tessera.openTextEncoder(engine, { ...model.textEncoder, tokenizer: model.tokenizer });
const condition = async (prompt: string): Promise<tessera.Condition> => {
  const text = await encoder.encode(prompt, model.textLength);
  return model.masksPadding ? { text, textMask: tessera.wordMask(text) } : { text };
};
const [positive, negative] = [await condition('a red car drives left in a city'), await condition('')];

// Noise -> latents [C,T,H,W], along the velocity that the transformer believes in.
const shape = tessera.latentShape(model.autoencoder.config, { width, height, frames }).slice(1);
const [channels, time, rows, columns] = shape as [number, number, number, number];
const denoiser = await tessera.openDenoiser(engine, {
  ...model.transformer,
  shape: [channels, time, rows, columns],
  timesteps: 1,
  like: positive,
  batch: 2,
});
const latents = await tessera.sampleLatents({
  velocity: tessera.guidedVelocity(denoiser, { positive, negative, scale: guidance }),
  scheduler: tessera.createScheduler(model.scheduler, { steps }),
  from: tessera.initialNoise(7, channels * time * rows * columns),
});

// Latents -> frames [T,H,W,3] -> file.
const autoencoder = tessera.openAutoencoder(engine, model.autoencoder);
const z = tessera.denormalizeLatents(model.autoencoder.config, tessera.tensor(latents, [1, ...shape]));
const clip = tessera.tensorToFrames(await autoencoder.decode(z));
await tessera.writeVideo(await tessera.findFfmpeg(), output, [clip], { fps, overwrite: true });
await engine.close();
console.log(`${output}: ${clip.frames} frames`);
