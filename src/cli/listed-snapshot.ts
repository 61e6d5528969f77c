/** A snapshot of the manifest as the renderers want it. */
import { toHex } from '../base/bytes.ts'
import { validateDetails } from '../log/details.ts'
import type { SnapshotRow } from '../manifest/snapshots-table.ts'
import { unlessDamaged } from '../model/errors.ts'
import type { Repository } from '../repository/repository.ts'
import { decodeContent } from '../snapshot/content.ts'
import { treeId } from '../snapshot/tree.ts'
import type { ListedSnapshot } from './render/snapshots.ts'

export function listedSnapshot(repository: Repository, row: SnapshotRow): ListedSnapshot {
  const details = unlessDamaged(() => validateDetails(row.details))
  return {
    id: row.id,
    time: row.timeMs,
    hostname: row.host ?? '',
    username: row.user ?? '',
    paths: row.paths,
    tags: row.tags,
    label: row.label ?? undefined,
    job: details?.job,
    sources: details?.sources,
    copiedFrom: details?.copied_from,
    tree: toHex(treeId(repository.keys.idKey, decodeContent(row.root))),
    summary: numbersOf(row.summary),
    incomplete: details?.incomplete === true,
    held: row.held,
    forgotten: row.forgottenMs ?? undefined,
  }
}

function numbersOf(summary: unknown): Record<string, number> {
  if (typeof summary !== 'object' || summary === null) return {}
  return Object.fromEntries(
    Object.entries(summary).filter((pair): pair is [string, number] => typeof pair[1] === 'number'),
  )
}
