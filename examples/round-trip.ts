// A video through the autoencoder and back: how much is lost, and how much smaller the latents are.
// Usage: tsx examples/round-trip.ts <video> [model]
import * as tessera from '../index.ts';

const [video = 'penguin.mp4', name = 'nano'] = process.argv.slice(2);
const model = await tessera.loadModel(name);
const { width, height, frames } = model.defaults;
const tools = await tessera.findFfmpeg();
const clip = await tessera.collectFrames(tessera.readVideo(tools, video, { width, height, maxFrames: frames }));

const engine = await tessera.childEngine(); // a process of its own: this one stays responsive
const autoencoder = tessera.openAutoencoder(engine, model.autoencoder);
const original = tessera.framesToTensor(clip); // [1,3,T,H,W]
const { mean } = await autoencoder.encode(original); // [1,C,T',H',W']
const copy = tessera.tensorToFrames(await autoencoder.decode(mean));
await engine.close();

const squared = clip.data.reduce((sum, value, i) => sum + (value - copy.data[i]!) ** 2, 0) / clip.data.length;
console.log(
  `latents [${mean.shape.join(',')}], ${(original.data.length / mean.data.length).toFixed(1)} times fewer numbers`,
);
console.log(`PSNR ${(10 * Math.log10(255 ** 2 / squared)).toFixed(1)} dB`);
