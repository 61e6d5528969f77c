import { lstatSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { STATX_BYTES, statFromNode, statFromStatx } from '../../../src/filesystem/file-stat.ts'

/** `struct statx` of a regular file with the inode number given. */
function statxOf(inode: bigint): Uint32Array {
  const words = new Uint32Array(STATX_BYTES / 4)
  words[7] = 0o100644
  words[8] = Number(inode & 0xffff_ffffn)
  words[9] = Number(inode >> 32n)
  return words
}

describe('file stat', () => {
  it('keeps inode numbers up to 2^53 as they are', () => {
    for (const inode of [0n, 1n, 0xffff_ffffn, 2n ** 32n + 5n, 2n ** 53n - 1n]) {
      expect(statFromStatx(statxOf(inode)).inode).toBe(Number(inode))
    }
  })

  it('tells neighbouring inode numbers apart above 2^53, where doubles cannot', () => {
    const inodes = Array.from({ length: 5_000 }, (_, index) => 2n ** 63n + 7n + BigInt(index))
    const folded = inodes.map((inode) => statFromStatx(statxOf(inode)).inode)
    expect(new Set(folded).size).toBe(inodes.length)
    expect(folded.every(Number.isSafeInteger)).toBe(true)
  })

  it('folds an inode number in the same way out of both records', () => {
    const stat = lstatSync('/', { bigint: true })
    for (const inode of [12n, 2n ** 63n + 99n, 2n ** 64n - 1n]) {
      stat.ino = inode
      expect(statFromNode(stat).inode).toBe(statFromStatx(statxOf(inode)).inode)
    }
  })

  it('reads times before 1970 out of both records', () => {
    const words = statxOf(1n)
    words.set([0xffff_fffe, 0xffff_ffff, 250_000_000], 28)
    expect(statFromStatx(words)).toMatchObject({ mtimeSec: -2, mtimeNsec: 250_000_000 })
    const stat = lstatSync('/', { bigint: true })
    stat.mtimeNs = -1_750_000_000n
    expect(statFromNode(stat)).toMatchObject({ mtimeSec: -2, mtimeNsec: 250_000_000 })
  })
})
