/** The fold as the bytes of a CHECKPOINT (section 7 of `docs/format.md`). */
import { type Fold, type IndexReference, REASONS } from './fold.ts'

/** The fold before entry `number`; `before`: the hash of the object before it, `undefined` where that is unreadable. */
export function encodeCheckpoint(fold: Fold, number: number, before: Buffer | undefined): Buffer {
  const parts: Buffer[] = [u8(1), i64(BigInt(number)), before ?? Buffer.alloc(32), varint(fold.keys.size)]
  for (const [key, { role, name }] of sorted(fold.keys))
    parts.push(hex(key), u8(role), varBytes(Buffer.from(name)))
  parts.push(varint(fold.snapshots.size))
  for (const snapshot of fold.snapshots.values()) {
    const { id, seriesId, entry, timeMs, forgottenBy, held, sealedTags } = snapshot
    parts.push(
      hex(id),
      hex(seriesId),
      varint(entry.number),
      hex(entry.author),
      i64(timeMs),
      i64(entry.timeMs),
    )
    const flags = [forgottenBy !== undefined, held, sealedTags !== undefined]
    parts.push(u8(flags.reduce((sum, flag, bit) => sum + (flag ? 2 ** bit : 0), 0)))
    if (forgottenBy !== undefined) parts.push(varint(forgottenBy.number), i64(forgottenBy.timeMs))
    if (sealedTags !== undefined) parts.push(varBytes(sealedTags))
    parts.push(snapshot.root, references(snapshot.indexes), varBytes(snapshot.sealedDetails))
  }
  parts.push(varint(fold.indexes.size))
  for (const [id, { digest, entry, byAdmin }] of sorted(fold.indexes))
    parts.push(hex(id), digest, varint(entry.number), hex(entry.author), u8(byAdmin ? 1 : 0))
  const { condemnedIndexes, condemnedPacks, quarantinedPacks, attestedPacks } = fold
  for (const ids of [condemnedIndexes, condemnedPacks, quarantinedPacks, attestedPacks])
    parts.push(varint(ids.size), ...[...ids].sort().map(hex))
  parts.push(varint(fold.problems.length))
  for (const { number: at, reason } of fold.problems) parts.push(varint(at), u8(REASONS.indexOf(reason) + 1))
  return Buffer.concat(parts)
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const u8 = (value: number): Buffer => Buffer.of(value)

function i64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

const varBytes = (bytes: Buffer): Buffer => Buffer.concat([varint(bytes.length), bytes])

const references = (indexes: readonly IndexReference[]): Buffer =>
  Buffer.concat([varint(indexes.length), ...indexes.flatMap(({ id, digest }) => [hex(id), digest])])

const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))
