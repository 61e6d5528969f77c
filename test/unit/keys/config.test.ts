import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import {
  decodeConfig,
  encodeConfig,
  openConfig,
  type RepositoryConfig,
  repositoryIdOfConfig,
  sealConfig,
} from '../../../src/keys/config.ts'
import { writeObjectHeader } from '../../../src/object/header.ts'
import { ADMIN, codeOf, OTHER_REPOSITORY, REPOSITORY } from './key-samples.ts'

const KIB = 1024
const CONFIG: RepositoryConfig = {
  chunks: { min: 4 * KIB, average: 16 * KIB, max: 64 * KIB },
  incompressibleChunks: { min: 64 * KIB, average: 256 * KIB, max: 1024 * KIB },
  segmentBytesTarget: 1024 * KIB,
  packBytesTarget: 32 * 1024 * KIB,
  contentPublic: new Uint8Array(32).fill(0xc0),
  firstAdmin: new Uint8Array(32).fill(0xad),
  createdMs: 1_700_000_000_123,
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('the config', () => {
  it('has the bytes of the format', () => {
    expect(hex(encodeConfig(CONFIG))).toBe(
      '00100000' +
        '00400000' +
        '00000100' +
        '00000100' +
        '00000400' +
        '00001000' +
        '00001000' +
        '00000002' +
        'c0'.repeat(32) +
        'ad'.repeat(32) +
        '7b68e5cf8b010000',
    )
  })

  it('comes back from its object, in its repository and under its key only', async () => {
    const bytes = sealConfig(CONFIG, REPOSITORY, ADMIN.configKey, systemRandom)
    const opened = openConfig(bytes, REPOSITORY, ADMIN.configKey)
    expect(hex(encodeConfig(opened))).toBe(hex(encodeConfig(CONFIG)))
    expect(opened.createdMs).toBe(CONFIG.createdMs)
    expect(await codeOf(() => openConfig(bytes, OTHER_REPOSITORY, ADMIN.configKey))).toBe('OBJECT_DAMAGED')
    expect(await codeOf(() => openConfig(bytes, REPOSITORY, ADMIN.logKey))).toBe('OBJECT_DAMAGED')
  })

  it('says in clear which repository it belongs to', async () => {
    const bytes = sealConfig(CONFIG, REPOSITORY, ADMIN.configKey, systemRandom)
    expect(repositoryIdOfConfig(bytes)).toBe(REPOSITORY)
    const slot = writeObjectHeader({ type: 'slot', repository: REPOSITORY })
    expect(await codeOf(() => repositoryIdOfConfig(slot))).toBe('OBJECT_DAMAGED')
  })

  it('is refused with bytes too many or too few', async () => {
    const body = encodeConfig(CONFIG)
    expect(await codeOf(() => decodeConfig(body.subarray(1)))).toBe('OBJECT_DAMAGED')
    expect(await codeOf(() => decodeConfig(new Uint8Array([...body, 0])))).toBe('OBJECT_DAMAGED')
  })

  it.each<[string, number, number]>([
    ['a smallest chunk of nothing', 0, 0],
    ['a smallest chunk above the average', 0, 32 * KIB],
    ['an average above the greatest chunk', 4, 128 * KIB],
    ['an average that is no power of two', 4, 16 * KIB + 1],
    ['a greatest chunk above the limit', 8, 1024 * KIB + 1],
    ['a greatest incompressible chunk above the limit', 20, 1024 * KIB + 1],
    ['a segment above the limit', 24, 2048 * KIB + 1],
    ['a segment of nothing', 24, 0],
    ['a pack smaller than a segment', 28, 1024 * KIB - 1],
    ['a pack that would not stay within its limit', 28, 32 * 1024 * KIB + 1],
  ])('is refused with %s', async (_, at, value) => {
    const body = encodeConfig(CONFIG)
    new DataView(body.buffer).setUint32(at, value, true)
    expect(await codeOf(() => decodeConfig(body))).toBe('LIMIT_EXCEEDED')
  })

  it('is refused before it is written, too', async () => {
    const chunks = { min: 4 * KIB, average: 10_000, max: 64 * KIB }
    expect(await codeOf(() => encodeConfig({ ...CONFIG, chunks }))).toBe('LIMIT_EXCEEDED')
  })
})
