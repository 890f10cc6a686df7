// Several denoisers of which only the one that ran last is open, as for the two experts of Wan 2.2 A14B: sampling changes from the
// one to the other once, and a second one of 14 billion parameters would only push the first one's pages out of memory.
import type { Denoiser } from './denoiser.ts';

/** Opens the first; the others open when they run, and each closes when another one runs. For one run at a time. */
export async function oneAtATime(openers: readonly (() => Promise<Denoiser>)[]): Promise<readonly Denoiser[]> {
  let current: { readonly index: number; readonly denoiser: Denoiser } | undefined;
  const close = async (): Promise<void> => {
    const last = current;
    current = undefined;
    await last?.denoiser.release();
  };
  const turnTo = async (index: number): Promise<Denoiser> => {
    if (current?.index === index) return current.denoiser;
    await close();
    const denoiser = await openers[index]!();
    current = { index, denoiser };
    return denoiser;
  };
  await turnTo(0);
  return openers.map((_, index) => ({
    run: async (...asked: Parameters<Denoiser['run']>) => (await turnTo(index)).run(...asked),
    release: async () => {
      if (current?.index === index) await close();
    },
  }));
}
