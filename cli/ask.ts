// tessera ask: a question about a video.
import { Command } from 'commander';
import { askSchema } from '../jobs/ask.ts';
import { interruptible } from './interrupt.ts';
import { addRequestOptions, sentFields } from './request-options.ts';

const examples = `
Which captioner answers is chosen as for "tessera caption"; the detector only names things, so where nothing else is there, nano's
own answers, which knows the clips of its world and no real footage.

Examples:
  $ tessera ask clip.mp4 "what colour is the sky?"
  $ tessera ask film.mp4 "What is the weather like?" --captioner openai:http://127.0.0.1:11434/v1 --model llava
  $ tessera ask film.mp4 "What is the dog doing?" --captioner hf:HuggingFaceTB/SmolVLM-256M-Instruct --json`;

export function askCommand(): Command {
  const command = new Command('ask')
    .description('answer a question about a video')
    .argument('<video>', askSchema.shape.video.description)
    .argument('<question>', askSchema.shape.question.description);
  return addRequestOptions(command, askSchema.shape, ['video', 'question'])
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(video: string, question: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const { ask } = await import('../jobs/ask.ts');
  const sent = { video, question, ...sentFields(askSchema.shape, options) };
  const result = await interruptible((signal) => ask(sent, { signal }));
  console.log(options['json'] === true ? JSON.stringify(result) : result.answer);
}
