import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeTextfile } from '../../../../src/jobs/metrics/write-textfile.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-textfile-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('a text file for others', () => {
  it('is written whole, for all to read, whatever the umask says', async () => {
    const path = join(directory, 'snap.prom')
    const before = process.umask(0o077)
    try {
      await writeTextfile(path, 'a 1\n')
      await writeTextfile(path, 'b 2\n')
    } finally {
      process.umask(before)
    }
    expect(readFileSync(path, 'utf8')).toBe('b 2\n')
    expect(statSync(path).mode & 0o777).toBe(0o644)
    expect(readdirSync(directory)).toEqual(['snap.prom'])
  })

  it('is never seen in parts by who reads it meanwhile', async () => {
    const path = join(directory, 'snap.prom')
    const texts = ['a', 'b'].map((letter) => `${letter.repeat(300_000)}\n`)
    await writeTextfile(path, texts[0]!)
    let isDone = false
    const writing = (async () => {
      for (let turn = 0; turn < 30; turn++) await writeTextfile(path, texts[turn % 2]!)
      isDone = true
    })()
    let reads = 0
    while (!isDone) {
      expect(texts).toContain(readFileSync(path, 'utf8'))
      reads += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
    expect(reads).toBeGreaterThan(10)
  })

  it('that cannot be put in its place leaves nothing behind', async () => {
    const path = join(directory, 'snap.prom')
    mkdirSync(path)
    await expect(writeTextfile(path, 'a 1\n')).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' })
    expect(readdirSync(directory)).toEqual(['snap.prom'])
    await expect(writeTextfile(join(directory, 'no', 'snap.prom'), '')).rejects.toThrow(
      /cannot be written to .*: no such file or directory/,
    )
  })
})
