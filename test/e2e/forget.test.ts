import { cpSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, jsonLines, Sandbox } from '../support/snap.ts'
import { writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')
const UNDO =
  '`snap forget --undo` brings them back; `snap prune` frees their space 14d from now, and then they are gone'

const backup = (time: string, ...more: string[]): Promise<unknown> =>
  box.ok(['backup', docs, '--host', 'main', '--time', time, ...more])
const ids = async (...args: string[]): Promise<string[]> =>
  (await box.snapshots(args)).map(({ short_id }: Json) => short_id)
const json = async (...args: string[]): Promise<Json> =>
  JSON.parse((await box.ok([...args, '--json'])).stdout)

/** In the order of their times. */
let all: string[]

beforeAll(async () => {
  writeTree(docs, { 'a.txt': 'a' })
  await box.init()
  await backup('2025-06-01T12:00:00Z', '--label', 'full')
  await backup('2025-06-02T08:00:00Z')
  await backup('2025-06-02T22:30:00Z', '--tag', 'one,two')
  await backup('2025-06-03T12:00:00Z')
  await box.ok(['backup', docs, '--host', 'other', '--time', '2025-06-01T00:00:00Z'])
  const other = (await ids('--host', 'other'))[0]
  all = (await ids()).filter((id) => id !== other)
})

describe('forget', () => {
  it('refuses what it cannot understand, and forgets nothing', async () => {
    const before = await ids()
    const refused: [string[], string][] = [
      [[], 'neither snapshots nor a policy'],
      [['latest', '--keep-last', '1'], 'snapshots and a policy'],
      [['--keep-last', '0'], 'does not say what to keep'],
      [['--min-count', '3'], 'does not say what to keep'],
      [['--min-count', '3', '--max-count', '2'], '--min-count 3 is more than --max-count 2'],
      [['--keep-last', 'x'], 'is not a count'],
      [['--keep-within', '5q'], 'is not a span'],
      [['--keep-label', 'full'], 'label'],
      [['--keep-label', 'a=1d', '--keep-label', 'a=2d'], 'twice'],
      [['--keep-last', '1', '--timezone', 'Middle/Earth'], 'Middle/Earth'],
      [['--keep-last', '1', '--group-by', 'colour'], 'colour'],
      [['--keep-last', '1', '--even-last'], '--even-last'],
      [['--keep-last', '1', '--host', ''], 'empty'],
      [['latest', '--timezone', 'UTC'], '--timezone'],
      [['--undo', '--keep-last', '1'], '--undo'],
      [['--undo', '--dry-run'], '--undo'],
      [['--undo', '--prune'], '--undo'],
      [['--undo', 'latest'], 'latest'],
    ]
    for (const [args, words] of refused) {
      const { stderr } = await box.expect(2, ['forget', ...args])
      expect(stderr).toContain(words)
      expect(stderr).toMatch(/^snap: .*(\nhint: .*)?\n$/)
    }
    expect(await ids()).toEqual(before)
  })

  it('shows what a policy would do, in the days of a zone', async () => {
    const [full, , , newest] = all
    const dry = ['forget', '--dry-run', '--host', 'main', '--keep-daily', '2']
    const { stdout } = await box.ok([...dry, '--timezone', 'UTC'])
    expect(stdout.split('\n')).toEqual([
      `main: ${docs}`,
      '        id        time                 label  tags     kept by',
      `remove  ${full}  2025-06-01 12:00:00  full`,
      `remove  ${all[1]}  2025-06-02 08:00:00`,
      `keep    ${all[2]}  2025-06-02 22:30:00         one,two  daily snapshot`,
      expect.stringContaining(
        `keep    ${newest}  2025-06-03 12:00:00                  daily snapshot, newest complete`,
      ),
      '',
      'would forget 2 snapshots, and keep 2',
      expect.stringMatching(/^pruning would then free \d+(\.\d)? (B|KiB)$/),
      '',
    ])
    const berlin = await json(...dry, '--timezone', 'Europe/Berlin')
    expect(berlin[0].keep.map(({ short_id }: Json) => short_id)).toEqual([newest, all[1]])
    expect(await ids('--host', 'main')).toEqual(all)
  })

  it('warns of a label and of tags that no snapshot has', async () => {
    const policy = [
      '--keep-label',
      'ful=30d',
      '--keep-label',
      'full=30d',
      '--keep-tag',
      'one,three',
      '--keep-tag',
      'one',
    ]
    const { stderr } = await box.ok(['forget', '--dry-run', ...policy])
    expect(stderr.split('\n')).toEqual([
      'warning: --keep-label keeps nothing: no snapshot has the label ful',
      'warning: --keep-tag keeps nothing: no snapshot has the tags one,three',
      '',
    ])
  })

  it('neither offers an undo of what it prunes at once, nor says in advance what that frees, and knows it afterwards', async () => {
    const repo = box.path('pruned')
    const on = ['--repo', repo, '--key-file', box.path('pruned.key')]
    await box.ok(['init', ...on])
    await box.ok(['backup', docs, ...on])
    await box.ok(['backup', docs, ...on])
    const forget = ['forget', '--keep-last', '1', '--prune', ...on]
    const { stdout } = await box.ok([...forget, '--undelete-window', '0'])
    expect(stdout).toContain('1 snapshot forgotten, 1 kept\n1 forgotten snapshot gone for good')
    const gone = jsonLines(await box.ok(['audit', ...on, '--json'])).find(({ kind }) => kind === 'commit')
    for (const id of [gone.snapshot_id, gone.snapshot_id.slice(0, 8).toUpperCase()]) {
      const { stderr } = await box.expect(1, ['forget', '--undo', id, ...on])
      expect(stderr).toBe(
        `snap: snapshot ${gone.snapshot_id} was pruned: it cannot be had back\nhint: \`snap snapshots --forgotten\` lists what can.\n`,
      )
    }
    await box.ok(['backup', docs, ...on])
    const later = (await box.ok([...forget, '--undelete-window', '3d'])).stdout
    expect(later).toContain('frees their space 3d from now')
    expect(later).toContain('pruning will then free')
  })

  it('prints the groups of restic for programs', async () => {
    const [group, ...others] = await json(
      'forget',
      '-n',
      '--keep-last',
      '1',
      '--keep-tag',
      'one,two',
      '--host',
      'main',
    )
    expect(others).toEqual([])
    const snapshots = await box.snapshots(['--host', 'main'])
    expect(group).toEqual({
      tags: null,
      host: 'main',
      paths: [docs],
      keep: [snapshots[3], snapshots[2]],
      remove: [snapshots[1], snapshots[0]],
      prune_frees_bytes: expect.any(Number),
      reasons: [
        {
          snapshot: snapshots[3],
          matches: expect.arrayContaining(['last snapshot', 'newest complete snapshot']),
          counters: { last: 0 },
        },
        { snapshot: snapshots[2], matches: ['tag one,two'], counters: { last: 0 } },
      ],
    })
    const byLabel = await json('forget', '-n', '--keep-last', '1', '--group-by', 'label')
    expect(byLabel.map(({ label, host, paths }: Json) => [label, host, paths])).toEqual([
      ['full', '', null],
      [null, '', null],
    ])
  })

  it('refuses a filter that no snapshot passes, and says what there is', async () => {
    const asked = [
      [
        ['forget', '--keep-last', '3', '--host', 'mian'],
        /host mian; hosts are other, main|hosts are main, other/,
      ],
      [['forget', '--keep-last', '3', '--path', '/nowhere', '--prune'], /path \/nowhere; sources are /],
      [['forget', 'latest', '--tag', 'three'], /tag three; tags are one, two/],
      [['hold', 'latest', '--host', 'mian'], /host mian; hosts are /],
      [['unhold', 'latest', '--host', 'mian'], /host mian; hosts are /],
      [['tag', '--host', 'mian', '--add', 'x'], /host mian; hosts are /],
    ] as const
    for (const [args, words] of asked) {
      const { stdout, stderr } = await box.expect(1, args)
      expect([stdout, stderr]).toEqual(['', expect.stringMatching(words)])
      expect(stderr).toMatch(/^snap: no snapshot matches .*\nhint: Change --host, --path, --tag.*\n$/)
    }
  })

  it('forgets, lists what is forgotten, and brings it back', async () => {
    const { stdout } = await box.ok(['forget', '--keep-last', '2'])
    expect(stdout).toContain(`\n2 snapshots forgotten, 3 kept\n${UNDO}\n`)
    expect(await ids('--host', 'main')).toEqual(all.slice(2))
    const forgotten = await box.snapshots(['--forgotten'])
    expect(forgotten.map(({ short_id }: Json) => short_id)).toEqual(all.slice(0, 2))
    expect(forgotten[0].forgotten).toMatch(/^\d{4}-.*Z$/)
    expect((await box.ok(['snapshots', '--forgotten'])).stdout).toMatch(/size {2}forgotten\n/)
    const restore = await box.expect(1, ['restore', all[0]!, '--target', box.path('out')])
    expect(restore.stderr).toContain(
      `is forgotten\nhint: Bring it back first with \`snap forget --undo ${all[0]}\``,
    )
    expect((await box.ok(['forget', '--keep-last', '2'])).stdout).toMatch(
      /\n0 snapshots forgotten, 3 kept\n$/,
    )

    expect((await box.ok(['forget', '--undo'])).stdout.split('\n').sort()).toEqual(
      ['', ...all.slice(0, 2).map((id) => `brought back ${id} (main: ${docs})`)].sort(),
    )
    expect(await ids('--host', 'main')).toEqual(all)
    const again = await box.ok(['forget', '--undo'])
    expect(again.stdout).toBe('')
    expect(again.stderr).toMatch(/^nothing to bring back: none of them is forgotten; .*--forgotten/)
    await box.ok(['restore', all[0]!, '--target', box.path('out')])
  })

  it('forgets by id, never the last complete one of a series without being told', async () => {
    const last = (await ids('--host', 'other'))[0]!
    const refused = await box.expect(1, ['forget', last, '--json'])
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'SNAPSHOT_KEPT', code: 1 })
    expect(refused.stdout).toBe('')
    const dry = await box.ok(['forget', last, '--even-last', '-n'])
    expect(dry.stdout).toBe(`would forget ${last} (other: ${docs})\n`)
    const run = await box.ok(['forget', last, '--even-last'])
    expect(run.stdout).toBe(`forgot ${last} (other: ${docs})\n${UNDO}\n`)
    const twice = await box.ok(['forget', last])
    expect([twice.stdout, twice.stderr]).toEqual(['', '1 snapshot forgotten already\n'])
    const back = jsonLines(await box.ok(['forget', '--undo', last, '--json']))
    expect(back).toEqual([
      { message_type: 'unforgotten', snapshots: [expect.stringMatching(`^${last}`)], pruned: [] },
    ])
    const unknown = await box.expect(1, ['forget', '--undo', 'ffffffffffff'])
    expect(unknown.stderr).toContain('no snapshot has the id')
  })

  it('says nothing with --quiet', async () => {
    const { stdout, stderr } = await box.ok(['forget', '-q', '--keep-last', '1', '--host', 'main'])
    expect([stdout, stderr]).toEqual(['', ''])
    expect(await ids('--host', 'main')).toEqual(all.slice(3))
    expect((await box.ok(['forget', '--undo', '-q'])).stdout).toBe('')
    expect(await ids('--host', 'main')).toEqual(all)
  })
})

