// tessera caption: what videos show, as subtitles.
import { Command } from 'commander';
import type { CaptionedVideo, CaptionResult, FailedVideo } from '../jobs/caption.ts';
import { type CaptionRequest, captionSchema } from '../jobs/caption-request.ts';
import { captionDisplay } from './caption-display.ts';
import { near, seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { describeJob, filesOf } from './job-text.ts';
import { addRequestOptions, sentFields } from './request-options.ts';
import { withQueue } from './with-queue.ts';

const examples = `
The captioner "detector" comes along and needs no download: it names 80 kinds of things, counts them and says how they move.
A vision-language model says more: hf:<model> runs one here, from a folder or the hub, openai:<address> asks a server. "auto"
takes the endpoint in TESSERA_VISION_URL if it answers, else a model in the folders of models, else the detector.

Files appear beside each video: film.vtt, film.srt, film.captions.json, film.captions.txt, film.captioned.mp4, film.burnt.mp4.
A film that was stopped goes on where it was when the same command is given again. With --queue each video becomes a job for
"tessera worker", which survives kills, and "tessera jobs" shows, cancels and retries.

Examples:
  $ tessera caption film.mp4
  $ tessera caption film.mp4 --every 2s --formats vtt,srt --mux
  $ tessera caption holiday/ "cams/**/*.mkv" --shots --json
  $ tessera caption film.mp4 --captioner hf:HuggingFaceTB/SmolVLM-256M-Instruct --speech hf:onnx-community/whisper-base
  $ tessera caption film.mp4 --captioner openai:http://127.0.0.1:11434/v1 --model llava --language German
  $ tessera caption holiday/ --queue && tessera worker --drain

Ends with 1 when a video among several failed; the others are done.`;

export function captionCommand(): Command {
  const command = new Command('caption')
    .description('put into timed words what videos show')
    .argument('<video...>', captionSchema.shape.videos.description);
  return addRequestOptions(command, captionSchema.shape, ['videos'])
    .option('--queue', 'leave it to workers: a job for each video')
    .option('--priority <n>', 'with --queue: from 1, which comes first, to 1000000', '100')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(videos: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const json = options['json'] === true;
  // The story parses the request again, so what was sent may be anything here.
  const request = { videos: [...videos], ...sentFields(captionSchema.shape, options) };
  if (options['queue'] === true) return submit(request, { priority: Number(options['priority']), json });
  const { caption } = await import('../jobs/caption.ts');
  const display = captionDisplay();
  try {
    const result = await interruptible((signal) =>
      caption(request, {
        signal,
        onProgress: display.progress,
        onNotice: display.note,
        onVideo: (video) => {
          if (json) return;
          display.stop();
          console.log(lineOf(video));
        },
      }),
    );
    display.stop();
    report(result, json);
  } finally {
    display.stop();
  }
}

async function submit(
  request: CaptionRequest,
  how: { readonly priority: number; readonly json: boolean },
): Promise<void> {
  const { priority, json } = how;
  const { submitted, failed } = await withQueue((queue) => queue.submitCaptions(request, { priority }));
  if (failed.length > 0) process.exitCode ||= 1;
  if (json)
    return console.log(JSON.stringify({ jobs: submitted.map(({ job, isNew }) => ({ ...job, isNew })), failed }));
  for (const { job, isNew } of submitted)
    console.log(`${job.id}  ${job.state}${isNew ? '' : ', as before'}  ${describeJob(job)}  ${filesOf(job).map(near).join(', ')}`); // prettier-ignore
  for (const video of failed) console.log(lineOf(video));
}

function report(result: CaptionResult, json: boolean): void {
  if (result.failed > 0) process.exitCode ||= 1;
  if (json) return console.log(JSON.stringify(result));
  const { videos, failed, tokens } = result;
  if (tokens !== undefined) console.log(`The endpoint billed ${tokens.input} tokens in, ${tokens.output} out.`);
  if (videos.length > 1)
    console.log(`${videos.length - failed} of ${videos.length} videos done${failed > 0 ? `, ${failed} not` : ''}.`);
}

function lineOf(video: CaptionedVideo | FailedVideo): string {
  if ('error' in video) return `failed  ${near(video.video)}  ${video.error.message}`;
  const { cues, durationSeconds, files, wasThere, tookSeconds } = video;
  const speed = durationSeconds / Math.max(0.001, tookSeconds);
  const how = wasThere ? 'was there' : `took ${seconds(tookSeconds)}, ${speed.toFixed(1)}x real time`;
  const count = cues === 1 ? '1 caption' : `${cues} captions`;
  return `${near(video.video)}  ${count} over ${seconds(durationSeconds)}, ${how}\n  ${files.map(near).join('\n  ')}`;
}
