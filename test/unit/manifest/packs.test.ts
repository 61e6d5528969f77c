import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import type { PackState } from '../../../src/manifest/packs-table.ts'
import { hash, LAST_RUN, pack, packNamed, ScratchDirectory, segment } from './sample.ts'

function withScratch(test: (file: string) => void): void {
  using scratch = new ScratchDirectory()
  test(scratch.file)
}

function withManifest(test: (manifest: Manifest) => void): void {
  withScratch((file) => {
    using manifest = openManifest(file)
    test(manifest)
  })
}

test('a chunk is found at its place', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(
      pack('one', [segment(['a', 'b'], 10), segment(['c', 'd', 'e'], 20, 1, ['a', 'b'])]),
    )
    expect(manifest.chunks.locate(hash('e'))).toEqual({
      pack: no,
      packId: packNamed('one'),
      segment: 1,
      offset: 40,
      bytes: 20,
      depth: 1,
      trusted: true,
      live: true,
    })
    expect(manifest.chunks.locate(hash('b'))).toMatchObject({ segment: 0, offset: 10, bytes: 10, depth: 0 })
    expect(manifest.chunks.locate(hash('f'))).toBeUndefined()
  }))

test('segments lie one after the other behind the pack header', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(pack('one', [segment(['a']), segment(['b'], 100, 1, ['a'])]))
    expect(manifest.packs.segmentOf(no, 0)).toEqual({
      offset: 160,
      sealed: 148,
      plain: 100,
      depth: 0,
      chunks: 1,
      bases: new Uint8Array(0),
    })
    const second = manifest.packs.segmentOf(no, 1)
    expect(second?.offset).toBe(160 + 148)
    expect(Buffer.from(second?.bases ?? [])).toEqual(hash('a'))
    expect(manifest.packs.segmentOf(no, 2)).toBeUndefined()
    expect(manifest.packs.segmentOf(no + 1, 0)).toBeUndefined()
  }))

const CASES: readonly (readonly [PackState, boolean, boolean])[] = [
  ['pending', true, true],
  ['live', true, true],
  ['quarantined', true, false],
  ['pending', false, false],
  ['live', false, false],
  ['quarantined', false, false],
]

test.each(CASES)(
  'in a pack that is %s and trusted %s a chunk is known: %s, and may be readable',
  (state, trusted, known) =>
    withManifest((manifest) => {
      manifest.packs.add(pack('one', [segment(['a'])], { state, trusted }))
      expect(manifest.chunks.knows(hash('a'), LAST_RUN)).toBe(known)
      expect(manifest.chunks.locate(hash('a')) !== undefined).toBe(known)
      expect(manifest.chunks.locations(hash('a'))).toHaveLength(1)
    }),
)

