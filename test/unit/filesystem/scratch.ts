/** A directory for one test file, removed at its end. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** `rm` copes with paths that are longer than Node's calls take. */
export function scratchDirectory(): () => string {
  let path = ''
  beforeAll(() => {
    path = mkdtempSync(join(tmpdir(), 'snap-filesystem-'))
  })
  afterAll(() => {
    execFileSync('rm', ['-rf', path])
  })
  return () => path
}

export const isRoot: boolean = process.geteuid?.() === 0

/**
 * An access ACL as its attribute holds it (linux/posix_acl_xattr.h): version 2, then tag, permissions and id of
 * user::rw-, user:12345:r--, group::r--, mask::r--, other::---.
 */
export const ACL: Buffer = Buffer.from(
  '02000000' +
    '01000600ffffffff' +
    '0200040039300000' +
    '04000400ffffffff' +
    '10000400ffffffff' +
    '20000000ffffffff',
  'hex',
)
