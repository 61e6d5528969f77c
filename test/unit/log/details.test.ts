import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import {
  DETAILS_BYTES_MAX,
  openDetails,
  openNote,
  type SnapshotDetails,
  sealDetails,
  sealNote,
  validateDetails,
} from '../../../src/log/details.ts'
import { box, CONTENT, codeOf } from './log-samples.ts'

const KEYS = { contentPublic: CONTENT.publicKey, contentSecret: CONTENT.secretKey }
const DETAILS: SnapshotDetails = {
  hostname: 'web-1',
  username: 'root',
  paths: ['/srv', `/home/caf${String.fromCharCode(0xdce9)}`],
  tags: ['nightly'],
  label: 'before the upgrade',
  program: { name: 'snap', version: '0.1.0' },
  excludes: ['*.tmp'],
  incomplete: true,
  unreadable: [{ path: '/srv/x', reason: 'EACCES' }],
  summary: { files: 3, bytes: 2 ** 45 },
  copied_from: { repository: '11'.repeat(16), snapshot: '22'.repeat(16) },
}
const seal = (value: unknown) => box.seal(CONTENT.publicKey, Buffer.from(JSON.stringify(value)))

describe('the details of a snapshot', () => {
  it('come back, paths that are not UTF-8 among them', () => {
    expect(openDetails(box, KEYS, sealDetails(box, CONTENT.publicKey, DETAILS))).toEqual(DETAILS)
  })

  it('are stored as UTF-8 even where a path is not', () => {
    const json = box.open(CONTENT.publicKey, CONTENT.secretKey, sealDetails(box, CONTENT.publicKey, DETAILS))
    expect(Buffer.from(json).toString('utf8')).toContain('caf\\udce9')
  })

  it('show nothing to who has the public key only', () => {
    const other = box.generateKeys(systemRandom)
    const keys = { contentPublic: CONTENT.publicKey, contentSecret: other.secretKey }
    expect(codeOf(() => openDetails(box, keys, sealDetails(box, CONTENT.publicKey, DETAILS)))).toBe(
      'OBJECT_DAMAGED',
    )
  })

  it('drop what this version does not know', () => {
    expect(openDetails(box, KEYS, seal({ ...DETAILS, later: 1 }))).toEqual(DETAILS)
  })

  it.each(Object.keys(DETAILS))('are refused where %s has another type', (name) => {
    expect(codeOf(() => validateDetails({ ...DETAILS, [name]: null }))).toBe('OBJECT_DAMAGED')
  })

  it.each(Object.keys(DETAILS).filter((name) => !['label', 'copied_from'].includes(name)))(
    'are refused without %s',
    (name) => {
      expect(codeOf(() => validateDetails({ ...DETAILS, [name]: undefined }))).toBe('OBJECT_DAMAGED')
    },
  )

  it('are refused with wrong items', () => {
    for (const change of [
      { paths: [1] },
      { unreadable: ['x'] },
      { summary: { files: 'many' } },
      { program: {} },
    ]) {
      expect(codeOf(() => validateDetails({ ...DETAILS, ...change }))).toBe('OBJECT_DAMAGED')
    }
    expect(codeOf(() => openDetails(box, KEYS, box.seal(CONTENT.publicKey, Buffer.from('{"a":'))))).toBe(
      'OBJECT_DAMAGED',
    )
    expect(codeOf(() => openDetails(box, KEYS, box.seal(CONTENT.publicKey, Buffer.of(0xff))))).toBe(
      'OBJECT_DAMAGED',
    )
    const infinite = JSON.stringify(DETAILS).replace(String(2 ** 45), '1e999')
    expect(codeOf(() => openDetails(box, KEYS, box.seal(CONTENT.publicKey, Buffer.from(infinite))))).toBe(
      'OBJECT_DAMAGED',
    )
  })

  it('name at most 100 unreadable paths and have at most 4 MiB, both ways', () => {
    const unreadable = Array.from({ length: 101 }, () => ({ path: 'p', reason: 'EIO' }))
    const long = { ...DETAILS, label: 'x'.repeat(DETAILS_BYTES_MAX) }
    for (const details of [{ ...DETAILS, unreadable }, long]) {
      expect(codeOf(() => sealDetails(box, CONTENT.publicKey, details))).toBe('LIMIT_EXCEEDED')
      expect(codeOf(() => openDetails(box, KEYS, seal(details)))).toBe('LIMIT_EXCEEDED')
    }
  })
})

describe('a note', () => {
  it('comes back as the object that it was', () => {
    const note = { event: 'restore', files: 3, where: null, paths: ['/a'] }
    expect(openNote(box, KEYS, sealNote(box, CONTENT.publicKey, note))).toEqual(note)
    expect(codeOf(() => openNote(box, KEYS, seal(['a list'])))).toBe('OBJECT_DAMAGED')
  })
})
