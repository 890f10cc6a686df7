// A bar over the sampling steps of a request, with its stage and what is left. Only where a person watches: on standard
// error, and only when that is a terminal.
import { type Options, SingleBar } from 'cli-progress';
import type { Progress } from '../jobs/progress.ts';
import { seconds } from './format.ts';

export interface ProgressDisplay {
  progress(progress: Progress): void;
  /** A line for the user; the bar stays below it. */
  note(text: string): void;
  stop(): void;
}

const words = { load: 'loading', text: 'reading', steps: 'sampling', decode: 'decoding', encode: 'writing' };

/** How bars look, whatever they count. */
export const barOptions = (format: string, stream: NodeJS.WriteStream): Options => ({
  format,
  stream,
  hideCursor: true,
  clearOnComplete: true,
  barsize: 32,
  barCompleteChar: '█',
  barIncompleteChar: '░',
  gracefulExit: false, // Ctrl-C has its own meaning
});

export function progressDisplay(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  if (!stream.isTTY) {
    return { progress: () => undefined, note: (text) => void stream.write(`note: ${text}\n`), stop: () => undefined };
  }
  const bar = new SingleBar(barOptions('{stage} {bar} {text}', stream));
  bar.start(1, 0, { stage: words.load.padEnd(8), text: '' });
  return {
    progress: (progress) => {
      bar.setTotal(Math.max(1, progress.clips * Math.max(1, progress.steps)));
      bar.update(doneOf(progress), texts(progress));
    },
    note: (text) => void stream.write(`\r\u001b[Knote: ${text}\n`),
    stop: () => bar.stop(),
  };
}

function doneOf({ stage, clip, step, steps }: Progress): number {
  const whole = stage === 'load' || stage === 'text' ? 0 : stage === 'steps' ? step : steps;
  return (clip - 1) * Math.max(1, steps) + whole;
}

function texts({ stage, clip, clips, step, steps, remainingSeconds }: Progress) {
  const parts = [
    clips > 1 ? `clip ${clip}/${clips}` : '',
    stage === 'steps' || stage === 'decode' ? `${step}/${steps}` : '',
    remainingSeconds === undefined || remainingSeconds < 0.05 ? '' : `${seconds(remainingSeconds)} left`,
  ];
  return { stage: words[stage].padEnd(8), text: parts.filter((part) => part !== '').join(', ') };
}