describe('hold', () => {
  it('keeps a snapshot from every policy and id until it is let go', async () => {
    const [first] = all
    expect((await box.ok(['hold', first!])).stdout).toBe(`holding ${first} (main: ${docs})\n`)
    const listed = await box.ok(['snapshots', '--host', 'main'])
    expect(listed.stdout).toContain(`${first}* `)
    expect(listed.stdout).toContain('* held')
    expect((await box.snapshots(['--host', 'main'])).map(({ held }: Json) => held)).toEqual([
      true,
      false,
      false,
      false,
    ])
    const refused = await box.expect(1, ['forget', first!])
    expect(refused.stderr).toContain(`hint: \`snap unhold ${first}\``)
    const [group] = await json('forget', '-n', '--max-count', '1', '--host', 'main')
    expect(group.reasons.at(-1).matches).toContain('held')
    const again = await box.ok(['hold', first!])
    expect([again.stdout, again.stderr]).toEqual(['', '1 snapshot held already\n'])
    expect(jsonLines(await box.ok(['unhold', first!, '--json']))).toEqual([
      { message_type: 'unheld', snapshots: [expect.stringMatching(`^${first}`)] },
    ])
    await box.ok(['hold', 'latest', '--host', 'other', '-q'])
    expect((await box.snapshots(['--host', 'other']))[0].held).toBe(true)
    await box.ok(['unhold', 'latest', '--host', 'other', '-q'])
  })

  it('refuses a forgotten one, and names the way back', async () => {
    const [first] = all
    await box.ok(['forget', first!])
    for (const command of [['hold'], ['unhold'], ['tag', '--add', 'x']]) {
      const { stderr } = await box.expect(2, [...command, first!])
      expect(stderr).toContain(`hint: Bring it back first with \`snap forget --undo ${first}\``)
    }
    await box.ok(['forget', '--undo'])
  })
})

