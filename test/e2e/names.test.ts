/** Arguments, working directories and variables that are not UTF-8: what Node makes of them is another name. */
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'

const box = new Sandbox()
const bytes = (...parts: string[]): Buffer => Buffer.from(parts.join('/'), 'latin1')
const root = realpathSync(box.root)
const ODD = bytes(root, 'b\xffd')
const SOURCE = bytes(root, 'b\xffd', 'q\xfe')

/** Runs in the directory, with more arguments, both as `$'...'` of bash. */
const inside = (directory: string, ...args: string[]) => ({
  through: ['bash', '-c', `cd ${directory} && exec "$@" ${args.join(' ')}`, 'bash'],
})
const HERE = "$'b\\xffd'"
const Q = "$'q\\xfe'"

const raw = (directory: Buffer): string[] =>
  readdirSync(directory, { encoding: 'buffer' })
    .map((name) => name.toString('latin1'))
    .sort()

beforeAll(async () => {
  mkdirSync(SOURCE, { recursive: true })
  writeFileSync(Buffer.concat([SOURCE, bytes('/f\xfd')]), 'text')
  writeFileSync(Buffer.concat([SOURCE, Buffer.from('/\ufffd')]), 'a name of its own')
  await box.init()
})

describe.runIf(process.platform === 'linux')('a name that is not UTF-8', () => {
  it('is backed up, filtered by, dumped and listed as an argument and as the working directory', async () => {
    await box.ok(['backup'], inside(HERE, Q))
    await box.ok(['backup', '.'], inside(HERE))
    const [first, second] = await box.snapshots()
    expect(Buffer.from(first.paths_b64[0], 'base64')).toEqual(SOURCE)
    expect(Buffer.from(second.paths_b64[0], 'base64')).toEqual(ODD)
    const filtered = await box.ok(['snapshots', '--path'], inside(HERE, Q))
    expect(filtered.stdout).toContain('1 snapshot\n')
    const path = `"$PWD"/${Q}`
    expect((await box.ok(['dump', 'latest'], inside(HERE, `${path}/$'f\\xfd'`))).stdout).toBe('text')
    const replacement = await box.ok(['dump', 'latest'], inside(HERE, `${path}/$'\\xef\\xbf\\xbd'`))
    expect(replacement.stdout).toBe('a name of its own')
  })

  it('is restored from and to', async () => {
    const path = `"$PWD"/${Q}/$'f\\xfd'`
    const before = raw(bytes(root))
    await box.ok(['restore', 'latest'], inside(HERE, path))
    await box.ok(['restore', 'latest', '--target'], inside(HERE, "$'r\\xff'", path))
    expect(raw(bytes(root))).toEqual(before)
    const [made = '', named] = raw(ODD).filter((name) => name.startsWith('r'))
    expect(made).toMatch(/^restored-[0-9a-f]{8}$/)
    expect(named).toBe('r\xff')
    for (const name of [made, 'r\xff']) {
      const restored = bytes(`${ODD.toString('latin1')}/${name}${SOURCE.toString('latin1')}/f\xfd`)
      expect(readFileSync(restored, 'utf8')).toBe('text')
    }
  })

  it('is refused for what is the repository’s own, and nothing is made', async () => {
    const before = [raw(bytes(root)), raw(ODD)]
    for (const [args, what] of [
      [['init', '--repo', 'r'], 'the repository'],
      [['init', '--repo', box.path('new'), '--key-file', 'k'], 'the key file'],
      [['snapshots', '--cache-dir', 'c'], 'the local database'],
    ] as const) {
      const run = await box.expect(2, args, inside(HERE))
      expect(run.stderr).toContain(`snap: the path of ${what} is not UTF-8: `)
      expect(run.stderr).toContain('\\xffd')
    }
    const through = ['bash', '-c', `export SNAP_REPOSITORY="$PWD"/${HERE}/r; exec "$@"`, 'bash']
    const run = await box.expect(2, ['init'], { through })
    expect(run.stderr).toContain('\\xffd/r')
    expect([raw(bytes(root)), raw(ODD)]).toEqual(before)
  })
})

describe('a source path that is not absolute', () => {
  it('filters for what a backup from there has made', async () => {
    mkdirSync(box.path('plain', 'inside'), { recursive: true })
    writeFileSync(box.path('plain', 'file'), 'x')
    await box.ok(['backup', 'plain'])
    const cwd = box.path('plain', 'inside')
    for (const path of ['..', '../../plain', '../../plain/'])
      expect(await box.snapshots(['--path', path], { cwd })).toHaveLength(1)
    expect((await box.ok(['find', 'file', '--path', '..'], { cwd })).stdout).toContain('1 path, 1 version')
    expect((await box.ok(['ls', 'latest', '--path', '..'], { cwd })).stderr).toContain('/plain)')
    expect(await box.snapshots(['--path', '.'], { cwd })).toHaveLength(0)
  })
})
