import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { isRoot, jsonLines, Sandbox } from '../support/snap.ts'
import {
  bytesBelow,
  filesBelow,
  overwrite,
  rsyncDifferences,
  seededBytes,
  seededText,
  writeLarge,
  writeTree,
} from '../support/tree.ts'

const MIB = 1_048_576

describe('the second backup', () => {
  const box = new Sandbox()
  const docs = box.path('data', 'docs')

  beforeAll(async () => {
    writeTree(docs, {
      'a.txt': seededText(50_000, 1),
      'deep/b.bin': seededBytes(500_000, 2),
      empty: '',
      'deep/c': 'same',
    })
    writeLarge(`${docs}/large.sql`, 70 * MIB, 3, 'text')
    await box.init()
    await box.ok(['backup', docs])
  })

  const restoredIsSame = async (): Promise<void> => {
    const target = box.path('check')
    await box.ok(['restore', `latest:${docs}`, '--target', target, '--delete'])
    expect(rsyncDifferences(docs, target).filter((line) => !line.endsWith(' ./'))).toEqual([])
  }

  it('of an unchanged directory reads nothing and stores nothing', async () => {
    const summary = await box.summary(['backup', docs])
    expect(summary).toMatchObject({ files_new: 0, files_changed: 0, files_unmodified: 5, bytes_read: 0 })
    expect(summary).toMatchObject({ data_blobs: 0, dirs_new: 0 })
  })

  it('finds an edit that kept size and mtime through ctime', async () => {
    const path = `${docs}/deep/c`
    execFileSync('cp', ['-p', path, box.path('reference')])
    writeFileSync(path, 'else')
    execFileSync('touch', ['-r', box.path('reference'), path])
    const summary = await box.summary(['backup', docs])
    expect(summary).toMatchObject({ files_changed: 1, files_unmodified: 4, bytes_read: 4 })
    await restoredIsSame()
  })

  it('stores a new mode without storing the content again', async () => {
    chmodSync(`${docs}/a.txt`, 0o600)
    const summary = await box.summary(['backup', docs])
    expect(summary).toMatchObject({ files_changed: 1, data_blobs: 0 })
    await restoredIsSame()
  })

  it('stores little for one byte changed, or some inserted, in a large file', async () => {
    overwrite(`${docs}/large.sql`, 33 * MIB + 17, Buffer.from([0]))
    const before = bytesBelow(`${box.repository}/packs`)
    const changed = await box.summary(['backup', docs])
    expect(changed.bytes_read).toBe(70 * MIB)
    expect(changed.data_added_packed).toBeLessThan(200_000)
    expect(bytesBelow(`${box.repository}/packs`) - before).toBeLessThan(200_000)
    const content = readFileSync(`${docs}/large.sql`)
    writeFileSync(
      `${docs}/large.sql`,
      Buffer.concat([content.subarray(0, MIB), Buffer.from('inserted'), content.subarray(MIB)]),
    )
    const inserted = await box.summary(['backup', docs])
    expect(inserted.data_added_packed).toBeLessThan(400_000)
    await restoredIsSame()
  })

  it('rereads everything with --full, and stores nothing of it again', async () => {
    const summary = await box.summary(['backup', docs, '--full'])
    expect(summary.bytes_read).toBe(summary.total_bytes_processed)
    expect(summary).toMatchObject({ data_blobs: 0, files_changed: 0, files_unmodified: 5 })
  })

  it('knows everything again when the manifest has gone', async () => {
    execFileSync('rm', ['-rf', box.cache])
    const summary = await box.summary(['backup', docs])
    expect(summary.data_blobs).toBe(0)
    execFileSync('rm', ['-rf', box.cache])
    expect((await box.snapshots()).length).toBeGreaterThan(5)
    execFileSync('rm', ['-rf', box.cache])
    await restoredIsSame()
    execFileSync('rm', ['-rf', box.cache])
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
  })

  it('saves the same content under another path without storing it', async () => {
    execFileSync('cp', ['-r', docs, box.path('data', 'copy')])
    const summary = await box.summary(['backup', box.path('data', 'copy')])
    expect(summary).toMatchObject({ files_new: 5, data_blobs: 0 })
  })

  it('takes a file that shrank to nothing, grew from nothing, or became a directory', async () => {
    truncateSync(`${docs}/a.txt`, 0)
    writeFileSync(`${docs}/empty`, 'no more')
    execFileSync('rm', [`${docs}/deep/c`])
    writeTree(`${docs}/deep/c`, { inside: 'x' })
    await box.ok(['backup', docs])
    await restoredIsSame()
  })
})

