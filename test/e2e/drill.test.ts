/** Drills for real: real directories and databases, a repository that is damaged, a server that is away, and everybody who is to hear of it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { systemRandom } from '../../src/crypto/random.ts'
import { createIgnoreRules } from '../../src/filesystem/ignore-rules.ts'
import { createSourceFiles } from '../../src/filesystem/source-files.ts'
import { decodeKeyFile } from '../../src/keys/key-file.ts'
import type { Note } from '../../src/log/details.ts'
import { backup } from '../../src/ops/backup/backup.ts'
import type { BackupRequest } from '../../src/ops/backup/request.ts'
import { openRepository } from '../../src/repository/open-repository.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { openLocalDirectory } from '../../src/storage/local-directory.ts'
import { createInThreadExecutor } from '../../src/workers/in-thread.ts'
import { PASSWORD, Postgres } from '../support/postgres.ts'
import { isRoot, type Json, jsonLines, type Run, Sandbox } from '../support/snap.ts'
import { seededBytes } from '../support/tree.ts'

const sandbox = new Sandbox()
let count = 0
let place: (...names: string[]) => string
let env: Record<string, string | undefined>

beforeEach(async () => {
  count += 1
  const own = `test-${count}`
  place = (...names) => sandbox.path(own, ...names)
  mkdirSync(place('app', 'sub'), { recursive: true })
  env = {
    SNAP_REPOSITORY: undefined,
    SNAP_KEY_FILE: undefined,
    SNAP_STATE_DIR: place('state'),
    SNAP_CONFIG: place('snap.yaml'),
  }
  writeFileSync(place('app', 'a.txt'), 'the text of a', { mode: 0o640 })
  writeFileSync(place('app', 'sub', 'b.conf'), 'b = 1')
  symlinkSync('/etc/passwd', place('app', 'link'))
  const database = new Sqlite(place('ledger.db'))
  database.exec('CREATE TABLE entries (value); INSERT INTO entries VALUES (1), (2), (3)')
  database.close()
  await sandbox.ok(['init', '--repo', place('repository'), '--key-file', place('key')], { env })
})

/** HERE is the directory of this test. */
function configure(drill: string, more = ''): void {
  const text = `
repositories: { local: { path: HERE/repository, key-file: HERE/key } }
sources:
  app: { files: [HERE/app] }
  ledger: { sqlite: HERE/ledger.db }
categories:
  critical: { app: [app], books: [ledger] }
jobs:
  nightly: { scope: [critical] }
drills:
  trial: { job: nightly, into: HERE/drills, ${drill} }
notifications:
  log: { log: HERE/alerts.log }
metrics: { textfile: HERE/snap.prom }
${more}`
  writeFileSync(place('snap.yaml'), text.replaceAll('HERE', place()), { mode: 0o600 })
}

const ok = (...args: string[]): Promise<Run> => sandbox.ok(args, { env })
const expectStatus = (status: number, ...args: string[]): Promise<Run> =>
  sandbox.expect(status, args, { env })

async function report(status: number): Promise<Json> {
  const run = await expectStatus(status, 'drill', 'trial', '--json')
  return jsonLines(run).find(({ message_type }) => message_type === 'drill_report')
}

async function openHere(): Promise<Repository> {
  const ports = {
    storage: openLocalDirectory(place('repository')),
    cacheDirectory: place('cache of the forger'),
    clock: { now: () => Date.now() },
    random: systemRandom,
  }
  const { secret } = decodeKeyFile(readFileSync(place('key'), 'utf8'))
  return await openRepository(ports, { kind: 'key file', secret })
}

/** A snapshot of the job with a database of which it says what it likes. */
async function saveForged(bytes: Uint8Array, facts: Note): Promise<void> {
  await using repository = await openHere()
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const streamed = [{ name: '@ledger', files: [{ name: 'ledger.db', open }] }]
  await saveIn(repository, { paths: [], streamed }, '/@ledger/ledger.db', facts)
}

