// A bar over the seconds of a film that is looked at, with what is left. Only where a person watches; notes go to standard error.
import { SingleBar } from 'cli-progress';
import { basename } from 'node:path';
import type { CaptionProgress } from '../jobs/caption.ts';
import { bytes, seconds } from './format.ts';

const words = { load: 'loading', look: 'looking', listen: 'listening', write: 'writing' };

/** A bar over the seconds of the film, where a person watches. */
export function captionDisplay(stream: NodeJS.WriteStream = process.stderr) {
  if (!stream.isTTY) {
    return {
      progress: () => undefined,
      note: (text: string) => void stream.write(`note: ${text}\n`),
      stop: () => undefined,
    };
  }
  let bar: SingleBar | undefined;
  const start = (): SingleBar => {
    const looks = { hideCursor: true, clearOnComplete: true, barsize: 32, gracefulExit: false };
    const made = new SingleBar({ format: '{stage} {bar} {text}', stream, ...looks });
    made.start(1, 0, { stage: words.load.padEnd(9), text: '' });
    return made;
  };
  let began = performance.now();
  let from = 0;
  return {
    progress: (progress: CaptionProgress): void => {
      bar ??= start();
      const { stage, seconds: at, durationSeconds, download } = progress;
      if (at === 0) [began, from] = [performance.now(), 0];
      else if (from === 0) [began, from] = [performance.now(), at];
      bar.setTotal(Math.max(1, download?.totalBytes ?? durationSeconds));
      const left = at > from ? ((performance.now() - began) / 1000 / (at - from)) * (durationSeconds - at) : undefined;
      bar.update(download?.loadedBytes ?? at, { stage: words[stage].padEnd(9), text: textOf(progress, left) });
    },
    note: (text: string) => void stream.write(`\r\u001b[Knote: ${text}\n`),
    stop: () => {
      bar?.stop();
      bar = undefined;
    },
  };
}

function textOf(
  { video, number, videos, seconds: at, durationSeconds, download }: CaptionProgress,
  left?: number,
): string {
  if (download !== undefined)
    return `${download.file} ${bytes(download.loadedBytes)} of ${bytes(download.totalBytes)} of ${download.model}`;
  const parts = [
    videos > 1 ? `${number}/${videos}` : '',
    basename(video),
    durationSeconds > 0 ? `${seconds(at)} of ${seconds(durationSeconds)}` : '',
    left === undefined ? '' : `${seconds(left)} left`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
