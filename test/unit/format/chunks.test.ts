/** Section 3 of `docs/format.md`, done again from its text: the cuts of the golden repository are those of the rule. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import { decodeKeyFile } from '../../../src/keys/key-file.ts'
import { TREE_BYTES_MAX } from '../../../src/model/limits.ts'
import { openRepository } from '../../../src/repository/open-repository.ts'
import { decodeContent } from '../../../src/snapshot/content.ts'
import { decodeTree } from '../../../src/snapshot/tree.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { makeGolden } from '../../golden/make.ts'
import { derive, keyed } from '../../support/independent-reader/sealing.ts'

const SIZES = { min: 1_024, average: 4_096, max: 16_384 }

function gearTable(secret: Uint8Array): number[] {
  const key = derive('snapkeep v1 gear entries', secret)
  return Array.from({ length: 32 }, (_, i) => keyed(key, Buffer.from([i, 0, 0, 0]))).flatMap((block) =>
    Array.from({ length: 8 }, (_, j) => block.readUInt32LE(4 * j)),
  )
}

/** The lengths of the chunks, by the four steps of the rule. */
function cut(data: Uint8Array, gear: readonly number[], { min, average, max } = SIZES): number[] {
  const bits = Math.log2(average)
  const mask = (highest: number): bigint => ((1n << BigInt(highest)) - 1n) << BigInt(32 - highest)
  const meets = (place: number, wanted: bigint): boolean => {
    let h = 0n
    for (const byte of data.subarray(place - 32, place)) h = (2n * h + BigInt(gear[byte] ?? 0)) % 2n ** 32n
    return (h & wanted) === 0n
  }
  const lengths: number[] = []
  for (let start = 0; start < data.length; start += lengths.at(-1) ?? 0) {
    const limit = Math.min(max, data.length - start)
    const normal = (average * 13) / 16
    let length = Math.min(min, limit)
    while (length < limit && !meets(start + length, mask(length < normal ? bits + 2 : bits - 2))) length++
    lengths.push(length)
  }
  return lengths
}

describe('the rule for cutting', () => {
  it('gives the chunks of the long file of a golden repository', async () => {
    const { objects, keyFiles, facts } = await makeGolden()
    const storage = createMemoryStorage()
    for (const [key, bytes] of objects) await storage.put(key as Parameters<typeof storage.put>[0], [bytes])
    const cacheDirectory = mkdtempSync(join(tmpdir(), 'snap-chunks-'))
    const { secret } = decodeKeyFile(keyFiles.admin)
    try {
      await using repository = await openRepository(
        { storage, cacheDirectory, clock: Date, random: systemRandom },
        { kind: 'key file', secret },
      )
      const { chunks, log, keys } = repository
      const snapshot = [...log.state.snapshots.values()].find(({ id }) => id === facts.snapshots[0]?.id)
      const entriesOf = async (content: Parameters<typeof chunks.bytes>[0]) =>
        decodeTree(await chunks.bytes(content, TREE_BYTES_MAX)).entries
      const [golden] = await entriesOf(decodeContent(snapshot?.root ?? new Uint8Array(0)))
      const long = (await entriesOf(golden?.content ?? { levels: 0, items: new Uint8Array(0) })).find(
        ({ name }) => name === 'long',
      )
      expect(long?.content?.levels).toBe(1)
      const parts: Uint8Array[] = []
      if (long?.content !== undefined)
        for await (const item of chunks.items(long.content))
          if ('chunk' in item) parts.push(await chunks.chunk(item.chunk))
      expect(parts.length).toBeGreaterThan(64)
      const lengths = cut(Buffer.concat(parts), gearTable(keys.gearSecret))
      expect(parts.map((part) => part.length)).toEqual(lengths)
    } finally {
      rmSync(cacheDirectory, { recursive: true, force: true })
    }
  })

  it('is written down with the contexts and numbers that are used here', () => {
    const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
    for (const words of [
      '`snapkeep v1 gear entries`',
      '`snapkeep v1 gear table`',
      'normal = 13/16 of the average',
    ])
      expect(text).toContain(words)
  })
})
