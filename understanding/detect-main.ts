// The process of a detector, started by detector-child.ts. It looks at one picture after another and ends with its parent.
import { toRecord } from '../graph/child-protocol.ts';
import { openDetector } from './detect.ts';
import type { DetectOrder, DetectReply } from './detector-child.ts';

const detector = openDetector();
detector.catch(() => undefined); // each picture is answered with why
const tell = (reply: DetectReply): void => void process.send?.(reply);

// Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of the work.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', ({ id, picture }: DetectOrder) => {
  void detector
    .then((open) => open.detect(picture))
    .then(
      (found) => tell({ id, found }),
      (error: unknown) => tell({ id, error: toRecord(error) }),
    );
});