test('a pending pack is relied on by its own run and by later ones, unless it is of one that is at work', () =>
  withManifest((manifest) => {
    const knows = (run: number, others: number[] = [], upTo = 1_000) =>
      manifest.chunks.knows(hash('a'), { run, others, upTo })
    manifest.packs.add(pack('of nobody', [segment(['b'])], { state: 'pending' }))
    const { no } = manifest.packs.byId(pack('of nobody', []).id)!
    const ofNobody = (upTo: number) => manifest.chunks.knows(hash('b'), { run: 1, others: [], upTo })
    expect([ofNobody(no), ofNobody(no - 1)]).toEqual([true, false])
    manifest.packs.add(pack('of the fifth', [segment(['a'])], { state: 'pending', run: 5 }))
    expect([knows(4), knows(5), knows(6), knows(6, [4]), knows(6, [4, 5])]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
    manifest.packs.add(pack('of the seventh', [segment(['a'])], { state: 'pending', run: 7 }))
    expect([knows(4), knows(6, [5]), knows(7, [5]), knows(8, [5])]).toEqual([false, false, true, true])
    const last = manifest.packs.lastNo()
    // What was stored after a run began is its own alone.
    expect([knows(8, [5], last), knows(8, [5], last - 1), knows(7, [5], 0)]).toEqual([true, false, true])
    manifest.packs.promote([pack('of the fifth', []).id])
    expect([knows(4), knows(6, [5]), knows(8, [5], 0)]).toEqual([true, true, true])
  }))

test('of many places the trusted come first, then the live, then the plain, and the quarantined last', () =>
  withManifest((manifest) => {
    const { packs } = manifest
    const untrusted = packs.add(pack('untrusted', [segment(['a'])], { trusted: false }))
    const pending = packs.add(pack('pending', [segment(['a'])], { state: 'pending' }))
    const delta = packs.add(pack('delta', [segment(['a'], 100, 2, ['b'])]))
    const plain = packs.add(pack('plain', [segment(['a'])]))
    const quarantined = packs.add(pack('quarantined', [segment(['a'])], { state: 'quarantined' }))
    const places = manifest.chunks.locations(hash('a')).map((place) => place.pack)
    expect(places).toEqual([plain, delta, pending, untrusted, quarantined])
    expect(manifest.chunks.locate(hash('a'))?.pack).toBe(plain)
  }))

test('ids that share fewer than sixteen bytes are told apart', () =>
  withManifest((manifest) => {
    const near = Uint8Array.from(hash('a'))
    near[15] = (near[15] ?? 0) ^ 1
    manifest.packs.add(pack('one', [segment(['a'])]))
    expect(manifest.chunks.knows(near, LAST_RUN)).toBe(false)
  }))

test('a chunk id that is too short is our own mistake', () =>
  withManifest((manifest) => {
    expect(() => manifest.chunks.knows(hash('a').subarray(0, 31), LAST_RUN)).toThrow('32 bytes')
  }))

test('a known pending pack becomes live when it is added as live, and keeps its number', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(pack('one', [segment(['a'])], { state: 'pending', run: 7 }))
    expect(manifest.packs.add(pack('one', [segment(['a'])]))).toBe(no)
    expect(manifest.packs.byId(packNamed('one'))).toEqual({
      no,
      id: packNamed('one'),
      kind: 'data',
      bytes: 4096,
      state: 'live',
      trusted: true,
      verifiedMs: null,
      run: 7,
    })
  }))

test('what is taken away is counted, whoever does it, where it could be relied upon; and nothing that is added', () =>
  withScratch((file) => {
    using manifest = openManifest(file)
    using other = openManifest(file)
    const { packs } = manifest
    const counts: number[] = []
    const count = () => counts.push(packs.takenAway())
    const nos = CASES.map(([state, trusted]) =>
      packs.add(pack(`${state} ${trusted}`, [], { state, trusted })),
    )
    packs.add(pack('pending false', [], { state: 'live' })) // replaces what was not trusted
    packs.promote([packNamed('pending true')])
    count()
    for (const no of nos) {
      other.packs.setState(no, 'quarantined')
      count()
    }
    for (const no of nos) packs.remove(no)
    packs.remove(packs.lastNo())
    count()
    packs.remove(1_000)
    count()
    expect(counts).toEqual([0, 1, 2, 2, 2, 2, 2, 3, 3])
  }))

test('a quarantined pack stays so when it is added again', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['a'])], { state: 'quarantined', trusted: false }))
    manifest.packs.add(pack('one', [segment(['a'])]))
    expect(manifest.packs.byId(packNamed('one'))).toMatchObject({ state: 'quarantined', trusted: true })
  }))

test('a trusted table replaces an untrusted one of the same pack, never the other way round', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['lie'])], { trusted: false }))
    manifest.packs.add(pack('one', [segment(['truth'])]))
    manifest.packs.add(pack('one', [segment(['lie'])], { trusted: false }))
    expect(manifest.chunks.knows(hash('truth'), LAST_RUN)).toBe(true)
    expect(manifest.chunks.locations(hash('lie'))).toEqual([])
    expect(manifest.packs.list()).toHaveLength(1)
  }))

test('an attested pack is trusted', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(pack('one', [segment(['a'])], { trusted: false }))
    expect(manifest.packs.trust(no)).toBe(true)
    expect(manifest.chunks.knows(hash('a'), LAST_RUN)).toBe(true)
    expect(manifest.packs.trust(no + 1)).toBe(false)
  }))

test('promoting makes pending packs live and leaves the others', () =>
  withManifest((manifest) => {
    for (const state of ['pending', 'quarantined'] as const) manifest.packs.add(pack(state, [], { state }))
    manifest.packs.add(pack('still pending', [], { state: 'pending' }))
    expect(
      manifest.packs.promote([packNamed('pending'), packNamed('quarantined'), packNamed('unknown')]),
    ).toBe(1)
    expect(manifest.packs.pending().map((row) => row.id)).toEqual([packNamed('still pending')])
    expect(manifest.packs.list('live').map((row) => row.id)).toEqual([packNamed('pending')])
    expect(manifest.packs.list('quarantined').map((row) => row.id)).toEqual([packNamed('quarantined')])
  }))

