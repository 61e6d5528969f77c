import { describe, expect, it } from 'vitest'
import { DEFAULT_THRESHOLDS } from '../../../../src/jobs/alerts/conditions-of.ts'
import type { Channel } from '../../../../src/jobs/config/channel.ts'
import { type ReadConfig, readConfig } from '../../../../src/jobs/config/read-config.ts'
import { starterConfig } from '../../../../src/jobs/config/starter.ts'
import { SnapError } from '../../../../src/model/errors.ts'

const TOKEN = 'hunter2-token'
const ENV = { HOOK: `https://hooks.example.org/T0/${TOKEN}`, PASSWORD: 'env-password' }
const START = `
repositories: { local: { path: /srv/snap } }
sources: { etc: { files: [/etc] } }
`
const read = (text: string): ReadConfig =>
  readConfig({ file: '/etc/snap/snap.yaml', text: START + text, env: ENV })

const channelOf = (text: string): Channel =>
  read(`notifications: { own: { ${text} } }`).config.channels.get('own')!

/** Every problem, without its place; none of them repeats a secret. */
function problems(text: string): string[] {
  try {
    read(text)
  } catch (error) {
    if (!(error instanceof SnapError)) throw error
    const all = [error.message, ...error.also, error.hint ?? '']
    expect(all.join('\n')).not.toContain(TOKEN)
    return all.slice(0, -1).map((line) => line.replace(/^\S+:\d+:\d+: /, ''))
  }
  return []
}
const problemsOf = (text: string): string[] => problems(`notifications: { own: { ${text} } }`)
const MAIL = 'to: [a@example.org], from: b@example.org'

