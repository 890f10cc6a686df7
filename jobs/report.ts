// Tells the caller of `generate` how far it is: turns the events of clips into progress with an estimate, collects notices.
import { Estimator, type Progress } from './progress.ts';
import type { ClipEvents } from './render-clip.ts';
import type { Render } from './resolve-request.ts';
import type { Stage } from './stages.ts';

export interface Listeners {
  readonly onProgress?: (progress: Progress) => void;
  readonly onNotice?: (notice: string) => void;
}

type Lengths = Pick<Render, 'steps' | 'frames' | 'fast'>;

export class RenderReport {
  readonly noticed: string[] = [];
  readonly #listeners: Listeners;
  #clips = { clip: 1, clips: 1 };
  #estimator: Estimator | undefined;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  /** Each notice is told once. */
  notices(notices: readonly string[]): void {
    for (const notice of notices) {
      if (this.noticed.includes(notice)) continue;
      this.noticed.push(notice);
      this.#listeners.onNotice?.(notice);
    }
  }

  /** A stage without steps begins. */
  stage(stage: Stage): void {
    this.#tell({ stage, step: 0, steps: 0 });
  }

  /** What happens to a clip (counted from 1), of so many steps and frames in all, becomes progress. */
  clip(clip: number, clips: number, { steps, frames: total, fast: isUneven = false }: Lengths): ClipEvents {
    this.#clips = { clip, clips };
    this.stage('load');
    let decodingSince = 0;
    const tell = (stage: Stage, step: number, frames: number): void => {
      const remainingSeconds = this.#estimator?.remainingSeconds({ clip, step, frames });
      const counts = stage === 'steps' ? { step, steps } : { step: frames, steps: total };
      this.#tell({ stage, ...counts, ...(remainingSeconds === undefined ? {} : { remainingSeconds }) });
    };
    return {
      opened: (flops) => {
        this.#estimator ??= new Estimator({
          clips,
          steps,
          frames: total,
          decodeSteps: flops.decode / flops.step,
          isUneven,
        });
        tell('steps', 0, 0);
      },
      resumed: (step) => {
        this.notices([`Going on after step ${step} of ${steps}, where an earlier render was stopped.`]);
        tell('steps', step, 0);
      },
      unsaved: (problem) => {
        const why = problem instanceof Error ? problem.message : String(problem);
        this.notices([`Latents cannot be saved, so a render that is stopped starts over: ${why}`]);
      },
      stepped: (step, seconds) => {
        this.#estimator?.stepTook(seconds);
        tell('steps', step, 0);
      },
      decoded: (frames) => {
        if (frames === 0) decodingSince = performance.now();
        tell('decode', steps, frames);
      },
      encoding: () => tell('encode', steps, total),
      written: () => {
        if (decodingSince > 0) this.#estimator?.decodeTook((performance.now() - decodingSince) / 1000);
      },
    };
  }

  #tell(part: Omit<Progress, 'clip' | 'clips'>): void {
    this.#listeners.onProgress?.({ ...this.#clips, ...part });
  }
}