test('a state and a verification are remembered', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(pack('one', [], { kind: 'tree' }))
    expect(manifest.packs.setState(no, 'quarantined')).toBe(true)
    expect(manifest.packs.markVerified(no, 1_700_000_000_123)).toBe(true)
    const expected = { kind: 'tree', state: 'quarantined', verifiedMs: 1_700_000_000_123 }
    expect(manifest.packs.byNo(no)).toMatchObject(expected)
    expect(manifest.packs.setState(no + 1, 'live')).toBe(false)
    expect(manifest.packs.byNo(no + 1)).toBeUndefined()
  }))

test('removing a pack removes its chunks and no others', () =>
  withManifest((manifest) => {
    const no = manifest.packs.add(pack('one', [segment(['a', 'b']), segment(['a', 'c'])]))
    manifest.packs.add(pack('two', [segment(['b'])]))
    expect(manifest.packs.remove(no)).toBe(true)
    expect(manifest.packs.remove(no)).toBe(false)
    expect(['a', 'b', 'c'].map((name) => manifest.chunks.knows(hash(name), LAST_RUN))).toEqual([
      false,
      true,
      false,
    ])
    const rows = Object.fromEntries(manifest.statistics().tables.map((table) => [table.name, table.rows]))
    expect(rows).toMatchObject({ packs: 1, segments: 1, listings: 1, chunks: 1 })
  }))

test('a pack whose chunks do not add up is our own mistake and leaves nothing', () =>
  withManifest((manifest) => {
    const wrong = { ...segment(['a']), plain: 99 }
    expect(() => manifest.packs.add(pack('one', [wrong]))).toThrow('add up')
    expect(manifest.packs.list()).toEqual([])
  }))

const name = fc.nat(40).map((number) => `chunk ${number}`)
const anySegment = fc
  .record({
    names: fc.array(name, { maxLength: 12 }),
    length: fc.integer({ min: 1, max: 5_000 }),
    bases: fc.array(name, { maxLength: 3 }),
  })
  .map(({ names, length, bases }) => segment(names, length, bases.length > 0 ? 1 : 0, bases))

test('property: the table of a pack comes back as it was added, and every chunk is found where it lies', () =>
  withManifest((manifest) => {
    let count = 0
    fc.assert(
      fc.property(fc.array(anySegment, { maxLength: 5 }), (segments) => {
        const no = manifest.packs.add(pack(`pack ${count++}`, segments))
        const plain = (table: (typeof segments)[number]) => ({
          ...table,
          bases: [...table.bases],
          chunkIds: [...table.chunkIds],
          chunkLengths: [...table.chunkLengths],
        })
        expect(manifest.packs.tableOf(no).map(plain)).toEqual(segments.map(plain))
        for (const [number, { chunkIds, chunkLengths }] of segments.entries()) {
          let offset = 0
          for (const [ordinal, bytes] of chunkLengths.entries()) {
            const places = manifest.chunks.locations(chunkIds.subarray(ordinal * 32, ordinal * 32 + 32))
            expect(places).toContainEqual(
              expect.objectContaining({ pack: no, segment: number, offset, bytes }),
            )
            offset += bytes
          }
        }
      }),
      { numRuns: 60 },
    )
  }))

test('property: after any additions and removals the known chunks are those of the packs that are left', () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat(5), fc.array(name, { maxLength: 8 })), { maxLength: 20 }),
      (steps) =>
        withManifest((manifest) => {
          const model = new Map<number, readonly string[]>()
          for (const [adds, number, names] of steps) {
            const row = manifest.packs.byId(packNamed(`pack ${number}`))
            if (adds && row === undefined) {
              model.set(number, names)
              manifest.packs.add(pack(`pack ${number}`, [segment(names)]))
            } else if (!adds && row !== undefined) {
              model.delete(number)
              manifest.packs.remove(row.no)
            }
          }
          const expected = new Set([...model.values()].flat())
          for (let number = 0; number <= 40; number++) {
            const chunk = `chunk ${number}`
            expect(manifest.chunks.knows(hash(chunk), LAST_RUN)).toBe(expected.has(chunk))
          }
        }),
    ),
    { numRuns: 15 },
  ))
