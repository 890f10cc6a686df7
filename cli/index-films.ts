// tessera index: films that can be searched.
import { Command } from 'commander';
import { indexSchema } from '../jobs/index-request.ts';
import type { IndexedFilm, IndexResult } from '../jobs/index-films.ts';
import { captionDisplay } from './caption-display.ts';
import { near, seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { addRequestOptions, sentFields } from './request-options.ts';

const examples = `
Each shot gets a caption, by a captioner as "tessera caption" has and picks them, and a place among meanings, by a CLIP. nano's own CLIP knows the
clips of its world; for real footage name one of the hub or a folder. With --speech shots are found by what is said in them too. What is left out is as the latest film was indexed.

A film that is as it was is not looked at again; one that was moved is known by its content; one that is gone vanishes. A folder that is
empty or gone may be a disk that is not mounted: its films are forgotten with --prune only. After Ctrl-C the same command goes on.

Examples:
  $ tessera index clips/
  $ tessera index films/ "cams/**/*.mkv" --clip hf:Xenova/clip-vit-base-patch32
  $ tessera index talks/ --speech hf:onnx-community/whisper-base
  $ tessera index films/ --captioner openai:http://127.0.0.1:11434/v1 --model llava --json

Ends with 1 when a film among several failed; the others are done.`;

export function indexCommand(): Command {
  const command = new Command('index')
    .description('make films searchable')
    .argument('<folder...>', indexSchema.shape.videos.description);
  return addRequestOptions(command, indexSchema.shape, ['videos'])
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(videos: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const json = options['json'] === true;
  const request = { videos: [...videos], ...sentFields(indexSchema.shape, options) };
  const { indexFilms } = await import('../jobs/index-films.ts');
  const display = captionDisplay();
  const tell = (film: IndexedFilm): void => {
    if (json || film.state === 'unchanged') return;
    display.stop();
    console.log(lineOf(film));
  };
  try {
    const result = await interruptible((signal) =>
      indexFilms(request, { signal, onProgress: display.progress, onNotice: display.note, onFilm: tell }),
    );
    if (result.failed > 0) process.exitCode ||= 1;
    display.stop();
    console.log(json ? JSON.stringify(result) : summaryOf(result));
  } finally {
    display.stop();
  }
}

function lineOf(film: IndexedFilm): string {
  const name = near(film.film);
  if (film.state === 'indexed')
    return `indexed  ${name}  ${film.shots === 1 ? '1 shot' : `${film.shots} shots`}, took ${seconds(film.tookSeconds)}`;
  if (film.state === 'failed') return `failed   ${name}  ${film.error.message}`;
  const from = 'from' in film ? `  from ${near(film.from)}` : '';
  return `${film.state.padEnd(8)} ${name}${from}`;
}

function summaryOf({ films, failed, total }: IndexResult): string {
  const unchanged = films.filter(({ state }) => state === 'unchanged').length;
  const told = [unchanged > 0 ? `${unchanged} unchanged` : '', failed > 0 ? `${failed} failed` : ''];
  return (
    [`${total.films} films with ${total.shots} shots are indexed`, ...told.filter((one) => one !== '')].join(', ') + '.'
  );
}