describe('what a backup leaves out', () => {
  const box = new Sandbox()
  const root = box.path('data', 'project')
  let run = 0

  beforeAll(async () => {
    writeTree(root, {
      'main.c': 'int main;',
      'main.o': 'object',
      'build/out.o': 'x',
      'build/keep/me.c': 'x',
      'docs/build/page': 'x',
      'cache/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55\n# tag',
      'cache/data': 'x',
      'no cache/CACHEDIR.TAG': 'nothing of the kind',
      'big.iso': seededBytes(300_000, 5),
      'logs/a.log': 'x',
      'logs/important.log': 'x',
      'logs/deep/b.log': 'x',
    })
    await box.init()
  })

  const names = async (...args: string[]): Promise<string[]> => {
    await box.ok(['backup', root, ...args])
    const target = box.path(`target ${++run}`)
    await box.ok(['restore', `latest:${root}`, '--target', target])
    return filesBelow(target).map((path) => path.slice(target.length + 1))
  }

  it('follows --exclude, also more than one and with a slash', async () => {
    const all = await names()
    expect(all).toHaveLength(12)
    expect(await names('--exclude', '*.o', '-e', '/build/keep')).toEqual(
      all.filter((name) => !name.endsWith('.o') && !name.startsWith('build/keep')),
    )
    expect(await names('--exclude', '/build/')).toEqual(all.filter((name) => !name.startsWith('build/')))
    expect(await names('--exclude', 'build')).toEqual(all.filter((name) => !name.includes('build/')))
  })

  it('says how a pattern is written that names the whole path', async () => {
    const run = await box.ok(['backup', root, '-q', '--exclude', `${root}/build/keep`])
    expect(run.stderr).toContain(`to leave out ${root}/build/keep, write /build/keep`)
  })

  it('follows --exclude-file', async () => {
    const file = box.path('patterns')
    writeFileSync(file, '# a comment\n\n*.log\n!important.log\n')
    const found = await names('--exclude-file', file)
    expect(found.filter((name) => name.endsWith('.log'))).toEqual(['logs/important.log'])
    const missing = await box.expect(2, ['backup', root, '--exclude-file', box.path('nothing')])
    expect(missing.stderr).toContain('nothing')
  })

  it('follows .snapignore files, with negation, unless told not to', async () => {
    writeTree(root, { 'logs/.snapignore': '*.log\n!important.log\n', 'docs/.snapignore': 'build/\n' })
    const found = await names()
    expect(found.filter((name) => name.startsWith('logs/'))).toEqual([
      'logs/.snapignore',
      'logs/important.log',
    ])
    expect(found).not.toContain('docs/build/page')
    expect(found).toContain('build/out.o')
    expect(await names('--no-ignore-files')).toContain('logs/deep/b.log')
    execFileSync('rm', [`${root}/logs/.snapignore`, `${root}/docs/.snapignore`])
  })

  it('takes no time over patterns that somebody made to take it, and says which ignore file is too large', async () => {
    const deep = `hostile/${'a/'.repeat(60)}x`
    writeTree(root, {
      [deep]: 'kept',
      'hostile/.snapignore': `${'**/a/'.repeat(25)}zz\n${'*a'.repeat(100)}b\n${'a'.repeat(60_000)}\nleft\n`,
      [`hostile/${'a'.repeat(250)}`]: '',
      'hostile/left': '',
      'large/.snapignore': '# \n'.repeat(400_000),
    })
    const run = await box.expect(3, ['backup', root])
    expect(run.stderr).toContain('large/.snapignore: an ignore file above 1 MiB is not read')
    expect(run.stderr).not.toContain('hostile')
    const { stdout } = await box.ok(['find', '*', '--json'])
    expect(stdout).toContain(`${deep}"`)
    expect(stdout).not.toContain('hostile/left"')
    execFileSync('rm', ['-r', `${root}/hostile`, `${root}/large`])
  })

  it('follows --exclude-caches and --exclude-larger-than', async () => {
    const found = await names('--exclude-caches', '--exclude-larger-than', '100k')
    expect(found).not.toContain('big.iso')
    expect(found).not.toContain('cache/data')
    expect(found).toContain('no cache/CACHEDIR.TAG')
  })

  it('says with --dry-run -v what and why, and stores nothing', async () => {
    const before = filesBelow(box.repository)
    const snapshots = await box.snapshots()
    const result = await box.ok([
      'backup',
      root,
      '--dry-run',
      '-v',
      '--exclude',
      '*.o',
      '--exclude-larger-than',
      '100k',
    ])
    expect(result.stdout).toMatch(new RegExp(`^excluded +${root}/main\\.o \\(.+\\)$`, 'm'))
    expect(result.stdout).toMatch(new RegExp(`^excluded +${root}/big\\.iso \\(.*larger.*\\)$`, 'm'))
    expect(result.stdout).toMatch(/nothing was stored/)
    expect(filesBelow(box.repository)).toEqual(before)
    expect(await box.snapshots()).toEqual(snapshots)
  })

  it('leaves out the repository and its cache, where they lie inside the source', async () => {
    const inside = { SNAP_REPOSITORY: `${root}/backups/repo`, SNAP_CACHE_DIR: `${root}/backups/cache` }
    await box.ok(['init'], { env: { ...inside, SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'inside' } })
    const env = { ...inside, SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'inside' }
    await box.ok(['backup', root], { env })
    const target = box.path('from inside')
    await box.ok(['restore', `latest:${root}`, '--target', target], { env })
    expect(filesBelow(target).some((path) => path.includes('backups/'))).toBe(false)
    expect(existsSync(`${target}/main.c`)).toBe(true)
    const own = await box.expect(1, ['backup', `${root}/backups/repo/packs`], { env })
    expect(own.stderr).toMatch(/belongs to the repository/)
    execFileSync('rm', ['-r', `${root}/backups`])
  })

  describe.runIf(isRoot)('on several file systems', () => {
    const mounted = `${root}/mounted`

    beforeAll(() => {
      mkdirSync(mounted)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted])
      writeFileSync(`${mounted}/elsewhere`, 'x')
    })

    afterAll(() => {
      execFileSync('umount', ['-l', mounted])
    })

    it('stays on one with --one-file-system, and enters the others without', async () => {
      expect(await names()).toContain('mounted/elsewhere')
      expect(await names('--one-file-system')).not.toContain('mounted/elsewhere')
    })

    it('keeps the empty directory where another is mounted, with its mode', async () => {
      chmodSync(mounted, 0o751)
      await box.ok(['backup', root, '-x'])
      const target = box.path('without the mount')
      await box.ok(['restore', `latest:${root}`, '--target', target])
      expect(readdirSync(`${target}/mounted`)).toEqual([])
      expect(statSync(`${target}/mounted`).mode & 0o777).toBe(0o751)
    })

    it('leaves what is on others alone in a restore with --delete, unless it was saved', async () => {
      const restored = ['restore', `latest:${root}`, '--target', root, '--delete']
      await box.ok(['backup', root, '-x'])
      writeFileSync(`${root}/extra`, 'x')
      await box.ok([...restored, '--dry-run'])
      await box.ok(restored)
      expect(existsSync(`${root}/extra`)).toBe(false)
      expect(existsSync(`${mounted}/elsewhere`)).toBe(true)
      await box.ok(['backup', root])
      writeFileSync(`${mounted}/extra`, 'x')
      await box.ok(restored)
      expect(readdirSync(mounted)).toEqual(['elsewhere'])
    })

    it('leaves what a mount of the same file system leads to alone in a restore with --delete', async () => {
      const [own, precious, target] = ['own', 'precious', 'bound'].map((name) => box.path(name))
      for (const path of [own!, precious!]) {
        mkdirSync(path)
        writeFileSync(`${path}/file`, 'x')
      }
      await box.ok(['backup', own!])
      await box.ok(['restore', `latest:${own}`, '--target', target!])
      const point = `${target}/extra/deeper`
      mkdirSync(point, { recursive: true })
      writeFileSync(`${target}/other`, 'x')
      execFileSync('mount', ['--bind', precious!, point])
      onTestFinished(() => void execFileSync('umount', ['-l', point]))
      const run = await box.expect(3, ['restore', `latest:${own}`, '--target', target!, '--delete'])
      expect(run.stderr).toContain(`something is mounted at ${point}`)
      expect(readdirSync(precious!)).toEqual(['file'])
      expect(existsSync(`${target}/other`)).toBe(false)
    })

    it('takes the root of a source although it is a mount', async () => {
      await box.ok(['backup', mounted, '-x'])
      const target = box.path('of the mount')
      await box.ok(['restore', `latest:${mounted}`, '--target', target])
      expect(filesBelow(target)).toEqual([`${target}/elsewhere`])
    })
  })
})

