import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, Sandbox, summaryOf } from '../support/snap.ts'
import {
  filesBelow,
  listing,
  rsyncDifferences,
  seededBytes,
  seededText,
  statNs,
  touched,
  writeTree,
} from '../support/tree.ts'

const box = new Sandbox()
const own = new Sandbox()
const home = box.path('data', 'alice')
const docs = `${home}/docs`
let snapshot: string

beforeAll(async () => {
  writeTree(docs, {
    'a.txt': 'a\n',
    'b.log': 'b\n',
    'deep/er/c.txt': seededText(200_000, 1),
    'deep/er/d.bin': seededBytes(2_000_000, 2),
    'deep/e.txt': '',
    'pictures/x1.png': seededBytes(50_000, 3),
    'pictures/x2.png': seededBytes(50_000, 4),
  })
  symlinkSync('a.txt', `${docs}/link`)
  chmodSync(`${docs}/deep`, 0o750)
  writeFileSync(`${home}/beside`, 'not backed up\n')
  await box.init()
  snapshot = (await box.summary(['backup', docs])).snapshot_id
})

let target: string
let made = 0
beforeEach(() => {
  target = box.path(`target ${++made}`)
})

/** But for the target itself, which keeps its own metadata where it was not empty. */
const differencesBelow = (original: string, copy: string): string[] =>
  rsyncDifferences(original, copy).filter((line) => !line.endsWith(' ./'))

const below = (root: string): string[] => filesBelow(root).map((path) => path.slice(root.length + 1))

