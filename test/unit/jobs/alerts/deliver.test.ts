import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withoutSecrets } from '../../../../src/base/without-secrets.ts'
import { NOTHING_REMEMBERED } from '../../../../src/jobs/alerts/alert-memory.ts'
import { deliver } from '../../../../src/jobs/alerts/deliver.ts'
import { alertMessage, testMessage } from '../../../../src/jobs/alerts/message.ts'
import { plainText } from '../../../../src/jobs/alerts/plain-text.ts'
import type { Alert } from '../../../../src/jobs/alerts/plan-alerts.ts'
import { tellPeople } from '../../../../src/jobs/alerts/tell-people.ts'
import type { Channel, ChannelWay } from '../../../../src/jobs/config/channel.ts'
import type { JobConfig } from '../../../../src/jobs/config/config.ts'

const MINUTE = 60_000
const SENDER = { host: 'web1', now: Date.UTC(2025, 10, 19, 5, 30) }

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-deliver-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const channel = (way: ChannelWay, name = 'own'): Channel => ({
  name,
  on: undefined,
  repeatMs: undefined,
  way,
})
const command = (script: string, timeoutMs = 10_000): Channel =>
  channel({ kind: 'command', argv: ['sh', '-c', script], timeoutMs })
const alert = (more: Partial<Alert> = {}, condition: Partial<Alert['condition']> = {}): Alert => ({
  event: 'raised',
  condition: {
    key: 'stale:nightly',
    kind: 'stale',
    severity: 'critical',
    title: 'nightly is stale',
    text: 'it is old',
    job: 'nightly',
    ...condition,
  },
  since: SENDER.now - 90 * MINUTE,
  until: undefined,
  ...more,
})
const send = (to: Channel, what: Alert = alert(), signal = new AbortController().signal): Promise<void> =>
  deliver(to, alertMessage(what, SENDER), { signal })
const lines = (path: string): { subject: string; event: string }[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('a command', () => {
  it('has what there is to say as JSON and in its environment', async () => {
    const out = join(directory, 'out')
    await send(command(`cat > ${out}; env | grep ^SNAP_ALERT_ | sort > ${out}.env`))
    const { text, ...fields } = JSON.parse(readFileSync(out, 'utf8'))
    expect(fields).toMatchObject({
      message_type: 'alert',
      event: 'raised',
      kind: 'stale',
      job: 'nightly',
      run: null,
    })
    const env = readFileSync(`${out}.env`, 'utf8')
    expect(env).toContain('SNAP_ALERT_SUBJECT=[snap] nightly is stale on web1\n')
    expect(env).toContain('SNAP_ALERT_EVENT=raised\n')
    expect(env).toContain('SNAP_ALERT_RUN=\n')
    expect(env).toContain('SNAP_ALERT_LAST_GOOD=\n')
    expect(text).toContain('Since: 2025-11-19 04:00:00 UTC (1h 30m)\n')
  })

  it('that prints much, or reads nothing, is run to its end', async () => {
    await send(command('head -c 3000000 /dev/zero'))
  })

  it('that fails says what it said last', async () => {
    await expect(send(command('echo pager is down >&2; exit 3'))).rejects.toThrow(
      'sh ended with status 3: pager is down',
    )
  })

  it('that cannot be run says so', async () => {
    const missing = channel({
      kind: 'command',
      argv: ['/no/such/pager', 'token-in-argument'],
      timeoutMs: 1_000,
    })
    await expect(send(missing)).rejects.toThrow(
      /^\/no\/such\/pager cannot be run: no such file or directory$/,
    )
  })

  it('that hangs is ended after its time', async () => {
    const begin = performance.now()
    await expect(send(command('sleep 60', 1_000))).rejects.toThrow('sh was ended: it took longer than 1s')
    expect(performance.now() - begin).toBeLessThan(10_000)
  })
})

describe('a log', () => {
  const log = (path: string): Channel => channel({ kind: 'log', path })

  it('gets a line for each, in a file and directories that are made for their owner alone', async () => {
    const path = join(directory, 'deep', 'er', 'alerts.log')
    await send(log(path))
    await send(log(path), alert({ event: 'cleared', until: SENDER.now }))
    expect(lines(path).map(({ subject }) => subject)).toEqual([
      '[snap] nightly is stale on web1',
      '[snap] over: nightly is stale on web1',
    ])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'deep')).mode & 0o777).toBe(0o700)
  })

  it('keeps what stands there, and its mode', async () => {
    const path = join(directory, 'alerts.log')
    writeFileSync(path, '{"subject":"before"}\n')
    chmodSync(path, 0o640)
    await send(log(path))
    expect(lines(path)).toHaveLength(2)
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  it('of several processes at once has whole lines', async () => {
    const path = join(directory, 'alerts.log')
    await Promise.all(Array.from({ length: 40 }, () => send(log(path))))
    expect(lines(path)).toHaveLength(40)
  })

  it('that cannot be written says so, and a FIFO without a reader does not hang', async () => {
    await expect(send(log(directory))).rejects.toThrow(
      `${directory} cannot be written: illegal operation on a directory`,
    )
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    await expect(send(log(fifo))).rejects.toThrow(`${fifo} cannot be written: no such device or address`)
  })
})

