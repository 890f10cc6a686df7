// Renders and encodes a stage's scenes in a process of their own while the transformer learns, so that most are there when they come: a
// training leaves a fifth of two cores idle between its products, and encoding new scenes takes as long as learning from them.
import { forkModule } from '../graph/fork-module.ts';

export interface EncodeAheadRequest {
  /** Name of a transformer's stage. */
  readonly stage: string;
  /** Model folder whose autoencoder encodes. */
  readonly model: string;
  /** Folder of the run that keeps the latents. */
  readonly run: string;
}

/** Begins; gives what ends it. Nothing depends on it: what is not there is encoded by whoever needs it. */
export function encodeAhead({ stage, model, run }: EncodeAheadRequest): () => void {
  const child = forkModule('./encode-ahead-main', import.meta.url, { args: [stage, model, run], stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
  child.channel?.unref();
  return () => void child.kill();
}