async function saveIn(
  repository: Repository,
  what: Pick<BackupRequest, 'paths' | 'streamed'>,
  path: string,
  facts: Note,
): Promise<void> {
  const source = { name: 'ledger', category: 'critical', type: 'books', kind: 'sqlite', paths: [path], facts }
  await backup(
    repository,
    {
      ...what,
      sources: () => [source],
      hostname: hostname(),
      username: 'forger',
      job: 'nightly',
      tags: [],
      excludes: [],
      program: { name: 'snap', version: '0' },
      walk: {
        full: false,
        oneFileSystem: false,
        largestFile: undefined,
        excludeCaches: false,
        rulesAt: () => createIgnoreRules([]),
        ignoreFile: undefined,
        isCacheDirectory: () => false,
        neverPaths: new Set<string>(),
      },
      write: { compression: 'auto', recheck: true, deltas: true, executor: createInThreadExecutor },
    },
    {
      source: createSourceFiles(),
      clock: { now: () => Date.now() },
      progress: () => undefined,
      signal: new AbortController().signal,
    },
  )
}

const alerts = (): Json[] =>
  existsSync(place('alerts.log'))
    ? readFileSync(place('alerts.log'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : []

async function notes(): Promise<Json[]> {
  const trail = await ok('audit', '--json', '--repo', place('repository'), '--key-file', place('key'))
  return jsonLines(trail).flatMap(({ note }) => (note?.operation === 'drill' ? [note] : []))
}

/** Spoils a byte in the middle of the largest pack; the answer puts it back. */
function damageLargestPack(): () => void {
  const packs = place('repository', 'packs')
  const paths = readdirSync(packs, { recursive: true, encoding: 'utf8' }).map((name) => join(packs, name))
  const [largest = ''] = paths
    .filter((path) => statSync(path).isFile())
    .sort((a, b) => statSync(b).size - statSync(a).size)
  const bytes = readFileSync(largest)
  const spoilt = Buffer.from(bytes)
  spoilt[Math.floor(bytes.length / 2)]! ^= 1
  writeFileSync(largest, spoilt)
  return () => writeFileSync(largest, bytes)
}

const left = (): string[] => (existsSync(place('drills')) ? readdirSync(place('drills')) : [])

async function job(name: string): Promise<Json> {
  const { stdout } = await sandbox.run(['status', '--json'], { env })
  return JSON.parse(stdout).jobs.find((each: Json) => each.job === name)
}

describe('a good drill', () => {
  it('restores, compares, opens the database, probes, measures, keeps evidence, and leaves nothing', async () => {
    writeFileSync(
      place('check.sh'),
      `#!/bin/sh
echo "in $PWD"
test "$PWD" = "$SNAP_DRILL_DIRECTORY" && test "$SNAP_DRILL $SNAP_JOB" = "trial nightly" || exit 1
stat -c %a . > '${place('mode')}'
test "$(cat ".${place('app', 'a.txt')}")" = 'the text of a' && test -L ".${place('app', 'link')}"
`,
    )
    chmodSync(place('check.sh'), 0o755)
    configure(
      `categories: [critical], probes: [[./check.sh], 'test "$SNAP_DATABASE_LEDGER" = "$PWD/@ledger/ledger.db"', { command: [sh, -c, 'test "$WORD" = given'], env: { WORD: given }, timeout: 1m }]`,
      'objectives: { critical: { recovery-point: 26h, recovery-time: 1h } }',
    )
    await ok('backup', '--job', 'nightly')
    const before = await job('nightly')
    const done = await report(0)
    expect(done).toMatchObject({
      drill: 'trial',
      ok: true,
      categories: ['critical'],
      files_checked: 3,
      databases: [{ source: 'ledger', kind: 'sqlite', result: 'good', tables: 1, rows: 3 }],
      failures: [],
      failures_total: 0,
    })
    expect(done.probes.map(({ ok: isOk }: Json) => isOk)).toEqual([true, true, true])
    expect(done.recovery_seconds).toBeGreaterThan(0)
    expect(left()).toEqual([])
    expect(readFileSync(place('mode'), 'utf8')).toBe('700\n')

    const [note] = await notes()
    expect(note).toMatchObject({
      result: 'ok',
      snapshots: [done.snapshot_id],
      counts: { files_checked: 3, databases_checked: 1, probes_run: 3, checks_failed: 0 },
      bytes: done.bytes_checked,
      drill: {
        name: 'trial',
        job: 'nightly',
        measured_categories: ['critical'],
        recovery_ms: done.recovery_seconds * 1000,
      },
    })
    const [run] = JSON.parse((await ok('runs', '--json')).stdout)
    expect(run).toMatchObject({ job: 'trial', kind: 'drill', outcome: 'ok', snapshot_id: done.snapshot_id })
    expect((await ok('logs', 'trial')).stdout).toContain('./check.sh: in ')

    // Nothing of it counts for the job.
    const { last_good_age_seconds: _, last_age_seconds: __, ...was } = before
    expect(await job('nightly')).toMatchObject(was)
    const [status] = JSON.parse((await ok('status', '--json')).stdout).drills
    expect(status).toMatchObject({
      drill: 'trial',
      job: 'nightly',
      health: 'healthy',
      recovery_seconds: done.recovery_seconds,
      recovery_time_seconds: 3600,
      last_run: { outcome: 'ok' },
    })
    expect((await ok('status')).stdout).toMatch(/^trial +nightly +.* ok +\d/m)
    expect((await ok('drill', '--list')).stdout).toMatch(/^trial +nightly +none +.* ok +\d.*1h/m)
    expect(alerts()).toEqual([])
    const metrics = readFileSync(place('snap.prom'), 'utf8')
    expect(metrics).toMatch(/^snap_drill_ok\{drill="trial",job="nightly",repository="local"\} 1$/m)
    expect(metrics).toMatch(/^snap_drill_last_success_timestamp_seconds\{.*\} \d/m)
    expect(metrics).toMatch(/^snap_job_recent_runs\{job="nightly",repository="local"\} 1$/m)
  })

  it('restores what is asked for alone, and measures no category of which something is missing', async () => {
    configure('types: [app]')
    await ok('backup', '--job', 'nightly')
    const types = await report(0)
    expect(types).toMatchObject({ files_checked: 2, databases: [], categories: [] })
    configure(`paths: ['HERE/app/sub/*.conf']`)
    expect(await report(0)).toMatchObject({ files_checked: 1, categories: [] })
    configure('databases: false')
    expect(await report(0)).toMatchObject({
      files_checked: 3,
      categories: [],
      databases: [{ source: 'ledger', result: 'not restored' }],
    })
  })

  it('takes the newest complete snapshot of the job, and no other', async () => {
    configure('paths: [HERE/app/a.txt], probes: [\'grep new ".$A"\']')
    env['A'] = place('app', 'a.txt')
    await ok('backup', '--job', 'nightly')
    writeFileSync(place('app', 'a.txt'), 'new')
    await ok('backup', '--job', 'nightly')
    writeFileSync(place('app', 'a.txt'), 'newer, by hand')
    await ok('backup', place('app'), '--repo', place('repository'), '--key-file', place('key'))
    // The database is away: the next snapshot of the job lacks something.
    writeFileSync(place('ledger.db'), 'no database at all, however long it may be')
    await expectStatus(3, 'backup', '--job', 'nightly')
    const done = await report(0)
    const args = ['snapshots', '--json', '--repo', place('repository'), '--key-file', place('key')]
    const snapshots = JSON.parse((await ok(...args)).stdout)
    expect(snapshots.map(({ id }: Json) => id).indexOf(done.snapshot_id)).toBe(1)
  })
})

describe('a drill fails', () => {
  it('where a pack is damaged: the file is named, people hear of it, and that it is over', async () => {
    configure('keep: failed', 'objectives: { critical: { recovery-time: 1h } }')
    writeFileSync(place('app', 'large.bin'), seededBytes(300_000, 7))
    await ok('backup', '--job', 'nightly')
    const mend = damageLargestPack()
    const failed = await report(1)
    expect(failed.ok).toBe(false)
    expect(failed.failures.length).toBeGreaterThan(0)
    expect(failed.failures.every(({ kind }: Json) => kind === 'file' || kind === 'database')).toBe(true)
    expect(left()).toEqual([failed.kept.slice(failed.kept.lastIndexOf('/') + 1)])
    const run = await expectStatus(1, 'drill', 'trial')
    expect(run.stderr).toMatch(/^snap: the drill trial failed: \//m)
    expect(alerts()).toMatchObject([
      { event: 'raised', kind: 'drill', key: 'drill:trial', severity: 'critical', job: 'nightly' },
    ])
    expect((await notes())[0]).toMatchObject({ result: 'failed', drill: { name: 'trial' } })
    const status = await expectStatus(5, 'status')
    expect(status.stderr).toContain('trial is critical')
    expect(status.stdout).toMatch(/^nightly +healthy/m)
    expect(readFileSync(place('snap.prom'), 'utf8')).toMatch(/^snap_drill_ok\{.*\} 0$/m)
    mend()
    await ok('drill', 'trial')
    expect(alerts().at(-1)).toMatchObject({ event: 'cleared', key: 'drill:trial' })
    await ok('status')
  })

  it('where a probe does: all of them run, and what they say is masked', async () => {
    writeFileSync(place('secret'), 'a secret of snap')
    configure(
      `probes: ['echo first; exit 3', 'echo "it is $(cat HERE/secret)"', 'echo "$(cat HERE/secret)" >&2; exit 4']`,
      'daemon: { listen: "unix:HERE/socket", token: file:HERE/secret }',
    )
    await ok('backup', '--job', 'nightly')
    const failed = await report(1)
    expect(failed.failures).toMatchObject([
      { kind: 'probe', what: 'echo first; exit 3', reason: 'sh ended with status 3' },
      { kind: 'probe', reason: 'sh ended with status 4: ***' },
    ])
    expect(failed.probes.map(({ ok: isOk }: Json) => isOk)).toEqual([false, true, false])
    expect(left()).toEqual([])
    const { stdout } = await ok('logs', 'trial')
    expect(stdout).toContain('it is ***')
    expect(stdout).not.toContain('a secret of snap')
    expect(JSON.stringify(await notes())).not.toContain('a secret of snap')
    expect((await notes())[0].drill.failures).toMatchObject([{}, { reason: 'sh ended with status 4: ***' }])
    expect(readFileSync(place('alerts.log'), 'utf8')).not.toContain('a secret of snap')
  })

  it('where what was restored is altered before it is compared', async () => {
    for (let at = 0; at < 400; at++) writeFileSync(place('app', `file-${at}`), `${at}`.repeat(2_000))
    configure('')
    await ok('backup', '--job', 'nightly')
    // Somebody writes into one of the first files for as long as it is there.
    const path = `.${place('app', 'a.txt')}`
    const meddler = spawn(
      'sh',
      [
        '-c',
        `while :; do for d in '${place('drills')}'/*/; do [ -s "$d/${path}" ] && echo x >> "$d/${path}"; done; done`,
      ],
      { stdio: 'ignore' },
    )
    try {
      const failed = await report(1)
      expect(failed.failures).toMatchObject([{ kind: 'file', what: place('app', 'a.txt') }])
      expect(failed.failures[0].reason).toMatch(/bytes|content/)
    } finally {
      meddler.kill('SIGKILL')
    }
  })

  it('where a database has not the rows that the snapshot records', async () => {
    configure('')
    await ok('backup', '--job', 'nightly')
    const bytes = readFileSync(place('ledger.db'))
    const facts = { integrity: 'ok', rows: { entries: 4 } }
    await saveForged(bytes, facts)
    const failed = await report(1)
    expect(failed.failures).toEqual([
      { kind: 'database', what: 'ledger', reason: 'table entries has 3 rows, and 4 by the snapshot' },
    ])
    await saveForged(bytes.subarray(0, 5_000), { integrity: 'ok' })
    expect((await report(1)).failures).toMatchObject([{ kind: 'database', what: 'ledger' }])
    await saveForged(bytes, { integrity: 'ok', rows: { entries: 3 } })
    expect((await report(0)).databases).toMatchObject([{ result: 'good', rows: 3 }])
  })

  it('where a link stands in the place of a database, which is not opened', async () => {
    configure('')
    const repository = await openHere()
    await using _ = repository
    mkdirSync(place('planted', '@ledger'), { recursive: true })
    symlinkSync(place('ledger.db'), place('planted', '@ledger', 'ledger.db'))
    await saveIn(repository, { paths: [place('planted')] }, `${place('planted')}/@ledger/ledger.db`, {})
    const failed = await report(1)
    expect(failed.failures).toEqual([{ kind: 'database', what: 'ledger', reason: 'it was not restored' }])
  })

  it('where there is no room, and nothing is restored', async () => {
    configure('')
    writeFileSync(place('app', 'huge'), '')
    truncateSync(place('app', 'huge'), 4 * 1024 ** 4)
    await ok('backup', '--job', 'nightly')
    const run = await expectStatus(1, 'drill', 'trial', '--json')
    expect(run.stderr).toContain('"error":"TARGET_FULL"')
    expect(run.stderr).toContain('there is no room for the drill')
    expect(left()).toEqual([])
  })

  it('after its time, and where there is no snapshot', async () => {
    configure(`probes: ['sleep 60'], time-limit: 2s`)
    const none = await expectStatus(1, 'drill', 'trial')
    expect(none.stderr).toContain('the job nightly has no complete snapshot')
    await ok('backup', '--job', 'nightly')
    const run = await expectStatus(1, 'drill', 'trial')
    expect(run.stderr).toContain('trial was ended: it took longer than 2s')
    expect(left()).toEqual([])
  })
})

describe('a drill', () => {
  it('runs once at a time, and what a killed one has left goes with the next', async () => {
    configure(`probes: ['touch HERE/probing; sleep $(cat HERE/wait)']`)
    writeFileSync(place('wait'), '60')
    await ok('backup', '--job', 'nightly')
    const running = sandbox.start(['drill', 'trial'], { env })
    while (!existsSync(place('probing'))) await new Promise((resolve) => setTimeout(resolve, 20))
    await expectStatus(11, 'drill', 'trial')
    running.child.kill('SIGKILL')
    await running.ended
    const [former] = left()
    expect(former).toMatch(/^snap-drill-trial-/)
    // What others have made there stays.
    mkdirSync(place('drills', 'mine'))
    writeFileSync(place('wait'), '0')
    await ok('drill', 'trial')
    expect(left()).toEqual(['mine'])
    const outcomes = JSON.parse((await ok('runs', '--json', '--job', 'trial')).stdout)
    expect(outcomes.map(({ outcome }: Json) => outcome)).toEqual(['ok', 'died'])
  })

  it('removes nothing behind a link, and touches nothing that it restored from', async () => {
    mkdirSync(place('elsewhere'))
    writeFileSync(place('elsewhere', 'file'), 'x')
    symlinkSync(place('elsewhere'), place('app', 'out'))
    configure('')
    await ok('backup', '--job', 'nightly')
    const before = [lstatSync(place('app', 'a.txt')).mtimeMs, statSync(place('ledger.db')).mtimeMs]
    await ok('drill', 'trial')
    expect(readFileSync(place('elsewhere', 'file'), 'utf8')).toBe('x')
    expect([lstatSync(place('app', 'a.txt')).mtimeMs, statSync(place('ledger.db')).mtimeMs]).toEqual(before)
  })

  it.runIf(isRoot)(
    'removes nothing behind what a probe has mounted, says so, and the next one tries again',
    async () => {
      mkdirSync(place('precious'))
      writeFileSync(place('precious', 'file'), 'x')
      configure(`probes: ['mkdir mounted; mount --bind HERE/precious mounted']`)
      await ok('backup', '--job', 'nightly')
      const { stderr } = await ok('drill', 'trial')
      const [first = ''] = left()
      const point = place('drills', first, 'mounted')
      onTestFinished(() => void spawnSync('umount', ['-l', point]))
      expect(readdirSync(place('precious'))).toEqual(['file'])
      expect(stderr).toContain(`something is mounted at ${point}`)

      configure('')
      const again = await ok('drill', 'trial')
      expect(again.stderr).toContain(`${place('drills', first)}, which an earlier drill had left, stays: `)
      expect(left()).toEqual([first])
      execFileSync('umount', [point])
      const last = await ok('drill', 'trial')
      expect(last.stderr).toContain(`removed ${place('drills', first)}, which an earlier drill had left`)
      expect(left()).toEqual([])
      expect(readdirSync(place('precious'))).toEqual(['file'])
      expect((await ok('drill', 'trial')).stderr).not.toContain('earlier drill')
    },
  )

  it('keeps what failed until its next run, and never two of them', async () => {
    configure(`keep: failed, probes: ['false']`)
    await ok('backup', '--job', 'nightly')
    const first = await report(1)
    const second = await report(1)
    expect(second.kept).not.toBe(first.kept)
    expect(left().map((name) => place('drills', name))).toEqual([second.kept])
    configure('keep: failed')
    const { stderr } = await ok('drill', 'trial')
    expect(stderr).toContain(`removed ${second.kept}, which an earlier drill had kept`)
    expect(left()).toEqual([])
  })

  it('into the repository is refused, and makes nothing there', async () => {
    configure('')
    await ok('backup', '--job', 'nightly')
    writeFileSync(
      place('snap.yaml'),
      readFileSync(place('snap.yaml'), 'utf8').replace(
        `into: ${place('drills')}`,
        `into: ${place('repository', 'x')}`,
      ),
    )
    const run = await expectStatus(2, 'drill', 'trial')
    expect(run.stderr).toContain('which is the repository or its cache')
    expect(existsSync(place('repository', 'x'))).toBe(false)
    symlinkSync(place('repository'), place('way'))
    configure('')
    writeFileSync(
      place('snap.yaml'),
      readFileSync(place('snap.yaml'), 'utf8').replace(
        `into: ${place('drills')}`,
        `into: ${place('way', 'x', 'y')}`,
      ),
    )
    await expectStatus(2, 'drill', 'trial')
    expect(existsSync(place('repository', 'x'))).toBe(false)
  })

  it.runIf(isRoot)(
    'of a repository that cannot be written keeps its evidence here, and says so',
    async () => {
      configure('')
      await ok('backup', '--job', 'nightly')
      const repository = place('repository')
      execFileSync('mount', ['--bind', repository, repository])
      try {
        execFileSync('mount', ['-o', 'remount,ro,bind', repository])
        const run = await ok('drill', 'trial')
        expect(run.stderr).toContain('not noted in the audit trail')
        expect(run.stderr).toContain('the evidence is in the history and the log of this run alone')
        expect((await ok('logs', 'trial')).stdout).toContain('recovery_ms=')
      } finally {
        execFileSync('umount', [repository])
      }
      expect(await notes()).toEqual([])
    },
  )

  it('is run by the schedule, and is overdue where nobody does', async () => {
    configure('schedule: hourly')
    await ok('backup', '--job', 'nightly')
    await ok('schedule', 'run')
    const list = JSON.parse((await ok('schedule', 'list', '--json')).stdout)
    expect(list).toMatchObject([
      { job: 'nightly', kind: 'backup' },
      { job: 'trial', kind: 'drill', schedule: ['hourly'] },
    ])
    // It was due three hours ago.
    const state = new Sqlite(place('state', 'state.sqlite'))
    const hours = Date.now() - 3 * 3_600_000
    state
      .prepare("UPDATE remembered SET value = ? WHERE name LIKE 'due %' OR name LIKE 'known %trial'")
      .run(String(hours))
    state.close()
    // There too it is remembered.
    rmSync(place('state', 'marks'), { recursive: true })
    await expectStatus(5, 'status', '--notify')
    expect(alerts()).toMatchObject([{ event: 'raised', key: 'drill-overdue:trial', severity: 'warning' }])
    await ok('schedule', 'run')
    const [run] = JSON.parse((await ok('runs', '--json')).stdout)
    expect(run).toMatchObject({ job: 'trial', kind: 'drill', trigger: 'schedule', outcome: 'ok' })
    expect(alerts().at(-1)).toMatchObject({ event: 'cleared', key: 'drill-overdue:trial' })
  })

  it('with the name of a job, of a job that is not there, or of what the job does not save, is refused with its line', async () => {
    configure('categories: [optional], types: [pictures], databases: { to: "http://x" }')
    writeFileSync(
      place('snap.yaml'),
      readFileSync(place('snap.yaml'), 'utf8').replace(
        '\nnotifications',
        '\n  nightly: { job: nightly }\n  other: { job: weekly }\nnotifications',
      ),
    )
    const run = await expectStatus(2, 'config', 'check')
    const lines = run.stderr.split('\n').filter((text) => text.startsWith('snap: '))
    expect(lines.map((text) => text.replace(/^.*snap\.yaml:/, ''))).toEqual([
      expect.stringMatching(
        /^11:\d+: drills.trial.categories\[0\]: the job nightly does not save a category/,
      ),
      expect.stringMatching(/^11:\d+: drills.trial.types\[0\]: the job nightly does not save a data type/),
      expect.stringMatching(/^11:\d+: drills.trial.databases.to: it is no address of a PostgreSQL server/),
      expect.stringMatching(/^12:\d+: drills.nightly: there is a job "nightly"/),
      expect.stringMatching(/^13:\d+: drills.other.job: there is no job "weekly"/),
    ])
  })

  it('that is slower than its objective is told, until one is quick enough', async () => {
    configure(`probes: ['sleep $(cat HERE/wait)']`, 'objectives: { critical: { recovery-time: 5s } }')
    writeFileSync(place('wait'), '6')
    await ok('backup', '--job', 'nightly')
    await ok('drill', 'trial')
    expect(alerts()).toMatchObject([
      { event: 'raised', kind: 'objective', key: 'objective:critical:recovery-time' },
    ])
    expect(alerts()[0].reason).toMatch(
      /its recovery took \d+s in the last good drill, longer than the 5s that it may take/,
    )
    const late = await expectStatus(5, 'status', '--json')
    expect(JSON.parse(late.stdout).drills[0]).toMatchObject({ health: 'stale' })
    writeFileSync(place('wait'), '0')
    await ok('drill', 'trial')
    expect(alerts().at(-1)).toMatchObject({ event: 'cleared', key: 'objective:critical:recovery-time' })
  })
})

describe('of a PostgreSQL database with a subscription', () => {
  it('leaves replication alone, and what an earlier drill has left there is a warning', {
    timeout: 120_000,
  }, async () => {
    const server = await Postgres.start()
    writeFileSync(place('password'), PASSWORD, { mode: 0o600 })
    server.sql('postgres', 'CREATE DATABASE shop')
    server.sql('shop', 'CREATE TABLE orders (n int); INSERT INTO orders VALUES (1); CREATE PUBLICATION own')
    const subscribe = (database: string, name: string): string =>
      server.sql(
        database,
        `CREATE SUBSCRIPTION ${name} CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect=false)`,
      )
    subscribe('shop', 's')
    const databases = (): string =>
      server.sql('postgres', "SELECT datname FROM pg_database WHERE datname LIKE 'snap%'")
    const yaml = (more: string, drill = ''): void =>
      writeFileSync(
        place('snap.yaml'),
        `
repositories: { local: { path: ${place('repository')}, key-file: ${place('key')} } }
sources:
  shop: { postgres: { database: shop, host: 127.0.0.1, port: ${server.port}, user: postgres, password: 'file:${place('password')}', programs: ${server.programs}${more} } }
categories: { critical: { orders: [shop] } }
jobs: { nightly: { scope: [critical] } }
drills: { trial: { job: nightly, into: ${place('drills')}${drill} } }
`,
        { mode: 0o600 },
      )
    writeFileSync(
      place('look.sh'),
      `#!/bin/sh
export PGPASSWORD='${PASSWORD}'
exec ${join(server.programs, 'psql')} -h 127.0.0.1 -p ${server.port} -U postgres -At -d "$SNAP_DATABASE_SHOP" -c "$1"
`,
      { mode: 0o755 },
    )
    yaml('')
    await ok('backup', '--job', 'nightly')
    const good = await ok('drill', 'trial')
    expect(good.stderr).not.toContain('cannot be dropped')
    expect(databases()).toBe('')

    // A probe that subscribes leaves a database that cannot be dropped: the next one says so, and is good.
    const sql = "CREATE SUBSCRIPTION t CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect=false)"
    yaml('', `, probes: [[./look.sh, "${sql}"]]`)
    expect((await ok('drill', 'trial')).stderr).toContain('cannot be dropped')
    const stuck = databases()
    expect(stuck).toMatch(/^snap_drill_\w+$/)
    yaml('')
    expect((await ok('drill', 'trial')).stderr).toContain(
      `the database ${stuck}, which an earlier drill had left, stays: `,
    )
    expect(databases()).toBe(stuck)
    server.sql(stuck, 'ALTER SUBSCRIPTION t SET (slot_name = NONE)')
    server.sql(stuck, 'DROP SUBSCRIPTION t')
    expect((await ok('drill', 'trial')).stderr).toContain(`dropped ${stuck}`)

    yaml(', format: plain')
    await ok('backup', '--job', 'nightly')
    const failed = await report(1)
    expect(failed.failures[0].reason).toContain('it makes a subscription')
    expect(databases()).toBe('')
    expect(server.sql('postgres', 'SELECT subname FROM pg_subscription')).toBe('s')
  })
})

describe('of a PostgreSQL database', () => {
  it('a dump is restored into a database that is dropped again, whatever happens', {
    timeout: 120_000,
  }, async () => {
    const server = await Postgres.start()
    writeFileSync(place('password'), PASSWORD, { mode: 0o600 })
    server.sql('postgres', 'CREATE DATABASE shop')
    server.sql('shop', 'CREATE TABLE orders (n int); INSERT INTO orders SELECT generate_series(1, 500)')
    server.sql(
      'shop',
      'CREATE TABLE empty (n int); CREATE ROLE owner; ALTER TABLE orders OWNER TO owner; ANALYZE',
    )
    const databases = (): string =>
      server.sql('postgres', "SELECT datname FROM pg_database WHERE datname LIKE 'snap%'")
    const yaml = (drill: string, port = server.port): void =>
      writeFileSync(
        place('snap.yaml'),
        `
repositories: { local: { path: ${place('repository')}, key-file: ${place('key')} } }
sources:
  shop: { postgres: { database: shop, host: 127.0.0.1, port: ${port}, user: postgres, password: 'file:${place('password')}', programs: ${server.programs} } }
categories: { critical: { orders: [shop] } }
jobs: { nightly: { scope: [critical] } }
drills: { trial: { job: nightly, into: ${place('drills')}, ${drill} } }
`,
        { mode: 0o600 },
      )
    writeFileSync(
      place('sum.sh'),
      `#!/bin/sh
export PGPASSWORD='${PASSWORD}'
test "$(${join(server.programs, 'psql')} -h 127.0.0.1 -p ${server.port} -U postgres -At -c 'SELECT sum(n) FROM orders' "$SNAP_DATABASE_SHOP")" = 125250
`,
      { mode: 0o755 },
    )
    yaml('probes: [[./sum.sh]]')
    await server.until('shop', 'SELECT sum(n_live_tup) = 500 FROM pg_stat_user_tables')
    await ok('backup', '--job', 'nightly')
    expect(await report(0)).toMatchObject({
      categories: ['critical'],
      databases: [{ source: 'shop', kind: 'postgres', result: 'good', tables: 2, rows: 500 }],
    })
    expect(databases()).toBe('')

    // Into another server's address; there too it is gone at the end, also where a probe fails.
    yaml(
      `databases: { to: 'postgresql://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}' }, probes: ['false']`,
    )
    const failed = await expectStatus(1, 'drill', 'trial', '--json')
    expect(failed.stdout + failed.stderr).not.toContain(encodeURIComponent(PASSWORD))
    expect(databases()).toBe('')

    // Ended meanwhile, and killed: the next takes away what the killed one has left.
    yaml(`probes: ['touch ${place('probing')}; sleep 60'], time-limit: 8s`)
    await expectStatus(1, 'drill', 'trial')
    expect(databases()).toBe('')
    yaml(`probes: ['touch ${place('again')}; sleep 60']`)
    const running = sandbox.start(['drill', 'trial'], { env })
    while (!existsSync(place('again'))) await new Promise((resolve) => setTimeout(resolve, 50))
    running.child.kill('SIGKILL')
    await running.ended
    expect(databases()).toMatch(/^snap_drill_[0-9a-f]{12}_[0-9a-f]{8}$/)
    yaml('')
    await ok('drill', 'trial')
    expect(databases()).toBe('')

    // The server is away.
    yaml('', 1)
    const away = await report(1)
    expect(away.failures).toMatchObject([{ kind: 'database', what: 'shop' }])
    expect(away.failures[0].reason).toMatch(/refused|connect/i)
    expect(left()).toEqual([])
    expect(server.sql('shop', 'SELECT count(*) FROM orders')).toBe('500')
  })
})
