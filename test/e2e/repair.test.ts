import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, Sandbox } from '../support/snap.ts'
import { filesBelow, rsyncDifferences, seededBytes, writeTree } from '../support/tree.ts'

const MIB = 1_048_576

describe('snap repair', () => {
  const box = new Sandbox()
  const docs = box.path('docs')

  beforeEach(async () => {
    execFileSync('rm', ['-rf', box.repository, box.cache, docs, box.keyFile])
    writeTree(docs, {
      'a.bin': seededBytes(3 * MIB, 1),
      'b.bin': seededBytes(3 * MIB, 2),
      c: seededBytes(10, 3),
    })
    await box.init()
    await box.ok(['backup', docs])
  })

  const forgetManifest = (): void => rmSync(box.cache, { recursive: true, force: true })

  it('makes lost index objects again', async () => {
    for (const path of filesBelow(`${box.repository}/index`)) rmSync(path)
    forgetManifest()
    await box.expect(4, ['verify'])
    await box.expect(3, ['restore', 'latest', '--target', box.path('nothing')])
    forgetManifest()
    const dry = await box.ok(['repair', '--dry-run'])
    expect(dry.stdout).toMatch(/would be named again\n/)
    expect(filesBelow(`${box.repository}/index`)).toEqual([])
    const { stdout } = await box.ok(['repair'])
    expect(stdout).toMatch(/^lost: index\/[0-9a-f]{32}: /)
    expect(stdout).toMatch(/that nothing named are named again\n/)
    forgetManifest()
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
    await box.ok(['restore', 'latest', '--target', box.path('all')])
    expect(rsyncDifferences(docs, `${box.path('all')}${docs}`)).toEqual([])
    expect((await box.ok(['repair'])).stdout).toMatch(/^nothing to repair in /m)
  })

  it('sets a damaged pack aside; the next backup heals, and that is said', async () => {
    const pack = [...filesBelow(`${box.repository}/packs`)].sort(
      (a, b) => readFileSync(b).length - readFileSync(a).length,
    )[0]!
    const bytes = readFileSync(pack)
    bytes[5 * MIB]! ^= 1
    writeFileSync(pack, bytes)
    const files = filesBelow(box.repository).length
    const run = await box.expect(4, ['repair', '--json'])
    const lines = jsonLines(run)
    expect(lines.filter((line) => line.message_type === 'quarantined')).toHaveLength(1)
    const affected = lines.filter((line) => line.message_type === 'affected').map((line) => line.path)
    expect(affected).toHaveLength(1)
    expect(lines.at(-1)).toMatchObject({ packs_quarantined: 1, affected_files: 1, packs_named: 0 })
    // The entry, and the note of it.
    expect(filesBelow(box.repository)).toHaveLength(files + 2)
    expect(readFileSync(pack).equals(bytes)).toBe(true)
    await box.expect(4, ['verify'])
    // Everything else in the pack is restored, also without the manifest that knew it before.
    forgetManifest()
    const restored = await box.expect(3, ['restore', 'latest', '--target', box.path('some')])
    expect(restored.stderr).toContain(affected[0])
    const different = rsyncDifferences(docs, `${box.path('some')}${docs}`).filter(
      (line) => !line.endsWith('/'),
    )
    expect(different).toHaveLength(1)
    await box.ok(['backup', docs])
    const verified = await box.ok(['verify', '--data'])
    expect(verified.stdout).toMatch(
      /^healed: [0-9a-f]{8} is whole again; verify of .* \(log entry \d+\) found it damaged$/m,
    )
    expect((await box.summary(['verify', '--data'])).healed_snapshots).toBe(0)
    for (const { id } of await box.snapshots()) {
      const target = box.path(`back-${id}`)
      await box.ok(['restore', id, '--target', target])
      expect(rsyncDifferences(docs, `${target}${docs}`)).toEqual([])
    }
    const audit = await box.ok(['audit'])
    expect(audit.stdout).toMatch(/quarantined pack [0-9a-f]{8}$/m)
    expect(audit.stdout).toMatch(/repair on .*1 snapshot affected, damaged$/m)
  })
})
