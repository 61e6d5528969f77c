import { describe, expect, it } from 'vitest'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { repositoryId } from '../../../src/model/ids.ts'
import {
  decodeObjectHeader,
  OBJECT_HEADER_BYTES,
  readObjectHeader,
  writeObjectHeader,
} from '../../../src/object/header.ts'

const REPOSITORY = repositoryId('00112233445566778899aabbccddeeff')
const HEADER = writeObjectHeader({ type: 'pack', kind: 'tree', repository: REPOSITORY })

const codeOf = (run: () => unknown): ErrorCode | undefined => {
  try {
    run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

const changed = (at: number, value: number) => {
  const bytes = HEADER.slice()
  bytes[at] = value
  return bytes
}

describe('the object header', () => {
  it('has the bytes of the format', () => {
    expect(Buffer.from(HEADER).toString('hex')).toBe(
      '736e61706b656570010302000000000000112233445566778899aabbccddeeff',
    )
    expect(HEADER.length).toBe(OBJECT_HEADER_BYTES)
  })

  it.each(['config', 'slot', 'index', 'log', 'list'] as const)('comes back for a %s', (type) => {
    const bytes = writeObjectHeader({ type, repository: REPOSITORY })
    expect(decodeObjectHeader(bytes, 'x')).toEqual({ type, kind: undefined, repository: REPOSITORY })
  })

  it('numbers the types as the format does', () => {
    const types = ['config', 'slot', 'pack', 'index', 'log', 'list'] as const
    for (const [index, type] of types.entries()) {
      const kind = type === 'pack' ? ('data' as const) : undefined
      expect(writeObjectHeader({ type, kind, repository: REPOSITORY })[9]).toBe(index + 1)
    }
  })

  it('is read where type and repository are those expected', () => {
    expect(readObjectHeader(HEADER, { type: 'pack', repository: REPOSITORY, name: 'p' }).kind).toBe('tree')
  })

  it('is refused under another type or repository', () => {
    const other = repositoryId('ff'.repeat(16))
    expect(codeOf(() => readObjectHeader(HEADER, { type: 'log', repository: REPOSITORY, name: 'p' }))).toBe(
      'OBJECT_DAMAGED',
    )
    expect(codeOf(() => readObjectHeader(HEADER, { type: 'pack', repository: other, name: 'p' }))).toBe(
      'OBJECT_DAMAGED',
    )
  })

  it('is refused with another magic, an unknown type or kind, version 0, or reserved bytes', () => {
    for (const at of [0, 7])
      expect(codeOf(() => decodeObjectHeader(changed(at, 0), 'p'))).toBe('OBJECT_DAMAGED')
    for (const [at, value] of [
      [8, 0],
      [9, 0],
      [9, 7],
      [10, 0],
      [10, 3],
      [11, 1],
      [15, 1],
    ]) {
      expect(
        codeOf(() => decodeObjectHeader(changed(at!, value!), 'p')),
        `byte ${at}`,
      ).toBe('OBJECT_DAMAGED')
    }
    const log = writeObjectHeader({ type: 'log', repository: REPOSITORY })
    log[10] = 1
    expect(codeOf(() => decodeObjectHeader(log, 'l'))).toBe('OBJECT_DAMAGED')
  })

  it('tells a newer version from damage, whatever follows it, and says what to do', () => {
    const newer = changed(8, 2).subarray(0, 9)
    expect(() => decodeObjectHeader(newer, 'p')).toThrow(
      expect.objectContaining({ code: 'REPOSITORY_TOO_NEW', hint: expect.stringContaining('newer version') }),
    )
  })

  it('is refused at every shorter length', () => {
    for (let length = 0; length < OBJECT_HEADER_BYTES; length++) {
      expect(codeOf(() => decodeObjectHeader(HEADER.subarray(0, length), 'p'))).toBe('OBJECT_DAMAGED')
    }
  })
})
