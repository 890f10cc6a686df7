// Traces of a job that is rendered, as a collector on the loopback receives them.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Queue } from '../../jobs/queue.ts';
import { readSettings } from '../../jobs/settings.ts';
import { Worker } from '../../jobs/worker.ts';
import { scratch, settingsIn } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

/** What OTLP sends as JSON, as far as it matters here. */
interface SentTraces {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[] }[];
}

it('a collector sees a job added and processed, in one trace', { timeout: 600_000 }, async () => {
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      bodies.push(body);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((ready) => void collector.listen(0, '127.0.0.1', ready));
  onTestFinished(() => void collector.close());
  const { port } = collector.address() as AddressInfo;
  const { traces } = readSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/`,
    OTEL_SERVICE_NAME: 'film',
  });
  const folder = await scratch();
  await writeTinyModel(join(folder, 'models', 'tiny'));
  const settings = { ...settingsIn(folder), ...(traces && { traces }) };

  const queue = await Queue.open(settings);
  const { job } = await queue.submit({ model: 'tiny', prompt: 'a red cat', output: join(folder, 'cat.mp4') });
  const worker = await Worker.start({ settings, until: 'drained' });
  expect(await worker.ended).toMatchObject({ done: 1 });
  await queue.close();

  const spans = bodies
    .flatMap((body) => (JSON.parse(body) as SentTraces).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const ofJob = spans.filter(({ attributes }) => attributes.some(({ value }) => value.stringValue === job.id));
  const added = ofJob.find(({ name }) => name.startsWith('add '));
  const processed = ofJob.find(({ name }) => name.startsWith('process '));
  expect([added, processed], spans.map(({ name }) => name).join()).not.toContain(undefined);
  expect(processed!.traceId).toBe(added!.traceId);
  expect(bodies.join()).toContain('"film"');
});

it('an address that is none is refused', () => {
  expect(() => readSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' })).toThrow('OTEL_EXPORTER_OTLP_ENDPOINT');
});
