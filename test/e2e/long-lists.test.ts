import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'
import { rsyncDifferences, seededText } from '../support/tree.ts'

const MIB = 1_048_576
/** In chunks of 4 KiB its list takes 1.6 MB, the list of that some 13 kB, in three or so chunks. */
const FILE_BYTES = 192 * MIB

/** Text of which no two chunks are equal. */
function writeImage(path: string): void {
  const text = seededText(4 * MIB, 1)
  const fd = openSync(path, 'w')
  for (let at = 0; at < FILE_BYTES; at += text.length) {
    for (let line = 0; line < text.length; line += 1_000) text.write(`${at + line} `, line)
    writeSync(fd, text, 0, text.length, at)
  }
  closeSync(fd)
}

describe('a file whose list of chunks is itself a list of lists', () => {
  const box = new Sandbox()

  it('is restored, verified, dumped and held against its next version', async () => {
    const source = box.path('source')
    await box.ok(['init', '--key-file', box.keyFile, '--chunk-size', '4k'], {
      env: { SNAP_KEY_FILE: undefined },
    })
    mkdirSync(source)
    writeImage(`${source}/image`)
    await box.summary(['backup', 'source'])
    const fd = openSync(`${source}/image`, 'r+')
    for (let at = 0; at < FILE_BYTES; at += 16 * MIB) writeSync(fd, 'edited', at + 5_000)
    closeSync(fd)
    const next = await box.summary(['backup', 'source'])
    expect(next.data_added_packed).toBeLessThan(MIB / 4)
    await box.ok(['verify', '--data'])
    await box.ok(['restore', `latest:${source}`, '--target', box.path('copy')])
    expect(rsyncDifferences(source, box.path('copy'))).toEqual([])
    writeFileSync(`${source}/image`, '')
    await box.summary(['backup', 'source'])
    await box.ok(['forget', next.snapshot_id, '--prune'])
    await box.ok(['verify', '--data'])
  }, 120_000)
})
