// Traces of jobs for OpenTelemetry: BullMQ tells of each job that is added and processed, this file sends it on by OTLP over HTTP.
// Its packages are loaded when an address is set, and not before. A collector that is away never fails a job.
import type { Telemetry } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from './settings.ts';

export interface JobTraces {
  readonly telemetry: Telemetry;
  /** Sends what is left, as far as the collector takes it in time. */
  flush(): Promise<void>;
}

const FLUSH_MS = 5000;
/** OpenTelemetry knows one provider a process; the first address holds. */
let opened: Promise<JobTraces> | undefined;

/** @returns undefined where no traces are wanted */
export function jobTraces({ traces }: Settings): Promise<JobTraces> | undefined {
  if (traces === undefined) return undefined;
  return (opened ??= open(traces));
}

async function open({ url, serviceName }: NonNullable<Settings['traces']>): Promise<JobTraces> {
  const [
    { OTLPTraceExporter },
    { resourceFromAttributes },
    { BatchSpanProcessor, NodeTracerProvider },
    { BullMQOtel },
  ] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-node'),
    import('bullmq-otel'),
  ]);
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  provider.register();
  const flush = async (): Promise<void> => {
    const sent = provider.forceFlush().catch(() => undefined); // it is away
    await Promise.race([sent, sleep(FLUSH_MS, undefined, { ref: false })]);
  };
  return { telemetry: new BullMQOtel({ tracerName: 'tessera' }), flush };
}
