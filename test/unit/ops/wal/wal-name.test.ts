import { describe, expect, it } from 'vitest'
import { parseHistory } from '../../../../src/ops/wal/timeline-history.ts'
import { readWalHeader } from '../../../../src/ops/wal/wal-header.ts'
import {
  parseLsn,
  parseWalName,
  segmentName,
  segmentNumber,
  segmentOfLsn,
} from '../../../../src/ops/wal/wal-name.ts'
import { MIB16 } from './wal-samples.ts'

describe('names of what PostgreSQL archives', () => {
  const place = { log: 2, segment: 0xff }
  it.each([
    ['0000000100000002000000FF', { kind: 'segment', timeline: 1, place }],
    ['0000000100000002000000FF.partial', { kind: 'partial', timeline: 1, place }],
    ['0000000A00000002000000FF.00000028.backup', { kind: 'label', timeline: 10, place }],
    ['0000000B.history', { kind: 'history', timeline: 11 }],
  ])('%s', (name, parsed) => expect(parseWalName(name)).toEqual(parsed))

  it.each([
    '',
    '0000000100000002000000F',
    '0000000100000002000000FFF',
    '0000000100000002000000ff',
    '0000000100000002000000FF.backup',
    '0000000100000002000000FF.0000028.backup',
    '0000000100000002000000FF.partial.partial',
    'x0000000100000002000000FF',
    '0000000100000002000000FF\n',
    '../0000000100000002000000FF',
    '.history',
    'RECOVERYXLOG',
  ])('not %j', (name) => expect(parseWalName(name)).toBeUndefined())

  it('count segments across logs, however large they are', () => {
    for (const bytes of [1, 16, 1024].map((mib) => mib * 1024 * 1024)) {
      for (const number of [0, 1, 255, 256, 4095, 4096, 100_000]) {
        const parsed = parseWalName(segmentName(3, number, bytes))
        expect(parsed?.kind === 'segment' && segmentNumber(parsed.place, bytes)).toBe(number)
      }
    }
    expect(segmentName(1, 256, MIB16)).toBe('000000010000000100000000')
    expect(segmentOfLsn(parseLsn('1/0')!, MIB16)).toBe(256)
    expect(segmentOfLsn(parseLsn('1/0')! - 1n, MIB16)).toBe(255)
    expect([parseLsn('1'), parseLsn('1/x'), parseLsn('100000000/0')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the first page of a segment', () => {
  function header(little = true): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(40)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, 0xd110, little)
    view.setUint16(2, 2, little)
    view.setUint32(4, 3, little)
    view.setBigUint64(8, 0x1_0300_0000n, little)
    view.setBigUint64(24, 0xf000_0000_0000_0001n, little)
    view.setUint32(32, MIB16, little)
    return bytes
  }

  it.each([true, false])('says which cluster wrote it (little-endian: %s)', (little) => {
    expect(readWalHeader(header(little))).toEqual({
      system: '17293822569102704641',
      timeline: 3,
      lsn: 0x1_0300_0000n,
      segmentBytes: MIB16,
    })
  })

  it('is told from what is none', () => {
    expect(readWalHeader(header().subarray(0, 39))).toBeUndefined()
    for (const [at, value] of [
      [1, 0x55],
      [2, 0],
      [32, 1],
      [35, 0xff],
    ] as const) {
      const bytes = header()
      bytes[at] = value
      expect(readWalHeader(bytes), String(at)).toBeUndefined()
    }
  })
})

describe('the history of a timeline', () => {
  it('names the timelines before it', () => {
    expect(
      parseHistory('# by hand\n1\t0/3000158\tno recovery target specified\n\n2\t1/5000000\tx\n'),
    ).toEqual([
      { timeline: 1, lsn: 0x300_0158n },
      { timeline: 2, lsn: 0x1_0500_0000n },
    ])
    expect(parseHistory('')).toEqual([])
  })
  it.each(['1', 'x 0/1 y', '1 0-1', '12345678901 0/1'])('is refused where a line is %j', (line) =>
    expect(parseHistory(line)).toBeUndefined(),
  )
})
