import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, Sandbox } from '../support/snap.ts'
import { filesBelow, rsyncDifferences, seededBytes, seededText, writeTree } from '../support/tree.ts'

const MIB = 1_048_576
const KIND_AT = 10
const DATA = 1
const TREE = 2

describe('one flipped byte', () => {
  const box = new Sandbox()
  const docs = box.path('docs')
  const whole = box.path('whole')
  const wholeCache = box.path('whole cache')

  beforeAll(async () => {
    writeTree(docs, { 'deep/a.bin': seededBytes(3 * MIB, 1), 'deep/b.txt': seededText(200_000, 2) })
    await box.init()
    await box.ok(['backup', docs])
    writeTree(docs, { 'later/c.bin': seededBytes(3 * MIB, 3), 'later/d.txt': seededText(100_000, 4) })
    await box.ok(['backup', docs])
    execFileSync('cp', ['-a', box.repository, whole])
    execFileSync('cp', ['-a', box.cache, wholeCache])
  })

  /** The repository, and what this machine knows of it. */
  function putBack(): void {
    execFileSync('rm', ['-rf', box.repository, box.cache, box.path('cache copy')])
    execFileSync('cp', ['-a', whole, box.repository])
    execFileSync('cp', ['-a', wholeCache, box.cache])
  }

  const key = (path: string): string => path.slice(box.repository.length + 1)

  /** An entry of the log may be called by its number. */
  function nameOf(path: string): RegExp {
    const number = /^log\/0*(\d+)$/.exec(key(path))?.[1]
    return number === undefined ? new RegExp(key(path)) : new RegExp(`log entry ${number}\\b|${key(path)}`)
  }

  function packs(kind: number): string[] {
    return filesBelow(`${box.repository}/packs`).filter((path) => readFileSync(path)[KIND_AT] === kind)
  }

  function largest(paths: readonly string[]): string {
    return [...paths].sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0]!
  }

  const whichOnes: Record<string, () => string> = {
    config: () => `${box.repository}/config`,
    slot: () => filesBelow(`${box.repository}/slots`)[0]!,
    'data pack': () => largest(packs(DATA)),
    'tree pack': () => packs(TREE)[0]!,
    index: () => filesBelow(`${box.repository}/index`)[0]!,
    'log entry': () => filesBelow(`${box.repository}/log`).at(-1)!,
    'first log entry': () => filesBelow(`${box.repository}/log`)[0]!,
  }

  for (const [what, which] of Object.entries(whichOnes)) {
    it(`in a ${what} is named by verify --data`, async () => {
      putBack()
      const path = which()
      const bytes = readFileSync(path)
      for (const at of [Math.floor(bytes.length / 2), bytes.length - 1]) {
        const spoilt = Buffer.from(bytes)
        spoilt[at]! ^= 1
        writeFileSync(path, spoilt)
        // With the manifest as it was before, and with none.
        for (const cache of [box.cache, box.path('cache copy')]) {
          const run = await box.run(['verify', '--data', '--json'], { env: { SNAP_CACHE_DIR: cache } })
          expect(run.status, `${what} at ${at}: ${run.stdout}${run.stderr}`).toBe(4)
          expect(`${run.stdout}${run.stderr}`).toMatch(nameOf(path))
          execFileSync('rm', ['-rf', box.path('cache copy')])
        }
      }
      writeFileSync(path, bytes)
      expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
    })
  }

  it('in the log entry of a snapshot is warned of by whatever leaves that snapshot out', async () => {
    putBack()
    const path = filesBelow(`${box.repository}/log`).at(-1)!
    const bytes = readFileSync(path)
    bytes[100]! ^= 1
    writeFileSync(path, bytes)
    const env = { SNAP_CACHE_DIR: box.path('cache copy') }
    for (const command of [
      ['snapshots', '--quiet'],
      ['ls', 'latest'],
      ['restore', 'latest', '--target', box.path('older'), '--dry-run'],
    ]) {
      const { stderr } = await box.ok(command, { env })
      expect(stderr).toMatch(/^warning: the log is damaged at entry \d+: .*`snap audit`/m)
    }
  })

  it('fails only the files that need it, and restores the others', async () => {
    putBack()
    const target = box.path('restored')
    const path = largest(packs(DATA))
    const bytes = readFileSync(path)
    bytes[MIB] = bytes[MIB]! ^ 0x80
    writeFileSync(path, bytes)
    const verified = await box.expect(4, ['verify', '--data', '--json'])
    const affected = jsonLines(verified).filter((line) => line.message_type === 'affected')
    const paths: string[] = [...new Set<string>(affected.map((line) => line.path))].sort()
    expect(paths.length).toBeGreaterThan(0)
    const run = await box.expect(3, ['restore', 'latest', '--target', target])
    for (const file of paths) expect(run.stderr.split(`failed: ${file}: `)).toHaveLength(2)
    expect(run.stderr).not.toContain('warning:')
    expect(run.stderr).toMatch(/could not be restored/)
    expect(run.stderr).toContain('`snap verify --data` says what is damaged.')
    const differences = rsyncDifferences(docs, `${target}${docs}`)
    const files = differences
      .filter((line) => !line.endsWith('/'))
      .map((line) => `${docs}/${line.split(' ').slice(1).join(' ')}`)
    expect(files.sort()).toEqual(paths)
    expect(filesBelow(target).some((name) => name.includes('.snap-'))).toBe(false)
  })

  it('is no different from a pack that is missing', async () => {
    putBack()
    const path = largest(packs(DATA))
    execFileSync('rm', [path])
    const run = await box.expect(4, ['verify', '--json'])
    expect(
      jsonLines(run).some((line) => line.message_type === 'damaged' && line.key.includes(key(path))),
    ).toBe(true)
    await box.expect(3, ['restore', 'latest', '--target', box.path('restored 2')])
  })
})
