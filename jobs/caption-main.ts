// The child process in which a worker's captions and an agent's answers are made, started by caption-process.ts. It works at one request, and ends with
// its parent.
import { toRecord } from '../graph/child-protocol.ts';
import { type Answer, ask } from './ask.ts';
import { caption, type CaptionResult } from './caption.ts';
import type { CaptionNews, CaptionOrder } from './caption-process.ts';

const stopper = new AbortController();
const tell = (news: CaptionNews): void => void process.send?.(news);

// Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of the work.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (order: CaptionOrder) => {
  if (order.kind === 'stop') return stopper.abort();
  carryOut(order).then(
    (result) => tell({ kind: 'done', result }),
    (error: unknown) => tell({ kind: 'failed', error: toRecord(error) }),
  );
});

function carryOut(order: Exclude<CaptionOrder, { readonly kind: 'stop' }>): Promise<CaptionResult | Answer> {
  const { settings } = order;
  const { signal } = stopper;
  if (order.kind === 'ask') return ask(order.request, { settings, signal });
  return caption(order.request, {
    settings,
    signal,
    onProgress: (progress) => tell({ kind: 'progress', progress }),
    onNotice: (notice) => tell({ kind: 'notice', notice }),
  });
}
