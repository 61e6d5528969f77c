/** What a copy of a snapshot is called: whoever copies it again finds out by its id alone that it is there. */
import { fromHex, toHex } from '../base/bytes.ts'
import { keyedHash } from '../crypto/blake3.ts'
import { ID_BYTES, type RepositoryId, type SnapshotId, snapshotId } from '../model/ids.ts'

const LABELS = { whole: 'copy', lacking: 'lacking copy' } as const

export type CopyIds = Readonly<Record<keyof typeof LABELS, SnapshotId>>

/** `idKey`: of the repository in which the copy lies. `lacking`: of one for which not all of the snapshot could be read. */
export function copyIds(idKey: Uint8Array, repository: RepositoryId, snapshot: SnapshotId): CopyIds {
  const id = (label: string): SnapshotId =>
    snapshotId(
      toHex(
        keyedHash(idKey, new TextEncoder().encode(label), fromHex(repository), fromHex(snapshot)).subarray(
          0,
          ID_BYTES,
        ),
      ),
    )
  return { whole: id(LABELS.whole), lacking: id(LABELS.lacking) }
}