describe('where a restore puts things', () => {
  it('makes the absolute source paths again below --target', async () => {
    await box.ok(['restore', 'latest', '--target', target])
    expect(rsyncDifferences(docs, `${target}${docs}`)).toEqual([])
  })

  it('drops the prefix of SNAPSHOT:SUBDIR', async () => {
    await box.ok(['restore', `${snapshot}:${docs}`, '--target', target])
    expect(rsyncDifferences(docs, target)).toEqual([])
    await box.ok(['restore', `${snapshot.slice(0, 10)}:${docs}/deep`, '--target', `${target} 2`])
    expect(rsyncDifferences(`${docs}/deep`, `${target} 2`)).toEqual([])
  })

  it('leaves the metadata of a target alone that holds other things', async () => {
    writeTree(target, { other: 'o' })
    chmodSync(target, 0o711)
    await box.ok(['restore', `${snapshot}:${docs}`, '--target', target])
    expect(Number(statNs(target).mode & 0o777n)).toBe(0o711)
    expect(readFileSync(`${target}/other`, 'utf8')).toBe('o')
  })

  it('makes a new directory here that it names, without a target', async () => {
    mkdirSync(target)
    const run = await box.ok(['restore'], { cwd: target })
    const name = `restored-${snapshot.slice(0, 8)}`
    expect(run.stdout).toContain(name)
    expect(rsyncDifferences(docs, `${target}/${name}${docs}`)).toEqual([])
  })

  it('restores paths and globs alone', async () => {
    await box.ok(['restore', 'latest', `${docs}/a.txt`, `${docs}/pictures`, '--target', target])
    expect(below(`${target}${docs}`)).toEqual(['a.txt', 'pictures/x1.png', 'pictures/x2.png'])
    await box.ok(['restore', 'latest', '**/*.txt', `${docs}/p*/x?.png`, '--target', `${target} 2`])
    expect(below(`${target} 2${docs}`)).toEqual([
      'a.txt',
      'deep/e.txt',
      'deep/er/c.txt',
      'pictures/x1.png',
      'pictures/x2.png',
    ])
  })

  it('takes a path that is there as it is written, and only others as globs', async () => {
    const odd = own.path('odd')
    const meant = ['x [2024]/f', 'a[bc]d', 'w\\z', 'q?']
    writeTree(
      odd,
      Object.fromEntries([...meant, 'x 2/f', 'abd', 'wz', 'qq', 'v1'].map((name) => [name, name])),
    )
    await own.init()
    await own.ok(['backup', odd])
    for (const [at, name] of meant.entries()) {
      await own.ok(['restore', 'latest', `${odd}/${name}`, '--target', `${target} ${at}`])
      expect(below(`${target} ${at}${odd}`)).toEqual([name])
    }
    await own.ok(['restore', 'latest', `${odd}/v[0-9]`, `${odd}/w\\\\?`, `${odd}/q*`, '--target', target])
    expect(below(target + odd).sort()).toEqual(['q?', 'qq', 'v1', 'w\\z'])
  })

  it('makes nothing where something that was named is not there', async () => {
    mkdirSync(target)
    for (const args of [
      ['latest', '/no/such'],
      ['latest', `${docs}/a.txt`, `${docs}/*.nothing`],
      ['latest:/no/such'],
      ['latest', `${docs}/nothing`, '--target', `${target}/new`],
    ])
      await box.expect(1, ['restore', ...args], { cwd: target })
    expect(readdirSync(target)).toEqual([])
  })

  it('names the link that is in the way of a path, and does not say that the snapshot lacks it', async () => {
    mkdirSync(`${target}${docs}`, { recursive: true })
    symlinkSync(box.path(), `${target}${docs}/deep`)
    const run = await box.expect(3, ['restore', 'latest', `${docs}/deep/e.txt`, '--target', target])
    expect(run.stderr).toContain(
      `failed: ${docs}/deep: ${target}${docs}/deep is a symbolic link where the snapshot has none\n`,
    )
    expect(run.stderr).not.toContain('the snapshot has nothing at')
    const both = [`${docs}/deep/e.txt`, `${docs}/a.txt`]
    const incomplete = await box.expect(3, ['restore', 'latest', ...both, '--target', target])
    expect(incomplete.stderr).toContain(`failed: ${docs}/deep: `)
    const linked = box.path('linked')
    writeTree(linked, { 'd/b': 'b', 'e/c': 'c' })
    const { snapshot_id } = await own.summary(['backup', linked])
    rmSync(`${linked}/d`, { recursive: true })
    symlinkSync('e', `${linked}/d`)
    const inPlace = await own.expect(3, ['restore', snapshot_id, `${linked}/d/b`, '--in-place'])
    expect(inPlace.stderr).toContain(`failed: ${linked}/d: ${linked}/d is a symbolic link`)
    expect(below(linked)).toEqual(['e/c'])
  })

  it('says which path the snapshot does not have', async () => {
    const run = await box.expect(1, ['restore', 'latest', `${docs}/nothing`, '--target', target])
    expect(run.stderr).toContain(`${docs}/nothing`)
    expect(run.stderr).toMatch(/^hint: /m)
    await box.expect(1, ['restore', `latest:${docs}/nothing`, '--target', target])
  })

  it('refuses an empty target, path or snapshot, which a script leaves where a variable is not set', async () => {
    for (const args of [['latest', '--target', ''], ['latest', '', '--in-place'], ['']]) {
      const run = await box.expect(2, ['restore', ...args])
      expect(run.stderr).toMatch(/ is empty\nhint: Is a variable not set\?/)
    }
  })

  it('writes nothing through a link that was planted in the target', async () => {
    const outside = box.path('outside')
    mkdirSync(outside, { recursive: true })
    mkdirSync(target)
    symlinkSync(outside, `${target}/deep`)
    await box.ok(['restore', `latest:${docs}`, '--target', target])
    expect(below(outside)).toEqual([])
    expect(differencesBelow(docs, target)).toEqual([])
  })
})

