import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRoot, jsonLines, type Run, type RunOptions, Sandbox, summaryOf } from '../support/snap.ts'
import { filesBelow, rsyncDifferences, seededBytes, writeTree } from '../support/tree.ts'

const MIB = 1_048_576
const box = new Sandbox()
const docs = box.path('docs')

beforeAll(async () => {
  writeTree(docs, { a: 'a', 'deep/b': 'b' })
  await box.init()
  await box.ok(['backup', docs])
})

/** Fails with one sentence, a hint and nothing else. */
async function fails(status: number, args: string[], options: RunOptions = {}): Promise<Run> {
  const run = await box.expect(status, args, options)
  const lines = run.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(snapshot|warning:) /.test(line))
  expect(lines, run.stderr).toHaveLength(2)
  expect(lines[0]).toMatch(/^snap: \S/)
  expect(lines[1]).toMatch(/^hint: \S/)
  expect(run.stderr).not.toMatch(/bug in snap|at .*\.js:/)
  return run
}

const password = (value: string): NonNullable<RunOptions['env']> => ({
  SNAP_KEY_FILE: undefined,
  SNAP_PASSWORD: value,
})

describe('bad input gets a sentence, a hint and an exit status', () => {
  it('for a path that does not exist', async () => {
    const nothing = await fails(1, ['backup', '/does/not/exist', '--quiet'])
    expect(nothing.stderr).toMatch(
      /cannot read \/does\/not\/exist: no such file or directory\nhint: .*Check the path/,
    )
    const planned = await fails(1, ['backup', '/does/not/exist', '-n'])
    expect(planned.stderr).toMatch(/hint: .*Check the path/)
    expect((await fails(1, ['backup', docs, '/does/not/exist'])).stderr).toContain('/does/not/exist')
  })

  it('where there is no repository', async () => {
    for (const place of ['/nowhere', docs]) {
      for (const command of [['snapshots'], ['backup', '/etc/hostname'], ['restore'], ['verify']]) {
        expect((await fails(10, ['--repo', place, ...command])).stderr).toContain(place)
      }
    }
    expect(filesBelow(docs)).toHaveLength(2)
  })

  it('for a wrong password and a wrong key file', async () => {
    const repository = box.path('by password')
    await box.ok(['init', '--repo', repository], { env: password('right') })
    await box.ok(['snapshots', '--repo', repository], { env: password('right') })
    await fails(12, ['snapshots', '--repo', repository], { env: password('wrong') })
    await fails(12, ['snapshots', '--repo', repository])
    await fails(12, ['snapshots'], { env: password('right') })
    await fails(12, ['snapshots'], { env: { SNAP_KEY_FILE: box.path('no such file') } })
    await fails(12, ['snapshots'], { env: { SNAP_KEY_FILE: undefined } })
    writeFileSync(box.path('garbage.key'), 'not a key\n', { mode: 0o600 })
    await fails(12, ['snapshots', '--key-file', box.path('garbage.key')])
    chmodSync(box.path('garbage.key'), 0o644)
    const open = await fails(12, ['snapshots', '--key-file', box.path('garbage.key')])
    expect(open.stderr).toMatch(/^snap: this is not a key file\n/)
  })

  it('for a second init, an unknown snapshot, a bad time and an unknown option', async () => {
    await fails(1, ['init', '--key-file', box.path('another.key')])
    expect((await fails(1, ['key', 'add', '--new-key-file', box.keyFile])).stderr).toContain('it exists')
    await fails(1, ['key', 'remove', 'ffffffff'])
    const second = await fails(2, ['init', '--repo', box.path('second')])
    expect(second.stderr).toMatch(/hint: .*unset SNAP_KEY_FILE/)
    await fails(1, ['restore', 'ffffffff', '--target', box.path('x')])
    await fails(1, ['restore', 'not-an-id', '--target', box.path('x')])
    await fails(2, ['restore', '--at', 'the day after', '--target', box.path('x')])
    await fails(2, ['backup', docs, '--time', '2025-13-45'])
    await fails(2, ['backup', docs, '--nonsense'])
    await fails(2, ['bakcup', docs])
    await fails(2, ['backup'])
    await fails(2, ['backup', docs, '--exclude-larger-than', 'much'])
    await fails(2, ['restore', '--target', box.path('x'), '--in-place'])
  })

  it('for a name, path or place that is empty, as of a variable that is not set', async () => {
    for (const option of ['--host', '--repo', '--cache-dir']) await fails(2, ['backup', docs, option, ''])
    for (const option of ['--host', '--path']) await fails(2, ['snapshots', option, ''])
    for (const option of ['--label', '--tag', '--exclude']) {
      expect((await fails(2, ['backup', docs, option, ''])).stderr).toContain(`${option} is empty`)
    }
    await fails(2, ['tag', 'latest', '--add', '', '--remove', 'x'])
  })

  it('for a span of a prune, before anything is forgotten', async () => {
    await fails(2, ['forget', 'latest', '--even-last', '--undelete-window', 'banana'])
  })

  it('for a new key that nobody gave', async () => {
    expect((await fails(12, ['key', 'add'])).stderr).toContain('--new-password-file')
    const nothing = ['key', 'add', '--new-password-file', box.path('no such file')]
    expect((await fails(12, nothing)).stderr).toMatch(/hint: .*--new-password-file/)
    const both = ['--new-key-file', box.path('new.key'), '--new-password-file', box.keyFile]
    await fails(2, ['key', 'add', ...both])
    await fails(2, ['key', 'passwd', ...both])
    expect(existsSync(box.path('new.key'))).toBe(false)
    expect((await fails(2, ['key', 'remove'])).stderr).toContain('`snap key remove --help`')
  })

  it('for a repository that has lost its config, also the default one, whose key file stays where it is', async () => {
    const home = box.path('beheaded')
    const env = { HOME: home, SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }
    await box.ok(['backup', docs], { env })
    rmSync(`${home}/.local/share/snap/repository/config`)
    for (const command of [['snapshots'], ['verify'], ['backup', docs]]) {
      expect((await fails(4, command, { env })).stderr).toMatch(
        /lost its config[\s\S]*copy of the repository/,
      )
    }
    expect(filesBelow(`${home}/.config/snap/keys`).map((path) => basename(path))).toEqual(['default.key'])
  })

  it('for a repository whose config or last key slot is lost, and says what to bring back', async () => {
    const copy = box.path('headless')
    cpSync(box.repository, copy, { recursive: true })
    const config = readFileSync(`${copy}/config`)
    writeFileSync(`${copy}/config`, 'garbage')
    for (const command of [['verify'], ['manifest', 'rebuild']]) {
      const { stderr } = await fails(4, [...command, '--repo', copy])
      expect(stderr).toMatch(/config of the repository is damaged[\s\S]*`config` back/)
    }
    writeFileSync(`${copy}/config`, config)
    for (const slot of readdirSync(`${copy}/slots`)) rmSync(`${copy}/slots/${slot}`)
    expect((await fails(4, ['snapshots', '--repo', copy])).stderr).toMatch(
      /all its key slots[\s\S]*`slots` back/,
    )
  })

  it('for a cache directory that cannot be made', async () => {
    const run = await fails(1, ['snapshots', '--cache-dir', box.keyFile])
    expect(run.stderr).toMatch(/local database[\s\S]*--cache-dir/)
  })

  it('for one below a directory that says of all that is to be made there that it does not exist', async () => {
    for (const command of [['snapshots'], ['manifest', 'rebuild']]) {
      const run = await fails(1, command, { env: { SNAP_CACHE_DIR: '/proc/nope' } })
      expect(run.stderr).toMatch(/local database cannot be kept at \/proc\/nope\S+: ENOENT[\s\S]*--cache-dir/)
    }
  })

  it('for a target below such a directory, or in the place of a file', async () => {
    const nowhere = await fails(1, ['restore', 'latest', '--target', '/proc/nope/x'])
    expect(nowhere.stderr).toContain('cannot write /proc/nope/x: ENOENT')
    const file = await fails(1, ['restore', 'latest', '--target', box.keyFile])
    expect(file.stderr).toContain(`${box.keyFile}: ENOTDIR`)
  })

  it('as JSON for programs', async () => {
    const run = await box.expect(1, ['restore', 'ffffffff', '--json', '--target', box.path('x')])
    const line = JSON.parse(run.stderr)
    expect(line).toMatchObject({ message_type: 'exit_error', code: 1, error: 'SNAPSHOT_UNKNOWN' })
    expect(line.hint).toBeTruthy()
  })

  it('for a repository of a newer format', async () => {
    const repository = box.path('newer')
    execFileSync('cp', ['-a', box.repository, repository])
    const config = readFileSync(`${repository}/config`)
    config[8] = 2
    writeFileSync(`${repository}/config`, config)
    expect((await fails(1, ['snapshots', '--repo', repository])).stderr).toMatch(/newer/)
    await fails(1, ['backup', docs, '--repo', repository])
  })

  it('for objects that are corrupt', async () => {
    const repository = box.path('corrupt')
    const spoil = async (pattern: RegExp, status: number): Promise<void> => {
      rmSync(repository, { recursive: true, force: true })
      execFileSync('cp', ['-a', box.repository, repository])
      const path = filesBelow(repository).find((each) => pattern.test(each))!
      for (const content of [Buffer.alloc(0), Buffer.from('garbage'), seededBytes(5000, 1)]) {
        writeFileSync(path, content)
        const env = { SNAP_CACHE_DIR: box.path('fresh cache') }
        rmSync(box.path('fresh cache'), { recursive: true, force: true })
        const run = await box.run(['verify', '--repo', repository], { env })
        expect(run.status, `${path}: ${run.stderr}`).toBe(status)
        expect(run.stdout + run.stderr).toContain(path.slice(repository.length + 1))
        expect(run.stderr).not.toMatch(/bug in snap/)
      }
    }
    await spoil(/config$/, 4)
    await spoil(/\/slots\//, 4)
    await spoil(/\/log\//, 4)
    await spoil(/\/index\//, 4)
    await spoil(/\/packs\//, 4)
  })
})

describe('secrets', () => {
  it('keep the name that somebody gave them when they are changed', async () => {
    const repository = box.path('named')
    const nameOf = async (value: string): Promise<unknown> => {
      const { stdout } = await box.ok(['key', 'list', '--json', '--repo', repository], {
        env: password(value),
      })
      return JSON.parse(stdout).find((key: { current: boolean }) => key.current).name
    }
    const change = async (from: string, to: string, ...more: string[]): Promise<void> => {
      writeFileSync(box.path('next password'), to, { mode: 0o600 })
      const args = ['key', 'passwd', '--repo', repository, '--new-password-file', box.path('next password')]
      await box.ok([...args, ...more], { env: password(from) })
    }
    await box.ok(['init', '--repo', repository], { env: password('1') })
    await change('1', '2')
    expect(await nameOf('2')).toMatch(/^password made on /)
    await change('2', '3', '--name', 'bob')
    await change('3', '4')
    expect(await nameOf('4')).toBe('bob')
  })

  it('come from a variable, a file and a command', async () => {
    const repository = box.path('secrets')
    const args = ['snapshots', '--repo', repository]
    await box.ok(['init', '--repo', repository], { env: password('päss wörd') })
    const file = box.path('password')
    writeFileSync(file, 'päss wörd\n', { mode: 0o600 })
    await box.ok(args, { env: { SNAP_KEY_FILE: undefined, SNAP_PASSWORD_FILE: file } })
    await box.ok(args, { env: { SNAP_KEY_FILE: undefined, SNAP_PASSWORD_COMMAND: `cat '${file}'` } })
    const failed = await fails(12, args, {
      env: { SNAP_KEY_FILE: undefined, SNAP_PASSWORD_COMMAND: 'exit 3' },
    })
    expect(failed.stderr).toContain('3')
    chmodSync(file, 0o644)
    const open = await box.ok(args, { env: { SNAP_KEY_FILE: undefined, SNAP_PASSWORD_FILE: file } })
    expect(open.stderr).toMatch(/chmod 600/)
  })
})

describe('output', () => {
  it('ends quietly where its reader has gone', () => {
    const shell = `'${process.execPath}' '${new URL('../../bin/main.js', import.meta.url).pathname}'`
    const run = execFileSync(
      'bash',
      [
        '-c',
        `set -o pipefail; ${shell} backup -vv '${docs}' --dry-run | true; echo "status \${PIPESTATUS[0]}"`,
      ],
      {
        env: box.environment(),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    expect(run).toBe('status 141\n')
  })

  it('shows a name with terminal escapes safely, and exactly in JSON', async () => {
    const hostile = box.path('hostile')
    writeTree(hostile, { '\u001b]0;owned\u0007\u001b[2Jname\n\u202egpj': 'x' })
    const run = await box.ok(['backup', '-vv', hostile])
    expect(run.stdout).toContain('\\x1b')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(run.stdout + run.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
    const restored = await box.ok([
      'restore',
      '-v',
      'latest',
      '--path',
      hostile,
      '--target',
      box.path('hostile back'),
    ])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(restored.stdout + restored.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
    expect(rsyncDifferences(hostile, `${box.path('hostile back')}${hostile}`)).toEqual([])
  })
})

describe.runIf(isRoot)('another user', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const own = new Sandbox()
  const source = own.path('source')

  beforeAll(() => {
    writeTree(source, { open: 'open', 'closed/inside': 'x', secret: 'x' })
    chmodSync(`${source}/secret`, 0o600)
    chmodSync(`${source}/closed`, 0o700)
    for (const path of [own.root, own.path('home')]) execFileSync('chown', ['65534:65534', path])
  })

  it('saves what it may read, names the rest, and exits 3', async () => {
    await own.ok(['init', '--key-file', own.keyFile], { through: nobody, env: { SNAP_KEY_FILE: undefined } })
    const run = await own.expect(3, ['backup', source], { through: nobody })
    expect(run.stderr).toContain(`${source}/secret`)
    expect(run.stderr).toContain(`${source}/closed`)
    expect(run.stderr).toMatch(/permission denied/)
    expect(run.stderr).not.toMatch(/EACCES/)
    const [snapshot] = await own.snapshots([], { through: nobody })
    const summary = { unreadable: 2, total_files_processed: 1, files_new: 1 }
    expect(snapshot).toMatchObject({ incomplete: true, summary })
    const again = await own.expect(3, ['backup', source, '--json'], { through: nobody })
    expect(summaryOf(again)).toMatchObject({ files_new: 0, files_changed: 0, files_unmodified: 1 })
    const target = own.path('target')
    const restored = await own.expect(3, ['restore', 'latest', '--target', target], { through: nobody })
    expect(restored.stderr.split(`${source}/secret: was unreadable`)).toHaveLength(2)
    expect(restored.stderr).not.toContain('snap verify')
    expect(readFileSync(`${target}${source}/open`, 'utf8')).toBe('open')
  })

  it('is not kept out by what root did in the repository', async () => {
    const before = filesBelow(own.repository).length
    const env = { SNAP_CACHE_DIR: own.path("root's cache") }
    await own.ok(['backup', source], { env })
    await own.ok(['verify'], { env })
    await own.ok(['prune', '--undelete-window', '0'], { env })
    expect(filesBelow(own.repository).length).toBeGreaterThan(before)
    for (const path of filesBelow(own.repository)) expect(statSync(path).uid, path).toBe(65534)
    for (const path of filesBelow(own.repository)) expect(statSync(dirname(path)).uid, path).toBe(65534)
    await own.ok(['verify', '--data'], { through: nobody })
    await own.ok(['audit'], { through: nobody })
    await own.expect(3, ['backup', source], { through: nobody })
  })

  it('leaves nothing that its owner could not read in a repository that is not its own', async () => {
    const another = ['setpriv', '--reuid=65533', '--regid=65534', '--clear-groups']
    execFileSync('cp', ['-a', own.root, `${own.root} of all`])
    const env = { SNAP_REPOSITORY: `${own.root} of all/${basename(own.repository)}` }
    execFileSync('chmod', ['-R', 'a+rwX', `${own.root} of all`])
    try {
      const { stderr } = await own.ok(
        ['verify', '--key-file', `${own.root} of all/home/${basename(own.keyFile)}`],
        {
          through: another,
          env: { ...env, SNAP_KEY_FILE: undefined, SNAP_CACHE_DIR: `${own.root} of all/another's cache` },
        },
      )
      expect(stderr).toContain('not noted in the audit trail: the repository belongs to another user')
    } finally {
      rmSync(`${own.root} of all`, { recursive: true })
    }
  })

  it('never deletes what is in a directory that could not be read', async () => {
    const target = own.path('with content')
    mkdirSync(`${target}${source}/closed`, { recursive: true })
    writeFileSync(`${target}${source}/closed/precious`, 'x')
    await own.expect(3, ['restore', 'latest', '--target', target, '--delete'])
    expect(readFileSync(`${target}${source}/closed/precious`, 'utf8')).toBe('x')
  })

  it('is told once of a directory that could neither be saved nor made', async () => {
    const target = own.path('read only')
    mkdirSync(target, { mode: 0o755 })
    const where = `latest:${source}`
    const run = await own.expect(3, ['restore', where, `${source}/closed`, '-t', target], { through: nobody })
    expect(run.stderr.match(/^failed: /gm)).toHaveLength(1)
    expect(run.stderr).toContain('snap: 1 entry could not be restored\n')
    expect(run.stdout).toMatch(/\nno entry of snapshot /)
  })

  it('is told where it may not write', async () => {
    const run = await own.run(['restore', 'latest', '--target', '/proc/nothing'], { through: nobody })
    expect(run.status).toBe(1)
    expect(run.stderr).toMatch(/^hint: /m)
    expect(run.stderr).not.toMatch(/bug in snap/)
  })
})

describe.runIf(isRoot)('a disk that is full', () => {
  const own = new Sandbox()
  const mounts: string[] = []

  function mount(name: string, bytes: number): string {
    const path = own.path(name)
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
    mounts.push(path)
    return path
  }

  afterAll(() => {
    for (const path of mounts) execFileSync('umount', ['-l', path])
  })

  it('under the repository stops a backup, and hurts no earlier snapshot', async () => {
    const disk = mount('disk', 20 * MIB)
    const env = { SNAP_REPOSITORY: `${disk}/repo` }
    writeTree(own.path('small'), { a: 'small' })
    writeTree(own.path('large'), { a: seededBytes(30 * MIB, 1) })
    await own.ok(['init', '--key-file', own.keyFile], { env: { ...env, SNAP_KEY_FILE: undefined } })
    await own.ok(['backup', own.path('small')], { env })
    const full = await own.expect(1, ['backup', own.path('large'), '--json'], { env })
    const error = full.stderr.split('\n').filter((line) => line.includes('exit_error'))
    expect(JSON.parse(error[0]!)).toMatchObject({ error: 'REPOSITORY_FULL' })
    expect((await own.snapshots([], { env })).length).toBe(1)
    expect(summaryOf(await own.ok(['verify', '--data', '--json'], { env })).damaged_objects).toBe(0)
    await own.ok(['restore', 'latest', '--target', own.path('small back')], { env })
    execFileSync('mount', ['-o', 'remount,size=90m', disk])
    await own.ok(['backup', own.path('large')], { env })
    expect(summaryOf(await own.ok(['verify', '--data', '--json'], { env })).damaged_objects).toBe(0)
    await own.ok(
      [
        'restore',
        `latest:${own.path('large')}`,
        '--path',
        own.path('large'),
        '--target',
        own.path('large back'),
      ],
      { env },
    )
    expect(rsyncDifferences(own.path('large'), own.path('large back'))).toEqual([])
    const disk2 = mount('target disk', 5 * MIB)
    const args = ['--path', own.path('large'), '--target', `${disk2}/t`]
    const target = await own.run(['restore', 'latest', ...args], { env })
    expect([1, 3]).toContain(target.status)
    expect(filesBelow(disk2)).toEqual([])
    expect(target.stderr).toMatch(/full|space/i)
    expect(target.stderr).toMatch(/^hint: /m)
    expect(target.stderr.match(/no space/g)).toHaveLength(1)
    const precious = `${disk2}/t${own.path('large')}/a/precious`
    mkdirSync(precious, { recursive: true })
    await own.expect(1, ['restore', 'latest', ...args, '--delete'], { env })
    expect(readdirSync(dirname(dirname(precious)))).toEqual(['a'])
    expect(existsSync(precious)).toBe(true)
    expect(jsonLines(await own.ok(['verify', '--json'], { env })).at(-1).damaged_objects).toBe(0)
  })
})
