import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'
import { filesBelow, seededBytes, writeTree } from '../support/tree.ts'

const box = new Sandbox()

/** How a text may show up: as it is, in hex and in base64 at each of the three offsets. */
function shapes(text: Buffer): Buffer[] {
  const hex = text.toString('hex')
  const base64 = [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), text]).toString('base64')
    // Without the characters at the ends that other bytes have a part in.
    return shifted.slice(offset === 0 ? 0 : 4, -4)
  })
  return [text, Buffer.from(hex), Buffer.from(hex.toUpperCase()), ...base64.map((each) => Buffer.from(each))]
}

it('no name, content, host, tag or hash occurs in any stored object', async () => {
  const incompressible = seededBytes(100_000, 99)
  const root = box.path('directory-marker-QZJX')
  writeTree(root, {
    'file-marker-VWKP.txt': 'content-marker-HGFD once\n'.repeat(3),
    'deep-marker-TRLM/random.bin': incompressible,
    'tiny-marker-NBXC': 'x',
  })
  await box.init()
  await box.ok([
    'backup',
    root,
    '--host',
    'host-marker-YUIO',
    '--tag',
    'tag-marker-ASDF',
    '--label',
    'label-marker-PLOK',
    '--compression',
    'off',
  ])
  await box.ok(['backup', root, '--host', 'host-marker-YUIO'])
  const sha256 = createHash('sha256').update(incompressible).digest()
  const markers = [
    ...[
      'directory-marker',
      'file-marker',
      'content-marker',
      'deep-marker',
      'tiny-marker',
      'host-marker',
      'tag-marker',
      'label-marker',
    ].map((text) => Buffer.from(text)),
    Buffer.from(box.root),
    incompressible.subarray(1000, 1032),
    incompressible.subarray(50_000, 50_032),
    sha256,
    Buffer.from((await box.snapshots())[0].tree, 'hex'),
  ]
  const objects = filesBelow(box.repository)
  expect(objects.length).toBeGreaterThan(6)
  for (const path of objects) {
    const bytes = readFileSync(path)
    for (const marker of markers) {
      for (const shape of shapes(marker)) expect(bytes.includes(shape), `${shape} in ${path}`).toBe(false)
    }
    expect(path.slice(box.repository.length)).not.toMatch(/marker/)
  }
  // The same search finds what is there in clear.
  const clear = readFileSync(`${root}/file-marker-VWKP.txt`)
  expect(shapes(Buffer.from('content-marker')).some((shape) => clear.includes(shape))).toBe(true)
})