describe('a restore into what is there already', () => {
  it('writes only what differs, and does not touch the rest', async () => {
    await box.ok(['restore', `latest:${docs}`, '--target', target])
    const before = touched(target)
    writeFileSync(`${target}/a.txt`, 'changed\n')
    rmSync(`${target}/pictures/x1.png`)
    const summary = await box.summary(['restore', `latest:${docs}`, '--target', target])
    expect(summary).toMatchObject({ files_failed: 0, bytes_restored: 50_002 })
    const after = touched(target)
    const written = [...after].filter(([path, mark]) => before.get(path) !== mark).map(([path]) => path)
    expect(written.sort()).toEqual(['a.txt', 'pictures', 'pictures/x1.png'])
    expect(differencesBelow(docs, target)).toEqual([])
  })

  it('puts everything back in place, so that the next backup reads nothing', async () => {
    const before = listing(docs)
    const first = touched(docs)
    writeFileSync(`${docs}/b.log`, 'spoilt\n')
    chmodSync(`${docs}/deep/e.txt`, 0o777)
    rmSync(`${docs}/deep/er`, { recursive: true })
    const kept = touched(docs)
    await box.ok(['restore', 'latest', '--in-place'])
    expect(listing(docs)).toEqual(before)
    expect(readFileSync(`${home}/beside`, 'utf8')).toBe('not backed up\n')
    const after = touched(docs)
    for (const path of ['a.txt', 'link', 'pictures/x1.png']) {
      expect(after.get(path), path).toBe(first.get(path))
      expect(kept.get(path), path).toBe(first.get(path))
    }
    await box.ok(['backup', docs])
    const run = await box.summary(['restore', `latest:${docs}`, '--in-place'])
    expect(run).toMatchObject({ files_restored: 0, bytes_restored: 0 })
    expect(await box.summary(['backup', docs])).toMatchObject({
      bytes_read: 0,
      files_changed: 0,
      files_new: 0,
    })
  })

  it('deletes what the snapshot does not have, within the sources alone', async () => {
    await box.ok(['restore', 'latest', '--target', target])
    writeTree(target, {
      'top level': 'x',
      [`${docs}/extra`]: 'x',
      [`${docs}/deep/more/below`]: 'x',
      [`${home}/beside`]: 'x',
    })
    const dry = await box.ok(['restore', 'latest', '--target', target, '--delete', '--dry-run', '-v'])
    expect(dry.stdout).toContain(`delete     ${docs}/extra\n`)
    expect(dry.stdout).not.toContain('beside')
    expect(existsSync(`${target}${docs}/extra`)).toBe(true)
    const summary = await box.summary(['restore', 'latest', '--target', target, '--delete'])
    expect(summary.files_deleted).toBe(2)
    expect(rsyncDifferences(docs, `${target}${docs}`)).toEqual([])
    expect(readFileSync(`${target}/top level`, 'utf8')).toBe('x')
    expect(readFileSync(`${target}${home}/beside`, 'utf8')).toBe('x')
  })

  it('deletes nothing beside the paths that were asked for', async () => {
    await box.ok(['restore', 'latest', '--target', target])
    writeTree(target, { [`${docs}/extra`]: 'x', [`${docs}/pictures/extra`]: 'x' })
    await box.ok(['restore', 'latest', `${docs}/pictures`, '--target', target, '--delete'])
    expect(existsSync(`${target}${docs}/extra`)).toBe(true)
    expect(existsSync(`${target}${docs}/pictures/extra`)).toBe(false)
  })

  it('changes nothing with --dry-run, and says what it would do', async () => {
    const nothing = await box.ok(['restore', 'latest', '--target', target, '--dry-run', '-v'])
    expect(existsSync(target)).toBe(false)
    expect(nothing.stdout).toContain(`create     ${docs}/a.txt\n`)
    await box.ok(['restore', 'latest', '--target', target])
    writeFileSync(`${target}${docs}/a.txt`, 'other')
    const before = listing(target)
    const marks = touched(target)
    const run = await box.ok(['restore', 'latest', '--target', target, '--dry-run', '-v'])
    expect(run.stdout).toMatch(
      /^replace {4}\S+\/docs\/a\.txt\ndry run, nothing was written: 1 entry would be restored, /,
    )
    const all = await box.ok(['restore', 'latest', '--target', target, '--dry-run', '-vv'])
    expect(all.stdout).toContain(`replace    ${docs}/a.txt\n`)
    expect(all.stdout).toContain(`unchanged  ${docs}/b.log\n`)
    expect(listing(target)).toEqual(before)
    expect(touched(target)).toEqual(marks)
  })

  it('obeys the overwrite policies', async () => {
    const reset = (): void => {
      writeTree(`${target}${docs}`, {
        'a.txt': 'newer',
        'b.log': 'older',
        'pictures/x1.png': seededBytes(50_000, 77),
      })
      utimesSync(`${target}${docs}/b.log`, 1000, 1000)
      const { mtimeNs } = statNs(`${docs}/pictures/x1.png`)
      const seconds = Number(mtimeNs / 1_000_000_000n)
      utimesSync(`${target}${docs}/pictures/x1.png`, seconds, seconds)
    }
    const restore = async (policy: string): Promise<string[]> => {
      reset()
      await box.ok(['restore', 'latest', '--target', target, '--overwrite', policy])
      return ['a.txt', 'b.log', 'deep/er/c.txt'].filter((name) =>
        readFileSync(`${target}${docs}/${name}`).equals(readFileSync(`${docs}/${name}`)),
      )
    }
    expect(await restore('never')).toEqual(['deep/er/c.txt'])
    expect(await restore('if-newer')).toEqual(['b.log', 'deep/er/c.txt'])
    expect(await restore('if-changed')).toEqual(['a.txt', 'b.log', 'deep/er/c.txt'])
    expect(await restore('always')).toEqual(['a.txt', 'b.log', 'deep/er/c.txt'])
    await box.expect(2, ['restore', '--overwrite', 'sometimes', '--target', target])
  })

  it('replaces what is of another kind, but a directory with something in it only with --delete', async () => {
    writeTree(target, { deep: 'a file where a directory was', 'a.txt/inside': 'x', 'link/inside': 'x' })
    mkdirSync(`${target}/b.log`)
    const args = ['restore', `latest:${docs}`, '--target', target]
    const untouched = listing(target)
    for (const n of [['-n'], []]) {
      if (n.length > 0) expect(listing(target)).toEqual(untouched)
      const run = await box.expect(3, [...args, ...n])
      expect(run.stderr).toContain(
        `failed: ${docs}/a.txt: a directory stands where the snapshot has a file: it is not empty, and only --delete removes what is in it\n`,
      )
      expect(run.stderr.match(/a\.txt/g)).toHaveLength(1)
      expect(run.stderr).toContain('snap: 2 entries could not be restored\n')
      expect(run.stderr).not.toContain('snap verify')
    }
    const stays = differencesBelow(docs, target).filter((line) => !line.startsWith('*deleting'))
    expect(stays.map((line) => line.split(' ')[1])).toEqual(['a.txt', 'link'])
    expect(existsSync(`${target}/link/inside`)).toBe(true)
    const dry = await box.ok([...args, '--delete', '-n', '-v'])
    expect(dry.stdout).toBe(
      `${['a.txt', 'link'].map((name) => `delete     ${docs}/${name}/inside\nreplace    ${docs}/${name}\n`).join('')}dry run, nothing was written: 2 entries would be restored, 6 entries already there, 2 entries would be deleted\n`,
    )
    expect(await box.summary([...args, '--delete'])).toMatchObject({ files_restored: 2, files_deleted: 2 })
    expect(differencesBelow(docs, target)).toEqual([])
  })

  it('names what --overwrite never leaves, and takes nothing away', async () => {
    writeTree(target, { deep: 'precious' })
    const args = ['restore', `latest:${docs}`, '--target', target, '--overwrite', 'never']
    const reason = `${docs}/deep: a file stands where the snapshot has a directory: --overwrite never leaves it, and nothing below it is restored\n`
    const dry = await box.expect(3, [...args, '-n', '-v'])
    expect(dry.stderr).toContain(`failed: ${reason}`)
    expect(dry.stdout).not.toContain('deep')
    const run = await box.expect(3, args)
    expect(run.stderr).toContain(`failed: ${reason}`)
    expect(run.stdout).toContain('5 entries restored, 1 entry failed\n')
    expect(run.stdout).toMatch(/\nwhat could be restored of snapshot .* is in /)
    expect(readFileSync(`${target}/deep`, 'utf8')).toBe('precious')
    rmSync(`${target}/pictures`, { recursive: true })
    symlinkSync('.', `${target}/pictures`)
    const links = await box.expect(3, [...args, '--json'])
    const failures = jsonLines(links).filter((line) => line.message_type === 'error')
    expect(failures.map(({ path, code }) => `${path} ${code}`)).toEqual([
      `${docs}/deep TARGET_OCCUPIED`,
      `${docs}/pictures TARGET_OCCUPIED`,
    ])
    const replaced = await box.ok(['restore', `latest:${docs}`, '--target', target, '-n', '-v'])
    expect(replaced.stdout).toContain(`replace    ${docs}/pictures\ncreate     ${docs}/pictures/x1.png\n`)
  })

  it('is not said to be in place where nothing is', async () => {
    writeTree(target, { [docs.slice(1)]: 'a file' })
    const run = await box.expect(3, ['restore', 'latest', '--target', target, '--overwrite', 'never'])
    expect(run.stdout).toMatch(
      /^0 entries restored, 1 entry failed\n[^\n]+\nno entry of snapshot \S+ could be restored\n$/,
    )
    expect(run.stderr).toContain('snap: 1 entry could not be restored\n')
  })

  it('never deletes the repository, its cache or the way to them', async () => {
    const user = own.path('home')
    const env = { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }
    writeTree(user, { 'docs/a': 'a\n' })
    await own.ok(['backup', user], { env })
    writeTree(user, { extra: 'x' })
    await own.ok(['restore', 'latest', '--in-place', '--delete'], { env })
    expect(existsSync(`${user}/extra`)).toBe(false)
    expect(existsSync(own.path('home'))).toBe(true)
    expect((await own.snapshots([], { env })).length).toBe(1)
    expect(summaryOf(await own.ok(['verify', '--data', '--json'], { env })).damaged_objects).toBe(0)
  })
})

