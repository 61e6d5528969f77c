/**
 * POSIX ACLs in the text form of `acl_to_text` (IEEE 1003.1e draft 17) with numeric ids: tar programs set ACLs from text, while the
 * kernel shows them as attributes with bytes. It knows no tar.
 */
import { ByteReader } from '../../base/bytes.ts'
import { unlessDamaged } from '../../model/errors.ts'

const VERSION = 2
/** By the tag of an entry: what its line begins with, and whether an id follows. */
const TAGS: ReadonlyMap<number, { readonly word: string; readonly hasId: boolean }> = new Map([
  [0x01, { word: 'user', hasId: false }],
  [0x02, { word: 'user', hasId: true }],
  [0x04, { word: 'group', hasId: false }],
  [0x08, { word: 'group', hasId: true }],
  [0x10, { word: 'mask', hasId: false }],
  [0x20, { word: 'other', hasId: false }],
])
const PERMISSIONS_MAX = 7

/**
 * `user::rw-,user:1000:r--,group::r--,mask::r--,other::---` from the value of `system.posix_acl_access` or `..._default`: version, then
 * for each entry tag (2 bytes), permissions (2) and id (4), little-endian. `undefined` for bytes that are no ACL.
 */
export function aclText(value: Uint8Array): string | undefined {
  return unlessDamaged(() => {
    const reader = new ByteReader(value, 'ACL')
    if (reader.u32() !== VERSION || reader.left === 0) reader.fail('no entries, or an unknown version')
    const lines: string[] = []
    while (reader.left > 0) {
      const tag = TAGS.get(reader.u16()) ?? reader.fail('an unknown tag')
      const permissions = reader.u16()
      if (permissions > PERMISSIONS_MAX) reader.fail('unknown permissions')
      const id = reader.u32()
      lines.push(`${tag.word}:${tag.hasId ? id : ''}:${inLetters(permissions)}`)
    }
    return lines.join(',')
  })
}

function inLetters(permissions: number): string {
  return ['r', 'w', 'x'].map((letter, bit) => ((permissions & (4 >> bit)) === 0 ? '-' : letter)).join('')
}
