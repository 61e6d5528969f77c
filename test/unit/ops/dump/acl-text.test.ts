import { expect, test } from 'vitest'
import { aclText } from '../../../../src/ops/dump/acl-text.ts'

const acl = (version: number, ...entries: [tag: number, permissions: number, id: number][]): Uint8Array => {
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(version, 0)
  entries.forEach(([tag, permissions, id], index) => {
    bytes.writeUInt16LE(tag, 4 + 8 * index)
    bytes.writeUInt16LE(permissions, 6 + 8 * index)
    bytes.writeUInt32LE(id, 8 + 8 * index)
  })
  return bytes
}
const NO_ID = 0xffff_ffff

test('an ACL is text with an entry for each', () => {
  expect(
    aclText(
      acl(2, [1, 6, NO_ID], [2, 4, 1000], [4, 5, NO_ID], [8, 0, 0xffff_fffe], [16, 7, NO_ID], [32, 1, NO_ID]),
    ),
  ).toBe('user::rw-,user:1000:r--,group::r-x,group:4294967294:---,mask::rwx,other::--x')
})

test('bytes that are no ACL are none', () => {
  const whole = acl(2, [1, 6, NO_ID])
  for (const bytes of [
    new Uint8Array(0),
    acl(2),
    acl(3, [1, 6, NO_ID]),
    acl(2, [3, 6, NO_ID]),
    acl(2, [1, 8, NO_ID]),
    whole.subarray(0, 11),
    Buffer.concat([whole, Buffer.of(1)]),
  ])
    expect(aclText(bytes)).toBeUndefined()
})
