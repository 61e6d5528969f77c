import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deflateRawSync } from 'node:zlib'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { looksIncompressible } from '../../../src/codec/probe.ts'
import { kept } from '../../../src/sqlite/kept-alive.ts'

const KIB = 1024
const source = readFileSync(new URL('../../../package-lock.json', import.meta.url))

function database() {
  using db = opened()
  db.exec('create table t (id integer primary key, name text, hash text)')
  const insert = kept(db.prepare('insert into t (name, hash) values (?, ?)'))
  for (let i = 0; i < 500; i += 1) insert.run(`row ${i}`, createHash('sha1').update(String(i)).digest('hex'))
  return db.serialize()
}

function opened() {
  const db = kept(new Database(':memory:'))
  return Object.assign(db, { [Symbol.dispose]: () => void db.close() })
}

describe('looksIncompressible', () => {
  it('is true for random bytes of any length worth a look', () => {
    for (const bytes of [512, 1000, 4 * KIB, 16 * KIB, 65 * KIB + 1]) {
      for (let i = 0; i < 50; i += 1) expect(looksIncompressible(randomBytes(bytes))).toBe(true)
    }
  })

  it('is true for deflated data without a header', () => {
    expect(looksIncompressible(deflateRawSync(source, { level: 9 }))).toBe(true)
  })

  it.each([
    ['text', source],
    ['base64', Buffer.from(randomBytes(8 * KIB).toString('base64'))],
    ['machine code', readFileSync(process.execPath).subarray(2_000_000, 2_065_536)],
    ['the head of a program', readFileSync(process.execPath).subarray(0, 65_536)],
    ['a database', database()],
    ['zeros', new Uint8Array(64 * KIB)],
    ['a ramp of bytes', Uint8Array.from({ length: 8 * KIB }, (_, i) => i)],
    [
      '16-bit samples of a tone',
      new Uint8Array(Int16Array.from({ length: 8 * KIB }, (_, i) => 9000 * Math.sin(i / 9)).buffer),
    ],
    ['nothing', new Uint8Array(0)],
    ['too little to tell', randomBytes(100)],
  ])('is false for %s', (_, head) => {
    expect(looksIncompressible(head)).toBe(false)
  })

  it.each([
    'ffd8ff',
    '89504e470d0a1a0a',
    '504b0304',
    '1f8b08',
    'fd377a585a00',
    '28b52ffd',
    '0000001866747970',
  ])('knows the magic number %s, in a head of few bytes too', (magic) => {
    const head = Buffer.from(magic, 'hex')
    expect(looksIncompressible(head)).toBe(true)
    expect(looksIncompressible(Buffer.concat([head, new Uint8Array(4 * KIB)]))).toBe(true)
    expect(looksIncompressible(head.subarray(0, -1))).toBe(false)
  })

  it('does not take sound without compression for a WebP picture', () => {
    expect(looksIncompressible(Buffer.from('RIFF....WAVEfmt '))).toBe(false)
    expect(looksIncompressible(Buffer.from('RIFF....WEBPVP8 '))).toBe(true)
  })

  it('takes any bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 6000 }),
        (head) => typeof looksIncompressible(head) === 'boolean',
      ),
    )
  })
})