describe('what is said', () => {
  it('of what is over is until when, and nothing of what to do', () => {
    const over = alert({ event: 'cleared', until: SENDER.now }, { hint: 'Do something.', run: '17' })
    expect(alertMessage(over, SENDER)).toMatchObject({
      subject: '[snap] over: nightly is stale on web1',
      text: 'What it was: it is old\nSince: 2025-11-19 04:00:00 UTC\nUntil: 2025-11-19 05:30:00 UTC (1h 30m)\n',
    })
  })

  it('of what lasts is that it does', () => {
    expect(alertMessage(alert({ event: 'repeated' }), SENDER).subject).toBe(
      '[snap] still: nightly is stale on web1',
    )
  })

  it('drives no terminal and adds no line, whatever a program said', () => {
    const hostile = alert(
      {},
      { title: 'x\r\nBcc: y', text: 'a\u001b[2Jb\u202ec\nSubject: d', hint: 'e\u2028f' },
    )
    const { subject, text, fields } = alertMessage(hostile, { ...SENDER, host: 'web\n1' })
    expect(subject).toBe('[snap] x Bcc: y on web 1')
    expect(text).toContain('What: a [2Jb c Subject: d\n')
    expect(text).toContain('What to do: e f\n')
    expect(JSON.stringify(fields)).not.toMatch(/[\p{Cc}\u2028\u202e]/u)
  })

  it('is cut where it is long, and no character in half', () => {
    expect(plainText('ab', 2)).toBe('ab')
    expect(plainText('abcdef', 5)).toBe('ab...')
    expect(plainText('a\u{1f600}bcdef', 5)).toBe('a...')
  })

  it('holds no secret in any shape', () => {
    const secret = 'pä"ss/word'
    const shapes = [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      'pä\\"ss/word',
    ]
    expect(withoutSecrets(shapes.join(' '), [secret, ''])).toBe('*** *** *** ***')
  })

  it('at a moment that no calendar has is said still', () => {
    expect(testMessage('x', { host: 'h', now: Number.MAX_VALUE }).text).toContain('+275760')
    expect(testMessage('x', { host: 'h', now: -1 }).text).toContain('1970-01-01')
  })
})

describe('the channels of a configuration', () => {
  it('are told what concerns them, and of each other', async () => {
    const path = (name: string): string => join(directory, name)
    const channels = new Map(
      [
        channel({ kind: 'log', path: path('all') }, 'all'),
        channel({ kind: 'log', path: path('night') }, 'night'),
        { ...command('exit 1'), name: 'pager' },
      ].map((each) => [each.name, each]),
    )
    const jobs = new Map([
      ['nightly', { name: 'nightly', notify: ['night', 'pager'] } as unknown as JobConfig],
    ])
    const names = { drills: new Map(), repositories: new Map(), objectives: new Map(), sources: new Map() }
    const request = { config: { channels, jobs, ...names }, conditions: [alert().condition], ...SENDER }
    const ports = { signal: new AbortController().signal }
    const first = await tellPeople({ ...request, memory: NOTHING_REMEMBERED, secrets: [] }, ports)
    expect([...first.failures]).toEqual([['pager', 'sh ended with status 1']])
    expect(lines(path('night')).map(({ subject }) => subject)).toEqual([
      '[snap] nightly is stale on web1',
      '[snap] channel pager cannot be told on web1',
    ])
    expect(lines(path('all')).map(({ subject }) => subject)).toEqual([
      '[snap] channel pager cannot be told on web1',
    ])
    const mended = join(directory, 'paged')
    const again = new Map(channels).set('pager', { ...command(`cat > ${mended}`), name: 'pager' })
    const second = await tellPeople(
      { ...request, config: { channels: again, jobs, ...names }, memory: first.memory, secrets: [] },
      ports,
    )
    expect(second.failures.size).toBe(0)
    expect(existsSync(mended)).toBe(true)
    expect(lines(path('night')).at(-1)?.subject).toBe('[snap] over: channel pager cannot be told on web1')
    expect(lines(path('night'))).toHaveLength(3)
  })

  it('are left alone once the signal has come', async () => {
    const controller = new AbortController()
    controller.abort(new Error('a signal'))
    const path = join(directory, 'log')
    await expect(send(channel({ kind: 'log', path }), alert(), controller.signal)).rejects.toThrow('a signal')
    expect(existsSync(path)).toBe(false)
  })
})