it('prints JSON that programs can read', async () => {
  const lines = jsonLines(await box.ok(['restore', 'latest', '--target', target, '--json']))
  expect(lines.at(-1)).toMatchObject({ message_type: 'summary', target, files_failed: 0 })
  const status = lines.findLast(({ message_type }) => message_type === 'status')
  expect(status).toMatchObject({ percent_done: 1, files_done: status.total_files })
})

it('lists what would change in JSON too', async () => {
  await box.ok(['restore', `latest:${docs}`, '--target', target])
  writeTree(target, { 'a.txt': 'changed', extra: 'x' })
  rmSync(`${target}/pictures`, { recursive: true })
  const args = ['restore', `latest:${docs}`, '--target', target, '--delete', '-n', '--json']
  const listed = async (verbosity: string): Promise<object[]> =>
    jsonLines(await box.ok([...args, verbosity])).filter((line) => line.message_type === 'verbose_status')
  const changes = [
    { action: 'deleted', item: `${docs}/extra` },
    { action: 'updated', item: `${docs}/a.txt`, size: 2 },
    { action: 'restored', item: `${docs}/pictures` },
    { action: 'restored', item: `${docs}/pictures/x1.png`, size: 50_000 },
    { action: 'restored', item: `${docs}/pictures/x2.png`, size: 50_000 },
  ]
  expect(await listed('-v')).toEqual(changes.map((line) => ({ message_type: 'verbose_status', ...line })))
  const all = await listed('-vv')
  expect(all).toHaveLength(changes.length + 5)
  expect(all).toContainEqual({
    message_type: 'verbose_status',
    action: 'unchanged',
    item: `${docs}/b.log`,
    size: 2,
  })
})
