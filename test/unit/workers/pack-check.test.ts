import { expect, it } from 'vitest'
import { createZstd } from '../../../src/codec/zstd.ts'
import { loadBox } from '../../../src/crypto/box.ts'
import type { SegmentRow } from '../../../src/model/pack-table.ts'
import { PackChecker } from '../../../src/workers/pack-check.ts'
import { Chance, flipped, ID_KEY, makePack, makeSecrets, makeTicket } from '../../support/builders.ts'

const box = await loadBox()
const ticket = makeTicket(box, makeSecrets(box))
const chance = new Chance(12)
const pack = makePack(ticket, createZstd(), [
  [chance.bytes(900), chance.bytes(900)],
  [chance.bytes(900), chance.bytes(900)],
])
const rows = pack.table.segments
const second = rows[1]!
const checker = new PackChecker(ID_KEY)

/** Where damage is found, given what an index object says of the pack. */
const damages = (segments: readonly SegmentRow[], bytes: Uint8Array = pack.bytes) =>
  checker
    .check({ kind: 'pack', id: ticket.id, bytes, keys: ticket, segments, copies: new Map() })
    .damages.map(({ segment }) => segment)

it('finds nothing in a pack that is as its index object says', () => {
  expect(damages(rows)).toEqual([])
})

it('finds a chunk that is not what its id says', () => {
  const chunkIds = Buffer.concat([second.chunkIds.subarray(32), second.chunkIds.subarray(0, 32)])
  expect(damages([rows[0]!, { ...second, chunkIds }])).toEqual([1])
})

it('finds an index object that lists other segments than the footer', () => {
  expect(damages([rows[0]!])).toEqual([undefined])
  const chunkLengths = Uint32Array.of(901, 899)
  expect(damages([rows[0]!, { ...second, chunkLengths }])).toEqual([undefined, 1])
})

it('finds an index object that calls a plain segment one with bases', () => {
  const row = { ...second, depth: 1, bases: new Uint8Array(32) }
  expect(damages([rows[0]!, row])).toEqual([undefined])
  const at = 160 + rows[0]!.sealed
  const sealed = pack.bytes.subarray(at, at + row.sealed)
  const deltas = [{ number: 1, row, sealed, dictionary: new Uint8Array(900) }]
  const { damages: found } = checker.check({
    kind: 'deltas',
    id: ticket.id,
    header: pack.bytes,
    keys: ticket,
    deltas,
  })
  expect(found.map(({ reason }) => reason)).toEqual([`pack ${ticket.id}: segment 1 differs from the index`])
})

it('finds a byte that changed in a segment or in the footer, and goes on behind it', () => {
  expect(damages(rows, flipped(pack.bytes, 200))).toEqual([0])
  expect(damages(rows, flipped(pack.bytes, pack.bytes.length - 1))).toEqual([undefined])
})
