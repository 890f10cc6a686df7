// `npm run bench`: times of the engine and of a nano clip on this machine, side by side in one run.
import { cpus } from 'node:os';
import { coldClip, warmClip } from './clip.ts';
import { bareProduct, openCheckpoint, trainingStep } from './engine.ts';
import { printTable } from './measure.ts';

const bare = await bareProduct();
const gflops = bare.flops! / bare.milliseconds / 1e6;
console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`);
printTable('Engine', [bare, await trainingStep(), { ...(await openCheckpoint()), note: 'target 100 ms' }], gflops);
printTable('A clip of 17 frames at 128x128', [...(await warmClip()), await coldClip()], gflops);
console.log(`\npeak memory of this process: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
