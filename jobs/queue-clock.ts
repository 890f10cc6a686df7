// PostgreSQL's backend of BullMQ believes the times that its clients tell. One whose clock was ahead, or this machine's own
// before it was set back, leaves times behind that are not reached for long, and until then lost jobs are not looked for,
// locks do not run out, and jobs that wait for their turn go on waiting. Nothing here is that far away: it is mended.
import type { PatientPool } from './postgres-pool.ts';

/** No lock and no delay is longer. */
export const FARTHEST_MS = 600_000;

/** Brings times that are too far away back to where they could be. */
export async function mendTimes(pool: PatientPool, queue: string): Promise<void> {
  const now = Date.now();
  const far = now + FARTHEST_MS;
  const update = (what: string, ...times: readonly number[]) => pool.query(`UPDATE bullmq.${what}`, [queue, ...times]);
  await update(
    `meta SET value = $2::bigint::text WHERE queue = $1 AND field = 'stalled-check' AND value::bigint > $2::bigint`,
    now,
  );
  await update(
    `job SET locked_until_ms = $2::bigint WHERE queue = $1 AND state = 'active' AND locked_until_ms > $2::bigint`,
    far,
  );
  await update(
    `job SET process_at_ms = $2::bigint WHERE queue = $1 AND state = 'delayed' AND process_at_ms > $3::bigint`,
    now,
    far,
  );
}
