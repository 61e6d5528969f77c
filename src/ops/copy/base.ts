/**
 * The snapshot that a copy is held against: one of the source that was copied before, with its copy. What both snapshots of the source have in
 * common, down to the ids of its chunks, is in that copy too, and need not be read.
 */
import { toHex } from '../../base/bytes.ts'
import { signaturePublicKey } from '../../crypto/signature.ts'
import type { LoggedSnapshot } from '../../log/log-state.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Content } from '../../snapshot/content.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { copyIds } from '../../snapshot/copy-id.ts'

/** The same directory of the same snapshot in both repositories. */
export type BaseDirectory = { readonly source: Content; readonly copy: Content }

export type Base = BaseDirectory & {
  /** The copy lacks nothing that the snapshot has. */
  readonly isWhole: boolean
}

/**
 * The nearest of the same series, or of the same host where there is none. Only copies that this key or an admin has committed: what
 * another writer says that it copied may be anything.
 */
export function baseOf(source: Repository, destination: Repository, row: SnapshotRow): Base | undefined {
  const candidates = source.manifest.snapshots
    .list({ forgotten: 'both', ...(row.host === null ? {} : { host: row.host }) })
    .map((other) => ({
      other,
      isOther: other.series !== row.series,
      apart: Math.abs(other.timeMs - row.timeMs),
    }))
    .sort((a, b) => Number(a.isOther) - Number(b.isOther) || a.apart - b.apart)
  for (const { other } of candidates) {
    const ids = copyIds(destination.keys.idKey, source.id, other.id)
    for (const isWhole of [true, false]) {
      const copy = destination.log.state.snapshots.get(isWhole ? ids.whole : ids.lacking)
      if (copy === undefined || copy.forgotten !== undefined || !isBelieved(destination, copy)) continue
      return { source: decodeContent(other.root), copy: decodeContent(copy.root), isWhole }
    }
  }
  return undefined
}

function isBelieved({ log, keys }: Repository, { author }: LoggedSnapshot): boolean {
  return (
    log.state.keys.get(author)?.role === 'admin' || author === toHex(signaturePublicKey(keys.signingSeed))
  )
}