describe('what `snap config init` shows of channels and metrics', () => {
  it('is right once it is no comment any more', () => {
    const shown = starterConfig({ repository: '/r', keyFile: '/k' })
    const text = shown.replaceAll(/^# (?=[a-z]+:$| {2})/gm, '').replace('CHAT_HOOK', 'HOOK')
    const { config } = readConfig({
      file: '/etc/snap/snap.yaml',
      text,
      env: { HOOK: 'https://chat.example.org/x' },
    })
    expect(config.daemon.jobsAtOnce).toBe(2)
    expect(config.alerts).toEqual(DEFAULT_THRESHOLDS)
    expect(config.objectives.get('critical')?.recoveryPointMs).toBe(26 * 3_600_000)
    expect([...config.channels.values()].map(({ way }) => way.kind)).toEqual([
      'mail',
      'webhook',
      'command',
      'log',
    ])
    expect(config.metrics.textfile).toMatch(/snap\.prom$/)
  })
})

describe('a channel', () => {
  it('is one kind, heard of everything, and repeats each day', () => {
    expect(channelOf('log: ./alerts.log')).toEqual({
      name: 'own',
      on: undefined,
      repeatMs: 86_400_000,
      way: { kind: 'log', path: '/etc/snap/alerts.log' },
    })
  })

  it('may hear of some kinds alone, and repeat at another time or never', () => {
    expect(channelOf('log: /l, on: [failed, low-disk], repeat: 90m')).toMatchObject({
      on: ['failed', 'low-disk'],
      repeatMs: 5_400_000,
    })
    expect(channelOf('log: /l, repeat: never').repeatMs).toBeUndefined()
  })

  it('is a webhook, of which address and headers are secrets', () => {
    const { config, plainSecrets } = read(`
notifications:
  a: { webhook: "\${HOOK}", headers: { Authorization: "Bearer ${TOKEN}", X-Key: file:key, Content-Type: text/x } }
  b: { webhook: "https://example.org/${TOKEN}" }
  c: { webhook: file:hook }
`)
    expect(config.channels.get('a')?.way).toEqual({
      kind: 'webhook',
      url: { kind: 'text', text: ENV.HOOK },
      headers: new Map([
        ['Authorization', { kind: 'text', text: `Bearer ${TOKEN}` }],
        ['X-Key', { kind: 'file', path: '/etc/snap/key' }],
        ['Content-Type', { kind: 'text', text: 'text/x' }],
      ]),
    })
    expect(config.channels.get('c')?.way).toMatchObject({ url: { kind: 'file', path: '/etc/snap/hook' } })
    expect(plainSecrets).toEqual(['notifications.a.headers.Authorization', 'notifications.b.webhook'])
  })

  it('is a command', () => {
    expect(channelOf('command: [page, --now], timeout: 5s').way).toEqual({
      kind: 'command',
      argv: ['page', '--now'],
      timeoutMs: 5_000,
    })
    expect(channelOf('command: [page]').way).toMatchObject({ timeoutMs: 60_000 })
  })

  it.each([
    ['smtp://mail.example.org', { host: 'mail.example.org', port: 587, tls: false }, 'required'],
    ['smtps://mail.example.org', { host: 'mail.example.org', port: 465, tls: true }, 'required'],
    ['smtp://mail.example.org:25', { host: 'mail.example.org', port: 25, tls: false }, 'required'],
    ['smtp://mail.example.org:80', { host: 'mail.example.org', port: 80, tls: false }, 'required'],
    ['smtp://localhost:25', { host: 'localhost', port: 25, tls: false }, 'opportunistic'],
    ['smtp://127.0.0.1', { host: '127.0.0.1', port: 587, tls: false }, 'opportunistic'],
    ['SMTP://[::1]:25/', { host: '::1', port: 25, tls: false }, 'opportunistic'],
  ])('is an e-mail by way of %s', (server, expected, starttls) => {
    expect(channelOf(`mail: { ${MAIL}, server: "${server}" }`).way).toEqual({
      kind: 'mail',
      to: ['a@example.org'],
      from: 'b@example.org',
      server: expected,
      login: undefined,
      starttls,
    })
  })

  it('logs in with a password that is a secret', () => {
    const text = `mail: { ${MAIL}, server: "smtp://m", user: me, password: "\${PASSWORD}" }`
    expect(channelOf(text).way).toMatchObject({
      login: { user: 'me', password: { kind: 'text', text: 'env-password' } },
    })
    const plain = `notifications: { own: { mail: { ${MAIL}, server: "smtp://m", user: me, password: x } } }`
    expect(read(plain).plainSecrets).toEqual(['notifications.own.mail.password'])
  })

  it.each([
    ['on: [failed]', 'notifications.own: expected one of mail, webhook, command, log'],
    ['log: /l, command: [x]', 'notifications.own: expected one of mail, webhook, command, log'],
    ['log: /l, timeout: 5s', 'notifications.own.timeout: goes not with log, but with command'],
    ['log: /l, headers: { a: b }', 'notifications.own.headers: goes not with log, but with webhook'],
    ['log: /l, on: []', 'notifications.own.on: expected at least one'],
    [
      'log: /l, on: [fialed]',
      'notifications.own.on[0]: expected failed, incomplete, stale, unreachable, low-disk, anomaly, objective, drill, damaged, undelivered, unrecorded',
    ],
    ['log: /l, repeat: often', 'notifications.own.repeat: "often" is not a stretch of time'],
    [
      `webhook: "ftp://example.org/${TOKEN}"`,
      'notifications.own.webhook: expected an address, as https://HOST/PATH',
    ],
    [`webhook: "${TOKEN}"`, 'notifications.own.webhook: expected an address, as https://HOST/PATH'],
    [
      `webhook: "http://h", headers: { "a b": ${TOKEN} }`,
      'notifications.own.headers.a b: expected the name of a header',
    ],
    [
      `mail: { ${MAIL}, server: mail.example.org }`,
      'notifications.own.mail.server: expected smtp://HOST:PORT',
    ],
    [
      `mail: { ${MAIL}, server: "smtp://h/path" }`,
      'notifications.own.mail.server: expected smtp://HOST:PORT',
    ],
    [
      `mail: { ${MAIL}, server: "smtp://me:${TOKEN}@h" }`,
      'notifications.own.mail.server: expected a server alone: user and password have keys of their own',
    ],
    [
      `mail: { ${MAIL}, server: "smtp://h", user: me }`,
      'notifications.own.mail: expected user and password, or neither',
    ],
    [
      `mail: { ${MAIL}, server: "smtp://h", user: me, password: ${TOKEN}, starttls: opportunistic }`,
      'notifications.own.mail.starttls: expected required: a password is not sent without TLS',
    ],
    [
      `mail: { ${MAIL}, server: "smtps://h", starttls: required }`,
      'notifications.own.mail.starttls: goes with smtp://',
    ],
    [
      'mail: { to: ["a@b>, c"], from: "x\\r\\nBcc: y@z", server: "smtp://h" }',
      'notifications.own.mail.to[0]: expected an address, as ops@example.org',
    ],
    ['mail: { to: [], from: a@b, server: "smtp://h" }', 'notifications.own.mail.to: expected at least one'],
  ])('with %s is refused', (text, problem) => {
    expect(
      problemsOf(text).some((each) => each.startsWith(problem)),
      problemsOf(text).join('\n'),
    ).toBe(true)
  })
})

describe('a job', () => {
  it('names the channels that hear of it', () => {
    const { config } = read(`
notifications: { a: { log: /a }, b: { log: /b } }
jobs:
  one: { sources: [etc], notify: [b] }
  two: { sources: [etc] }
  three: { sources: [etc], notify: [] }
`)
    expect([...config.jobs.values()].map(({ notify }) => notify)).toEqual([['b'], undefined, []])
    expect(problems('jobs: { one: { sources: [etc], notify: [c] } }')).toEqual([
      'jobs.one.notify[0]: there is no channel "c" among the notifications',
    ])
  })

  it.each([
    ['https://example.org/ping', false],
    ['http://127.0.0.1:8080/snap/nightly', false],
    ['https://example.org/3fa8', true],
    ['https://example.org/averylongwordthatisatoken', true],
    ['https://example.org/?key=x', true],
    ['https://example.org/#x', true],
    ['https://me:word@example.org/', true],
  ])('%s in the file: others may read it unless it has something of a token (%s)', (address, isSecret) => {
    const text = `repositories: { r: { path: /r } }\nsources: { etc: { files: [/etc] } }\njobs: { one: { sources: [etc], ping: "${address}" } }`
    const { plainSecrets } = readConfig({ file: '/snap.yaml', text, env: {} })
    expect(plainSecrets).toEqual(isSecret ? ['jobs.one.ping'] : [])
  })

  it('pings one address, or one for each moment', () => {
    const { config, plainSecrets } = read(`
jobs:
  one: { sources: [etc], ping: "\${HOOK}" }
  two: { sources: [etc], ping: { success: "https://example.org/${TOKEN}", fail: file:fail } }
`)
    const url = { kind: 'text', text: ENV.HOOK }
    expect(config.jobs.get('one')?.ping).toEqual({
      start: { url, suffix: '/start' },
      success: { url, suffix: '' },
      fail: { url, suffix: '/fail' },
    })
    expect(config.jobs.get('two')?.ping).toEqual({
      start: undefined,
      success: { url: { kind: 'text', text: `https://example.org/${TOKEN}` }, suffix: '' },
      fail: { url: { kind: 'file', path: '/etc/snap/fail' }, suffix: '' },
    })
    expect(plainSecrets).toEqual(['jobs.two.ping.success'])
  })

  it.each([
    [`"${TOKEN}"`, 'jobs.one.ping: expected an address, as https://HOST/PATH'],
    ['{}', 'jobs.one.ping: expected an address, or one of start, success, fail'],
    [`{ succes: "https://example.org/${TOKEN}" }`, 'jobs.one.ping: there is no key "succes"'],
    [`{ fail: "${TOKEN}" }`, 'jobs.one.ping.fail: expected an address, as https://HOST/PATH'],
  ])('with the ping %s is refused', (ping, problem) => {
    expect(problems(`jobs: { one: { sources: [etc], ping: ${ping} } }`)).toEqual([problem])
  })
})

describe('metrics', () => {
  it('go to a file that node_exporter reads', () => {
    expect(read('metrics: { textfile: ./snap.prom }').config.metrics).toEqual({
      textfile: '/etc/snap/snap.prom',
    })
    expect(read('').config.metrics).toEqual({ textfile: undefined })
    expect(problems('metrics: { textfile: /x/snap.txt }')).toEqual([
      'metrics.textfile: expected a name that ends in .prom: node_exporter reads no others',
    ])
  })
})
