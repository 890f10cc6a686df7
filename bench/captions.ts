// `npm run bench:captions`: how fast the detector captions 720p footage looked at once a second, and whether memory stays flat. The
// footage is a photograph of people that a camera pans over, with a film's grain, looped. Where a machine is shared, trust the
// seconds of processor time: what a quiet one with two cores would take cannot be less than half of them.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { caption } from '../jobs/caption.ts';
import { readSettings } from '../jobs/settings.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, every: { type: 'string', default: '1s' } },
});
const minutes = Number(values.minutes);
const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-captions-'));
const run = promisify(execFile);
const photo = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');
const ownFolders = { cacheFolder: join(folder, 'cache'), dataFolder: join(folder, 'data') };
const settings = { ...readSettings(), ...ownFolders };
const { ffmpeg } = await findFfmpeg(settings);

const LOOP_SECONDS = 20;
const TICKS = 100;

/** Seconds of processor time of this process, and of the children that it has waited for. */
function processorSeconds(): { readonly own: number; readonly children: number } {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ').map(Number);
  return { own: (fields[11]! + fields[12]!) / TICKS, children: (fields[13]! + fields[14]!) / TICKS };
}

/** Megabytes that this process and its children hold: detectors and ffmpeg. */
function residentMegabytes(): number {
  const status = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statusOf);
  const ours = status.filter((text) => text.includes(`\nPid:\t${process.pid}\n`) || text.includes(`\nPPid:\t${process.pid}\n`)); // prettier-ignore
  return Math.round(ours.reduce((sum, text) => sum + Number(/VmRSS:\s*(\d+)/.exec(text)?.[1] ?? 0), 0) / 1024);
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return ''; // it has ended meanwhile
  }
}

async function makeFilm(): Promise<string> {
  const [loop, film] = [join(folder, 'loop.mp4'), join(folder, 'film.mp4')];
  const pan = `scale=2560:-2,crop=1280:720:'(iw-1280)*(0.5+0.5*sin(t*6.2832/${LOOP_SECONDS}))':'(ih-720)/2',noise=alls=5:allf=t`;
  const from = ['-v', 'error', '-loop', '1', '-framerate', '30', '-t', String(LOOP_SECONDS), '-i', photo];
  await run(ffmpeg.path, [...from, '-vf', pan, '-pix_fmt', 'yuv420p', '-preset', 'veryfast', loop]);
  const times = String(Math.ceil((60 * minutes) / LOOP_SECONDS) - 1);
  await run(ffmpeg.path, ['-v', 'error', '-stream_loop', times, '-i', loop, '-c', 'copy', film]);
  return film;
}

try {
  const film = await makeFilm();
  console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, load ${loadavg()[0]!.toFixed(1)} before`);
  const memory: number[] = [];
  let minute = -1;
  const [before, start] = [processorSeconds(), performance.now()];
  const { videos } = await caption(
    { videos: [film], every: values.every, captioner: 'detector' },
    {
      settings,
      onProgress: ({ seconds }) => {
        const now = Math.floor((10 * seconds) / (60 * minutes));
        if (now === minute) return;
        minute = now;
        memory.push(residentMegabytes());
      },
    },
  );
  const wall = (performance.now() - start) / 1000;
  const after = processorSeconds();
  const [own, children, filmSeconds] = [after.own - before.own, after.children - before.children, 60 * minutes];
  const video = videos[0]!;
  console.log(
    `${filmSeconds} s of 1280x720 at 30 fps, a picture every ${values.every}: ${wall.toFixed(0)} s, ${(filmSeconds / wall).toFixed(1)}x real time`,
  );
  console.log(
    `processor time: ${own.toFixed(1)} s here, ${children.toFixed(1)} s in detectors and ffmpeg, on two cores at best ${((2 * filmSeconds) / (own + children)).toFixed(1)}x real time`,
  );
  console.log(`memory of all its processes by tenths of the film: ${memory.join(', ')} MB`);
  if ('captions' in video)
    console.log(`${video.captions.length} captions, the first: ${video.captions[0]?.text ?? ''}`);
} finally {
  await rm(folder, { recursive: true });
}