describe('tag', () => {
  it('changes tags of named snapshots, or of all that pass the filters', async () => {
    const tags = async (): Promise<string[]> =>
      (await box.snapshots(['--host', 'main'])).map((snapshot: Json) => snapshot.tags.join(','))
    const one = await box.ok(['tag', all[0]!, '--add', 'x,y', '--add', 'z'])
    expect(one.stdout).toBe(`${all[0]}  x,y,z\n1 snapshot changed of 1\n`)
    const lines = jsonLines(
      await box.ok(['tag', '--host', 'main', '--remove', 'x,one', '--add', 'w', '--json']),
    )
    expect(lines.at(-1)).toEqual({ message_type: 'summary', changed_snapshots: 4 })
    expect(lines[0]).toMatchObject({ message_type: 'changed', tags: ['y', 'z', 'w'] })
    expect(await tags()).toEqual(['y,z,w', 'w', 'two,w', 'w'])
    expect((await box.ok(['tag', '--tag', 'y', '--set', ''])).stdout).toContain('no tags\n')
    expect(await tags()).toEqual(['', 'w', 'two,w', 'w'])
    expect((await box.ok(['tag', '--tag', 'w', '--add', 'w'])).stdout).toBe('0 snapshots changed of 3\n')
    for (const args of [[], ['--add', 'a', '--set', 'b'], ['--add', ''], ['--add', 'a', '--host', '']]) {
      await box.expect(2, ['tag', ...args])
    }
  })
})

describe('a key that is no admin', () => {
  it('is told so before anything is written', async () => {
    const repo = box.path('golden')
    const golden = new URL('../golden/', import.meta.url).pathname
    cpSync(`${golden}v1`, repo, { recursive: true })
    const facts = JSON.parse(readFileSync(`${golden}v1.json`, 'utf8'))
    const { id } = facts.snapshots.find((snapshot: Json) => !snapshot.forgotten && !snapshot.held)
    for (const role of ['reader', 'writer']) {
      const as = ['--repo', repo, '--key-file', `${golden}v1.${role}.key`]
      for (const command of [
        ['forget', '--keep-last', '1'],
        ['forget', id],
        ['forget', '--undo'],
        ['hold', id],
        ['unhold', id],
        ['tag', id, '--add', 'x'],
      ]) {
        const { stderr } = await box.expect(12, [...command, ...as])
        expect(stderr).toMatch(
          new RegExp(`^snap: a ${role} cannot .*\nhint: Use the key of an admin.\n$`, 'm'),
        )
      }
    }
    const admin = ['--repo', repo, '--key-file', `${golden}v1.admin.key`]
    expect((await box.ok(['hold', id, ...admin])).stdout).toContain('holding')
  })
})
