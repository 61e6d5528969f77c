/** A directory for one test file, removed at its end. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
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

/** Root of the machine: root of a user namespace can give files only to users that are mapped into it, and makes no devices. */
export const isRoot: boolean =
  process.geteuid?.() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))

/**
 * An access ACL as its attribute holds it (linux/posix_acl_xattr.h): version 2, then tag, permissions and id of
 * user::rw-, user:<who runs this>:r--, group::r--, mask::r--, other::---.
 */
export const ACL: Buffer = Buffer.from(
  `02000000${'01000600ffffffff'}02000400${uidHex()}${'04000400ffffffff'}${'10000400ffffffff'}${'20000000ffffffff'}`,
  'hex',
)

function uidHex(): string {
  const uid = Buffer.alloc(4)
  uid.writeUInt32LE(process.geteuid?.() ?? 0)
  return uid.toString('hex')
}
