import { homedir } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { Config } from '../../../../src/jobs/config/config.ts'
import { configJsonSchema } from '../../../../src/jobs/config/json-schema.ts'
import { readConfig } from '../../../../src/jobs/config/read-config.ts'
import { starterConfig } from '../../../../src/jobs/config/starter.ts'
import { SnapError } from '../../../../src/model/errors.ts'

const FILE = '/etc/snap/snap.yaml'
const ENV = { SECRET: 'hunter2', WHERE: '/mnt/backup', EMPTY: '' }

const NO_HOOKS = { before: [], after: [], failed: [], finally: [] }

const read = (text: string) => readConfig({ file: FILE, text, env: ENV })
const config = (text: string): Config => read(text).config

/** Every problem, without the file's name. */
function problems(text: string): string[] {
  try {
    read(text)
  } catch (error) {
    if (!(error instanceof SnapError)) throw error
    return [error.message, ...error.also].map((line) => line.replace(`${FILE}:`, ''))
  }
  return []
}

const MINIMAL = `
repositories:
  local: { path: /srv/snap }
`
const withJobs = (jobs: string): string => `${MINIMAL}
sources:
  etc: { files: [/etc] }
categories:
  critical:
    settings: [etc]
jobs:
${jobs}`

describe('a configuration', () => {
  it('has repositories, sources, categories and jobs', () => {
    const { repositories, sources, categories, jobs } = config(`
repositories:
  local: { path: ./store, key-file: keys/local.key, cache-dir: ~/cache }
  other: { path: "\${WHERE}/snap", password: "file:secret" }
sources:
  home: { files: [~/, /srv/], exclude: ['*.tmp'] }
  shop: { command: [~/bin/dump, --all], as: shop.sql, env: { PW: "\${SECRET}" }, cwd: work, timeout: 1h30m }
categories:
  critical:
    money: [shop, '/srv/books/**/*.ods', ~/ledger/]
jobs:
  nightly:
    repository: other
    sources: [home]
    scope: [critical]
    exclude: [cache/]
    exclude-caches: true
    exclude-larger-than: 2G
    one-file-system: true
    ignore-files: false
    full: true
    compression: max
    label: incremental
    tags: [a]
    host: web1
    retention: { keep-last: 3, keep-daily: unlimited, keep-within: 1y6m, keep-tags: [gold], keep-labels: { full: 30 }, min-count: 2, max-count: 90, timezone: Europe/Berlin }
    after: { verify: data, copy: [{ to: local, retention: { keep-last: 9 }, prune: true }], prune: true }
`)
    expect(repositories.get('local')).toEqual({
      name: 'local',
      path: '/etc/snap/store',
      secret: { kind: 'key file', path: '/etc/snap/keys/local.key' },
      store: { login: undefined, region: undefined },
      cacheDirectory: `${homedir()}/cache`,
    })
    expect(repositories.get('other')).toMatchObject({
      path: '/mnt/backup/snap',
      secret: { kind: 'password file', path: '/etc/snap/secret' },
    })
    expect(sources.get('home')).toEqual({
      kind: 'files',
      name: 'home',
      paths: [homedir(), '/srv'],
      exclude: ['*.tmp'],
      hooks: NO_HOOKS,
    })
    expect(sources.get('shop')).toEqual({
      kind: 'command',
      name: 'shop',
      argv: [`${homedir()}/bin/dump`, '--all'],
      as: 'shop.sql',
      env: { PW: 'hunter2' },
      cwd: '/etc/snap/work',
      timeoutMs: 5_400_000,
      hooks: NO_HOOKS,
    })
    expect(categories.get('critical')?.get('money')).toEqual({
      globs: ['/srv/books/**/*.ods', `${homedir()}/ledger`],
      sources: ['shop'],
    })
    expect(jobs.get('nightly')).toMatchObject({
      repository: { name: 'other' },
      sources: ['home'],
      scope: ['critical'],
      largestFile: 2 * 1024 ** 3,
      compression: 'max',
      ignoreFiles: false,
      retention: {
        counts: { last: 3, daily: Number.POSITIVE_INFINITY },
        within: { years: 1, months: 6, days: 0, hours: 0 },
        tags: [['gold']],
        labelDays: new Map([['full', 30]]),
        minCount: 2,
        maxCount: 90,
        timeZone: 'Europe/Berlin',
      },
      after: {
        verify: 'data',
        copy: [{ to: { name: 'local' }, retention: { counts: { last: 9 } }, prune: true }],
        prune: true,
      },
    })
  })

  it('of one repository needs not say which', () => {
    expect(config(withJobs('  a: { sources: [etc] }')).jobs.get('a')?.repository.name).toBe('local')
  })

  it('is what `snap config init` writes', () => {
    const text = starterConfig({ repository: '/data/with "quotes"', keyFile: '/k' })
    const { repositories, jobs } = config(text)
    expect(repositories.get('local')?.path).toBe('/data/with "quotes"')
    expect([...jobs.keys()]).toEqual(['daily', 'weekly', 'monthly'])
  })

  it('is explained key by key in what `snap config init` writes', () => {
    const text = starterConfig({ repository: '/r', keyFile: '/k' })
    const keys = JSON.stringify(configJsonSchema()).matchAll(
      /"([a-z-]+)":\{"(?:description|type|anyOf|default|enum)/g,
    )
    const schema = new Set([...keys].map(([, key = '']) => key))
    for (const word of ['items', 'properties']) schema.delete(word)
    expect(schema.size).toBeGreaterThan(30)
    expect([...schema].filter((key) => !new RegExp(`(^|[\\s#{,])${key}[:,]`, 'm').test(text))).toEqual([])
  })

  describe('replaces variables', () => {
    const pathOf = (path: string): string | undefined =>
      config(`repositories: { a: { path: ${JSON.stringify(path)} } }`).repositories.get('a')?.path

    it.each([
      ['/x/${WHERE}/y', '/x/mnt/backup/y'],
      ['/x/$$/y', '/x/$/y'],
      ['/x/$${WHERE}', '/x/${WHERE}'],
      ['/x/$WHERE', '/x/$WHERE'],
      ['/x/${EMPTY}y', '/x/y'],
    ])('in %s', (text, expected) => expect(pathOf(text)).toBe(expected))

    it('and says which are not set', () => {
      expect(problems('repositories:\n  a:\n    path: /x/${NOWHERE}')).toEqual([
        '3:11: the variable NOWHERE is not set; for a dollar sign as it is, write $$',
      ])
      expect(problems('repositories:\n  a: { path: "/x/${1 + 1}" }')[0]).toContain('${1 + 1} is no variable')
    })

    it('of this process, and not what every object has', () => {
      expect(problems('repositories: { a: { path: "/x/${constructor}" } }')).toHaveLength(1)
    })
  })

  it.each<[string, string, string[]]>([
    ['nothing at all', '', ['1:1: repositories is missing']],
    ['no map', '- a', ['1:1: : expected keys with values, found a list']],
    [
      'no YAML',
      'repositories: {',
      ['1:16: Flow map in block collection must be sufficiently indented and end with a }'],
    ],
    ['a key twice', 'repositories: {}\nrepositories: {}', ['2:1: Map keys must be unique']],
    ['no repository', 'repositories: {}', ['1:15: repositories: expected at least one repository']],
    [
      'an unknown key',
      'repositories:\n  a:\n    path: /x\n    keyfile: y',
      ['4:5: repositories.a: there is no key "keyfile"; did you mean "key-file"?'],
    ],
    [
      'an unknown key that is like no other',
      'repositories:\n  a: { path: /x, colour: y }',
      [
        '2:18: repositories.a: there is no key "colour"; there are path, key-file, password, password-command, cache-dir, access-key, secret-key, region',
      ],
    ],
    [
      'a number for a password, which is not told',
      'repositories:\n  a:\n    path: /x\n    password: 123456',
      [
        '4:15: repositories.a.password: expected a text, found a number (a text that looks like one goes in quotes)',
      ],
    ],
    [
      'two secrets',
      'repositories: { a: { path: /x, password: y, key-file: z } }',
      ['1:20: repositories.a: expected one of key-file, password, not several'],
    ],
    [
      'an address',
      'repositories: { a: { path: "sftp://host/directory" } }',
      ['1:28: repositories.a.path: expected a directory, or an address that begins with s3:'],
    ],
    [
      'an address in no bucket',
      'repositories: { a: { path: "s3:https://host" } }',
      [
        '1:28: repositories.a.path: "s3:https://host" is not a place in an S3 store: expected s3:https://HOST/BUCKET/PREFIX, or s3:BUCKET/PREFIX for AWS. Write s3:https://HOST/BUCKET/PREFIX, or s3:BUCKET/PREFIX for AWS.',
      ],
    ],
    [
      'half of a login, and one for a directory',
      'repositories: { a: { path: "s3:https://host/bucket", access-key: k }, b: { path: /x, region: r } }',
      [
        '1:20: repositories.a: expected both of access-key, secret-key, or none',
        '1:94: repositories.b.region: expected a path that begins with s3:, for which this is',
      ],
    ],
    [
      'a name that is none',
      'repositories:\n  "a b": { path: /x }',
      [
        '2:3: repositories.a b: expected the name of a repository: letters, digits, dots, dashes and underscores, at most 64',
      ],
    ],
    [
      'copies to nowhere, to itself, and twice to the same',
      'repositories: { a: { path: /x }, b: { path: /y } }\nsources: { s: { files: [/z] } }\njobs:\n  j:\n    repository: a\n    sources: [s]\n    after: { copy: [c, a, b, { to: b, prune: true }] }',
      [
        '7:21: jobs.j.after.copy[0]: there is no repository "c"',
        '7:24: jobs.j.after.copy[1]: a is where the job saves',
        '7:30: jobs.j.after.copy[3]: b is named twice',
      ],
    ],
    [
      'names that nothing has',
      withJobs('  n:\n    repository: nowhere\n    sources: [etc, usr]\n    scope: [minor]'),
      [
        '12:17: jobs.n.repository: there is no repository "nowhere"',
        '13:20: jobs.n.sources[1]: there is no source "usr"',
        '14:13: jobs.n.scope[0]: there is no category "minor"',
      ],
    ],
    ['a job without anything to save', withJobs('  n: {}'), ['11:6: jobs.n: expected sources, or a scope']],
    [
      'a source of no kind, and of two',
      `${MINIMAL}\nsources:\n  a: {}\n  b: { files: [/x], command: [y] }`,
      [
        '6:6: sources.a: expected one of files, sqlite, postgres, postgres-cluster, command',
        '7:6: sources.b: expected one of files, sqlite, postgres, postgres-cluster, command',
      ],
    ],
    [
      'what does not go with its kind',
      `${MINIMAL}\nsources:\n  a: { files: [/x], timeout: 3h }\n  b: { command: [y], exclude: [z], as: a/b }`,
      [
        '6:30: sources.a.timeout: goes not with files, but with command',
        '7:31: sources.b.exclude: goes not with command, but with files',
        '7:40: sources.b.as: expected a name without slashes',
      ],
    ],
    [
      'a time and a size that are none',
      `${withJobs('  n: { sources: [etc], exclude-larger-than: huge }')}\n`.replace(
        'etc: { files: [/etc] }',
        'etc: { command: [a], timeout: soon }',
      ),
      [
        '6:33: sources.etc.timeout: "soon" is not a stretch of time. Write it as 90s, 5m, 26h, 1h30m or 7d: days (d), hours (h), minutes (m) and seconds (s), in this order.',
        '11:45: jobs.n.exclude-larger-than: "huge" is not a size. Write it as 500, 16k, 100M or 1.5G.',
      ],
    ],
    [
      'a data type of a relative path',
      `${MINIMAL}\ncategories:\n  critical:\n    a: [docs/**, nothing]`,
      [
        '7:9: categories.critical.a[0]: expected a whole path, from / or ~/',
        '7:18: categories.critical.a[1]: there is no source "nothing"',
      ],
    ],
    [
      'a retention that keeps nothing, or too much, or is of no zone',
      withJobs(
        '  a: { sources: [etc], retention: { min-count: 3 } }\n  b: { sources: [etc], retention: { keep-last: -1 } }\n  c: { sources: [etc], retention: { keep-last: 1, timezone: Mars } }\n  d: { sources: [etc], retention: { keep-last: 1, min-count: 3, max-count: 2 } }',
      ),
      ['12:48: jobs.b.retention.keep-last: expected at least 0'],
    ],
    [
      'the same, once its shape is right',
      withJobs(
        '  a: { sources: [etc], retention: { min-count: 3 } }\n  c: { sources: [etc], retention: { keep-last: 1, timezone: Mars } }\n  d: { sources: [etc], retention: { keep-last: 1, min-count: 3, max-count: 2 } }',
      ),
      [
        '11:35: jobs.a.retention: it does not say what to keep. Write a rule, as keep-daily: 7.',
        '12:35: jobs.c.retention: the time zone "Mars" is unknown. Use an IANA name such as Europe/Berlin or UTC.',
        '13:35: jobs.d.retention: min-count 3 is more than max-count 2',
      ],
    ],
  ])('with %s is refused, with the place', (_, text, expected) => {
    expect(problems(text)).toEqual(expected)
  })

  it('has hooks of jobs and sources, with a limit of their time', () => {
    const text = withJobs(
      '  n: { sources: [etc], hooks: { before: [\'stop "$X"\'], finally: [{ command: [~/start, now], cwd: x, env: { A: b }, timeout: 2m, on-error: warn }] } }',
    ).replace('files: [/etc]', 'files: [/etc], hooks: { after: [sync] }')
    const { jobs, sources } = config(text)
    const hook = { env: {}, cwd: undefined, timeoutMs: 600_000, onError: 'fail' }
    expect(jobs.get('n')?.hooks).toEqual({
      ...NO_HOOKS,
      before: [{ ...hook, argv: ['sh', '-c', 'stop "$X"'] }],
      finally: [
        {
          argv: [`${homedir()}/start`, 'now'],
          env: { A: 'b' },
          cwd: '/etc/snap/x',
          timeoutMs: 120_000,
          onError: 'warn',
        },
      ],
    })
    expect(sources.get('etc')?.hooks.after).toEqual([{ ...hook, argv: ['sh', '-c', 'sync'] }])
    expect(problems(text.replace('2m', 'soon'))[0]).toContain(
      'jobs.n.hooks.finally[0].timeout: "soon" is not',
    )
  })

  it('says which passwords stand in it as they are', () => {
    const secrets = (password: string): readonly string[] =>
      read(`repositories: { a: { path: /x, password: ${JSON.stringify(password)} } }`).plainSecrets
    expect(secrets('hunter2')).toEqual(['repositories.a.password'])
    expect(secrets('${SECRET}')).toEqual([])
    expect(secrets('file:/etc/secret')).toEqual([])
  })

  it('never has a value in its problems', () => {
    const text = `repositories: { a: { path: [hunter2], password: { x: hunter2 }, key-file: 3 } }`
    expect(problems(text).join()).not.toContain('hunter2')
  })

  it('may share parts by anchors, but not without end', () => {
    const shared = withJobs('  a: &a { sources: [etc], label: x }\n  b: { <<: *a, label: y }')
    expect(config(shared).jobs.get('b')).toMatchObject({ sources: ['etc'], label: 'y' })
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi']
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`)}]`)
      .join('\n')}`
    expect(problems(bomb)).toHaveLength(1)
  })
})
