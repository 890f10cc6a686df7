// tessera search: shots of indexed films, by meaning and by words.
import { Command } from 'commander';
import { type SearchRequest, searchSchema } from '../jobs/index-request.ts';
import type { SearchHit } from '../jobs/search.ts';
import { readSettings } from '../jobs/settings.ts';
import { near, table, time } from './format.ts';
import { addRequestOptions, sentFields } from './request-options.ts';

const examples = `
Looks in what "tessera index" has seen: the words of captions and of what is said, and how near a shot lies to the question in the space of the CLIP that it
was indexed with. Shots that both find come first. Thumbnails are drawn for --json and --open, and kept in the cache.

Examples:
  $ tessera search "a dog in the snow"
  $ tessera search "a red car" --folder cams/ --limit 3 --open
  $ tessera search "sunset" --json | jq -r '.hits[].film'`;

export function searchCommand(): Command {
  const command = new Command('search')
    .description('find shots of indexed films')
    .argument('<question>', searchSchema.shape.question.description);
  return addRequestOptions(command, searchSchema.shape, ['question'])
    .option('--open', 'show the shots with their thumbnails in the browser')
    .option('--json', 'print the shots as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(question: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = readSettings();
  const request = { question, ...sentFields(searchSchema.shape, options) } as SearchRequest;
  const { Searcher } = await import('../jobs/search.ts');
  const searcher = await Searcher.open(settings);
  try {
    const { hits, notices } = await searcher.search(request);
    for (const notice of notices) process.stderr.write(`note: ${notice}\n`);
    if (options['json'] !== true) console.log(hits.length === 0 ? 'No shot was found.' : table(hits.map(rowOf)));
    if (options['json'] !== true && options['open'] !== true) return;
    const { shotPicture } = await import('../jobs/shot-pictures.ts');
    const pictured = [];
    for (const hit of hits) pictured.push({ ...hit, thumbnail: (await shotPicture(hit, settings)) ?? null });
    if (options['json'] === true) console.log(JSON.stringify({ hits: pictured, notices }));
    if (options['open'] !== true) return;
    const { openSearchPage } = await import('./search-page.ts');
    process.stderr.write(`${await openSearchPage(question, pictured, settings.cacheFolder)}\n`);
  } finally {
    await searcher.close();
  }
}

const MOST_SAID = 100;

function rowOf({ film, start, end, caption, said }: SearchHit): string[] {
  const words = said.length > MOST_SAID ? `${said.slice(0, MOST_SAID).replace(/\s+\S*$/, '')} …` : said;
  return [near(film), `${time(start)}–${time(end)}`, said === '' ? caption : `${caption} “${words}”`];
}
