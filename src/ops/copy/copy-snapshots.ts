/** Copies snapshots one after the other. Each is durable before the next is begun, and one that cannot be copied does not keep others from it. */
import { hasCode, type SnapError } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import type { WriteOptions } from '../../repository/write-session.ts'
import { isDamage } from '../verify/report.ts'
import { addedUp, type CopySummary } from './copy-counter.ts'
import { type CopiedSnapshot, type CopyPorts, copySnapshot } from './copy-snapshot.ts'
import type { PlannedCopy } from './plan-copy.ts'

export type CopiesPorts = CopyPorts & {
  readonly copied: (planned: PlannedCopy, result: CopiedSnapshot) => void
  /** It is not copied: it is damaged, or was pruned meanwhile. */
  readonly failed: (planned: PlannedCopy, error: SnapError) => void
}

export type CopiesReport = {
  readonly copied: readonly PlannedCopy[]
  readonly failed: readonly PlannedCopy[]
  readonly summary: CopySummary
}

export async function copySnapshots(
  source: Repository,
  destination: Repository,
  snapshots: readonly PlannedCopy[],
  write: WriteOptions,
  ports: CopiesPorts,
): Promise<CopiesReport> {
  const copied: PlannedCopy[] = []
  const failed: PlannedCopy[] = []
  const summaries: CopySummary[] = []
  for (const planned of snapshots) {
    ports.signal.throwIfAborted()
    try {
      const result = await copySnapshot(source, destination, planned, write, ports)
      if (result.copy !== undefined) copied.push(planned)
      summaries.push(result.summary)
      ports.copied(planned, result)
    } catch (error) {
      if (!hasCode(error, 'SNAPSHOT_UNKNOWN') && !isDamage(error)) throw error
      failed.push(planned)
      ports.failed(planned, error)
    }
  }
  return { copied, failed, summary: addedUp(summaries) }
}