describe('a source', () => {
  const box = new Sandbox()
  const docs = box.path('docs')

  beforeAll(async () => {
    writeTree(docs, { a: 'first', 'deep/b': 'second' })
    symlinkSync('docs', box.path('link'))
    symlinkSync('docs/a', box.path('file link'))
    symlinkSync('nowhere', box.path('broken'))
    execFileSync('mkfifo', [box.path('pipe')])
    await box.init()
  })

  it('that is a link saves the link, and says so and what to write instead', async () => {
    const run = await box.ok(['backup', 'link'])
    expect(run.stderr).toContain(`${box.path('link')} is a link to docs: the link alone is saved`)
    expect(run.stderr).toContain('for the directory that it leads to, write link/')
    expect(run.stdout).toMatch(/^others: +1 \(/m)
    expect((await box.ok(['backup', 'file link', '-q'])).stderr).toContain(`write ${docs}/a`)
    expect((await box.ok(['backup', 'broken', '-q'])).stderr).toContain('a link to nowhere')
    expect((await box.ok(['backup', '/dev/stdin', '-q'])).stderr).toContain('/dev/stdin is a')
    expect((await box.ok(['backup', 'pipe', '-q'])).stderr).toContain('is a FIFO')
  })

  it('that is a link followed by a slash is what the link leads to', async () => {
    for (const path of ['link/', 'link/.', 'link//']) {
      const run = await box.ok(['backup', path])
      expect(run.stderr).toContain(`what it leads to is saved, ${docs}`)
      expect(run.stdout).toMatch(/^2 files/m)
    }
    expect((await box.snapshots(['--path', docs])).length).toBe(3)
    expect((await box.ok(['backup', 'docs/'])).stderr).toBe('')
  })

  it('that does not exist keeps a series from being founded, and no known one from being continued', async () => {
    const other = box.path('other')
    const before = await box.snapshots()
    const run = await box.expect(1, ['backup', docs, other])
    expect(run.stderr).toMatch(/cannot read .*other: no such file or directory\nhint: Nothing was saved/)
    await box.expect(1, ['backup', docs, other, '--dry-run'])
    expect(await box.snapshots()).toEqual(before)
    writeTree(other, { c: 'third' })
    await box.ok(['backup', docs, other])
    execFileSync('rm', ['-r', other])
    const missing = await box.expect(3, ['backup', docs, other])
    expect(missing.stderr).toContain(`warning: ${other}: no such file or directory`)
    expect(missing.stdout).toMatch(/^2 files/m)
  })

  it('is compared with nothing by a dry run where there is no repository, and none is made', async () => {
    const env = { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }
    const before = filesBelow(box.path('home'))
    const run = await box.ok(['backup', docs, '-n'], { env })
    expect(run.stderr).toMatch(/there is no repository at .* yet/)
    expect(run.stdout).toMatch(/^files: +2 new, 0 changed, 0 unmodified$/m)
    expect(filesBelow(box.path('home'))).toEqual(before)
  })
})

describe('what a snapshot is filed under', () => {
  const box = new Sandbox()
  const docs = box.path('docs')

  beforeAll(async () => {
    writeTree(docs, { a: 'first' })
    await box.init()
  })

  const at = (args: string[]): Promise<string> => {
    const target = box.path('at')
    execFileSync('rm', ['-rf', target])
    return box
      .ok(['restore', '--target', target, ...args])
      .then(() => readFileSync(`${target}${docs}/a`, 'utf8'))
  }

  it('shows host, label, tags, time and user in the list', async () => {
    const args = [
      '--time',
      '2025-11-19T02:00:00Z',
      '--label',
      'monthly',
      '--tag',
      'x,y',
      '--tag',
      'z',
      '--host',
      'web1',
    ]
    const saved = await box.summary(['backup', docs, ...args])
    const [listed, ...others] = await box.snapshots()
    expect(others).toEqual([])
    expect(listed).toMatchObject({
      id: saved.snapshot_id,
      short_id: saved.snapshot_id.slice(0, 8),
      hostname: 'web1',
      label: 'monthly',
      tags: ['x', 'y', 'z'],
      paths: [docs],
      summary: { total_files_processed: 1 },
    })
    expect(Date.parse(listed.time)).toBe(Date.parse('2025-11-19T02:00:00Z'))
    const text = (await box.ok(['snapshots'])).stdout
    for (const word of ['web1', 'monthly', 'x,y,z', docs, '2025-11-19 02:00:00']) expect(text).toContain(word)
    expect(await box.snapshots(['--host', 'web2'])).toEqual([])
    expect(await box.snapshots(['--tag', 'y'])).toHaveLength(1)
  })

  it('gives back the state at a moment', async () => {
    writeFileSync(`${docs}/a`, 'second')
    await box.ok(['backup', docs, '--time', '2025-11-20T02:00:00Z', '--host', 'web1'])
    writeFileSync(`${docs}/a`, 'third')
    await box.ok(['backup', docs, '--time', '2025-11-21T02:00:00Z', '--host', 'web1'])
    expect(await at(['--at', '2025-11-19T02:00:00Z'])).toBe('first')
    expect(await at(['--at', '2025-11-20T01:59:59'])).toBe('first')
    expect(await at(['--at', '2025-11-20'])).toBe('second')
    expect(await at(['--at', '1 hour ago'])).toBe('third')
    const none = await box.expect(1, ['restore', '--at', '2025-11-18', '--target', box.path('none')])
    expect(none.stderr).toMatch(/hint: /)
    const run = await box.ok(['restore', '--at', '2025-11-20', '--target', box.path('at')])
    expect(run.stderr).toMatch(/2025-11-20 02:00:00/)
  })

  it('says which flags decide where several series match', async () => {
    writeFileSync(`${docs}/a`, 'of another host')
    await box.ok(['backup', docs, '--time', '2025-11-20T03:00:00Z', '--host', 'web2'])
    const run = await box.expect(1, [
      'restore',
      '--at',
      '2025-11-20T12:00',
      '--target',
      box.path('ambiguous'),
    ])
    expect(run.stderr).toMatch(/web1/)
    expect(run.stderr).toMatch(/web2/)
    expect(run.stderr).toMatch(/--host/)
    expect(await at(['--at', '2025-11-20T12:00', '--host', 'web2'])).toBe('of another host')
    expect(await at(['--at', '2025-11-20T12:00', '--host', 'web1'])).toBe('second')
    expect(await box.snapshots(['--at', '2025-11-20T12:00'])).toHaveLength(2)
  })
})

describe('the two commands of a newcomer', () => {
  const box = new Sandbox()
  const env = { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }

  it('make a repository and a key, and bring everything back', async () => {
    writeTree(box.path('docs'), { 'letter.txt': 'Dear reader', 'photos/1.jpg': seededBytes(100_000, 1) })
    const saved = await box.ok(['backup', 'docs'], { env })
    const repository = box.path('home/.local/share/snap/repository')
    const key = box.path('home/.config/snap/keys/default.key')
    expect(saved.stderr).toContain(repository)
    expect(saved.stderr).toContain(key)
    expect(saved.stderr).toMatch(/keep a copy of the key/)
    expect(statSync(key).mode & 0o777).toBe(0o600)
    for (const path of [repository, box.path('home/.config/snap/keys'), box.path('home/.cache/snap')]) {
      expect(statSync(path).mode & 0o777, path).toBe(0o700)
    }
    const back = await box.ok(['restore'], { env })
    const [name] = /restored-[0-9a-f]{8}/.exec(back.stdout) ?? ['']
    expect(rsyncDifferences(box.path('docs'), box.path(`${name}${box.path('docs')}`))).toEqual([])
    expect((await box.ok(['backup', 'docs'], { env })).stderr).not.toMatch(/made a repository/)
  })

  it('print restic-like lines for programs', async () => {
    const run = await box.ok(['backup', 'docs', '--json'], { env })
    const lines = jsonLines(run)
    expect(lines.at(-1)).toMatchObject({ message_type: 'summary', files_unmodified: 2 })
    expect(run.stderr).toBe('')
    expect((await box.ok(['backup', 'docs', '--quiet'], { env })).stdout).toBe('')
  })
})
