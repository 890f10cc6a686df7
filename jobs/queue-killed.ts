// Jobs whose worker was killed on this machine, in a store that is PostgreSQL. Others would wait until its lock has run out, and
// look twice; here the system knows at once that the process is gone, so its jobs are free at once. What is not certain (another
// machine, another container, a number that a later process has got) is left to the locks.
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { PatientPool } from './postgres-pool.ts';

/** Names this machine and, as containers count processes each for themselves, the space of its process numbers. */
const place = `${hostname()}${processSpace()}`;

/** The name under which a worker of this process takes jobs. */
export const workerName = `${place}-${process.pid}`;

/** Gives the jobs of killed workers back to the queue. @param mostLost how many workers a job may lose before it fails */
export async function freeJobsOfKilled(pool: PatientPool, queue: string, mostLost: number): Promise<void> {
  const running = `queue = $1 AND state = 'active'`;
  const { rows } = await pool.query<{ worker: string }>(
    `SELECT DISTINCT processed_by AS worker FROM bullmq.job WHERE ${running} AND processed_by LIKE $2`,
    [queue, `${place.replaceAll(/[\\%_]/g, '\\$&')}-%`],
  );
  const killed = rows.map(({ worker }) => worker).filter((worker) => !isAlive(Number(worker.slice(place.length + 1))));
  if (killed.length === 0) return;
  await pool.query(
    `UPDATE bullmq.job SET locked_until_ms = 0, stalled_marked = true WHERE ${running} AND processed_by = ANY($2)`,
    [queue, killed],
  );
  await pool.query('SELECT bullmq.move_stalled_jobs_to_wait($1, $2, $3, 0)', [queue, mostLost, Date.now()]);
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/^pid:/, '');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
